"""What an auditor asks of the ledger: its head, its soundness, and proofs to take away.

`verify` reads the keys and the files only: it must work on a ledger that can't be opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.artifacts.writing import check_absent, check_writable, write_atomically
from appliance.errors import BadInput, LedgerBroken
from appliance.ledger.checkpoint import Checkpoint, open_checkpoint, signer_of
from appliance.ledger.examination import Examination, examine
from appliance.ledger.proofs import (
    EntryProof,
    Growth,
    check_export,
    export,
    prove_entry,
    prove_growth,
    read_bodies,
)
from appliance.records.events import Event
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.site import find_site
from appliance.workflows.site import decode_entry, open_site
from appliance.workflows.witness import open_kept, read_kept

FIRST_EVENT = "site.initialised"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The ledger's newest head.

    Attributes:
        head: Origin, size, root.
        signed: In the checkpoint format: what to keep elsewhere.
        verifier_key: Public key in the form name+hash+key.
    """

    head: Checkpoint
    signed: str
    verifier_key: str


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """One entry with its proof: the entry's JSON, the proof in the tlog-proof format."""

    index: int
    entry: str
    proof: str
    verifier_key: str


@dataclass(frozen=True, slots=True)
class Entries:
    """A stretch of the ledger.

    Attributes:
        entries: Index and event, newest first.
        size: Of the whole ledger.
        older: Where the next older stretch begins: to be given as `below`; None at the end.
    """

    entries: tuple[tuple[int, Event], ...]
    size: int
    older: int | None


def list_entries(
    root: Path, *, below: int | None = None, count: int = 50, kind: str = ""
) -> Entries:
    """The newest entries, newest first.

    Args:
        root: The site.
        below: Only those with a smaller index.
        count: How many at most.
        kind: Only those whose kind begins so, e.g. "egress."; "" for all.

    Raises:
        LedgerBroken: The ledger can't be read.
    """
    site = open_site(root)
    size = site.ledger.head().size
    bodies = read_bodies(site.paths.ledger, size)
    found: list[tuple[int, Event]] = []
    for body in reversed(bodies[: size if below is None else max(below, 0)]):
        if f'"kind":"{kind}'.encode() not in body:
            continue
        index, event = decode_entry(body)
        if not event.kind.startswith(kind):
            continue
        if len(found) == count:
            return Entries(tuple(found), size, found[-1][0])
        found.append((index, event))
    return Entries(tuple(found), size, None)


def head(root: Path) -> SignedHead:
    """The newest head, signed.

    Raises:
        LedgerBroken: The ledger can't be opened.
    """
    ledger = open_site(root).ledger
    signed = ledger.signed_head()
    verifier = ledger.verifier
    return SignedHead(open_checkpoint(signed, verifier), signed.decode(), verifier.verifier_key())


def verify(root: Path, witnesses: Sequence[Path] = ()) -> Examination:
    """Everything is read and recomputed; the result lists every fault, and nothing is changed.

    Args:
        root: The site.
        witnesses: Files with heads that were kept elsewhere, or directories of such files: with
            them a ledger that was rolled back or written anew is found, without them it can't be.

    Raises:
        BadInput: A witness can't be read, or holds no signed head.
        LedgerBroken: There is no ledger at all, or a witness is not of this ledger.
    """
    paths = find_site(root)
    key = FileKeys(paths.keys).key(Purpose.LEDGER)
    kept = read_kept(witnesses, signer_of(key).verifier)
    return examine(paths.ledger, key, first_kind=FIRST_EVENT, kept=kept)


def prove(root: Path, index: int) -> ProvedEntry:
    """Entry `index` and the proof that it stands under the newest head.

    Raises:
        BadInput: There is no such entry.
    """
    site = open_site(root)
    signed, verifier = site.ledger.signed_head(), site.ledger.verifier
    size = open_checkpoint(signed, verifier).size
    proof: EntryProof = prove_entry(read_bodies(site.paths.ledger, size), index, signed)
    proof.check(verifier)
    return ProvedEntry(index, proof.entry.decode(), proof.text(), verifier.verifier_key())


def consistency(root: Path, first: int, second: int | None = None) -> Growth:
    """The proof that the ledger of `first` entries is a prefix of that of `second`, or of all.

    Raises:
        BadInput: The ledger never had that many entries, or `first` is the larger.
    """
    site = open_site(root)
    size = site.ledger.head().size
    for asked in (first, second):
        if asked is not None and not 0 <= asked <= size:
            raise BadInput(
                f"The ledger never had {asked} entries.", f"It has {size}; name a smaller size."
            )
    if second is not None and first > second:
        raise BadInput(
            f"FIRST ({first}) is larger than SECOND ({second}).", "Name the smaller size first."
        )
    return prove_growth(read_bodies(site.paths.ledger, size if second is None else second), first)


def compare_kept(root: Path, kept: Path) -> Growth:
    """The head kept elsewhere in `kept` is of this ledger, which only grew since.

    This is what finds a ledger that was rolled back, or written anew, with its own key.

    Raises:
        BadInput: The file can't be read, or holds no signed head.
        LedgerBroken: The head is not ours, or the ledger is no continuation of it.
    """
    site = open_site(root)
    old = open_kept(kept, site.ledger.verifier)
    size = site.ledger.head().size
    if old.size > size:
        raise LedgerBroken(
            f"The kept head has {old.size} entries, the ledger {size}: it was rolled back.",
            "Restore the ledger from its backup and find out who replaced it.",
        )
    growth = prove_growth(read_bodies(site.paths.ledger, size), old.size)
    if growth.first_root != old.root or not growth.is_good():
        raise LedgerBroken(
            f"The first {old.size} entries are not those of the kept head: they were rewritten.",
            "Restore the ledger from its backup and find out who replaced it.",
        )
    return growth


def write_head(root: Path, out: Path) -> SignedHead:
    """The newest head is in `out`, to be carried to where this machine can't change it."""
    result = head(root)
    write_atomically(out, result.signed.encode(), mode=0o644)
    return result


def write_export(
    root: Path, out: Path, start: int, end: int | None = None, *, dry_run: bool = False
) -> int:
    """Entries `start` to `end` (exclusive; None: all) are in `out`, which proves itself.

    Returns:
        The number of entries written, or that a dry run would write.

    Raises:
        BadInput: No such stretch, or `out` is there already or can't be written.
    """
    check_absent(out)
    site = open_site(root)
    size = site.ledger.head().size
    stop = size if end is None else end
    if not 0 <= start < stop <= size:
        raise BadInput(
            f"There are no entries {start} to {stop}.",
            f"The ledger has entries 0 to {size - 1}; --to is one past the last.",
        )
    if dry_run:
        check_writable(out)
        return stop - start
    # Written ahead: what leaves is on record before it does.
    site.ledger.record("ledger.exported", {"start": start, "end": stop})
    signed, verifier = site.ledger.signed_head(), site.ledger.verifier
    bodies = read_bodies(site.paths.ledger, open_checkpoint(signed, verifier).size)
    content = export(bodies, start, stop, signed, verifier.verifier_key())
    check_export(content, verifier)
    write_atomically(out, content)
    return stop - start
