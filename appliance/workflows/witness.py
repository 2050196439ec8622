"""Heads of the ledger kept where its machine can't change them: written there, and read again.

A machine alone can't notice that its whole ledger, head included, was put back to an older state.
Whoever keeps a head elsewhere can: the ledger must still hold the entries that the head is of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import check_writable, disk_errors, write_atomically
from appliance.errors import BadInput, LedgerBroken
from appliance.ledger.checkpoint import Checkpoint, open_checkpoint, origin_of
from appliance.ledger.examination import examine
from appliance.ledger.signing import MAX_BYTES, Verifier
from appliance.settings.keys import Purpose
from appliance.workflows.site import open_site

SUFFIX: Final = ".checkpoint"
EVENT: Final = "ledger.witnessed"


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head that was put elsewhere.

    Attributes:
        path: Where it is, or would be.
        kept: "directory", which keeps each head, or "file", which keeps the newest.
        size: Entries that it is of.
        before: Heads that were there already, each of which the ledger still agrees with.
        signed: In the checkpoint format; "" where it was not written.
    """

    path: Path
    kept: str
    size: int
    before: int
    signed: str


def keep_head(root: Path, to: Path, *, as_folder: bool = False, dry_run: bool = False) -> KeptHead:
    """The newest head is in `to`, beside those before or in the place of the one before.

    Args:
        root: The site.
        to: A directory, which keeps each head in a file of its own, or a file.
        as_folder: It has to be a directory; one that is missing is made, not those above it.
        dry_run: Compare only.

    Raises:
        BadInput: `to` can't be read or written, or holds something else.
        LedgerBroken: The ledger does not agree with what is kept there; nothing is written.
    """
    site = open_site(root)
    if as_folder and to.exists() and not to.is_dir():
        raise BadInput(f"{to} is no directory.", "Name it without a slash at the end, or another.")
    kept = read_kept([to], site.ledger.verifier) if to.exists() else []
    found = examine(site.paths.ledger, site.keys.key(Purpose.LEDGER), kept=kept)
    if found.faults:
        raise LedgerBroken(
            f"The ledger is no continuation of what is kept: {found.faults[0].what}",
            "Run `appliance ledger verify --witness` on it, and find out who changed the ledger.",
        )
    # An entry more: that the head was kept is on record.
    size = site.ledger.head().size + 1
    is_folder = as_folder or to.is_dir()
    is_missing = is_folder and not to.exists()
    path = to / f"{site.ledger.verifier.name.replace('/', '-')}-{size:012}{SUFFIX}"
    path = path if is_folder else to
    check_writable(to if is_missing else path)
    where = "directory" if is_folder else "file"
    if dry_run:
        return KeptHead(path, where, size, len(kept), "")
    if is_missing:
        with disk_errors(to):
            to.mkdir()
    site.ledger.record(EVENT, {"kept": where, "before": len(kept)})
    signed = site.ledger.signed_head()
    write_atomically(path, signed, mode=0o644)
    size = open_checkpoint(signed, site.ledger.verifier).size
    return KeptHead(path, where, size, len(kept), signed.decode())


def read_kept(witnesses: Sequence[Path], verifier: Verifier) -> list[Checkpoint]:
    """The heads in those files, and in the files of those directories, smallest first.

    Raises:
        BadInput: One can't be read, or holds no signed head.
        LedgerBroken: One is of another ledger, or was altered.
    """
    paths = [path for witness in witnesses for path in _files(witness)]
    return sorted((open_kept(path, verifier) for path in paths), key=lambda head: head.size)


def open_kept(path: Path, verifier: Verifier) -> Checkpoint:
    """The head in one file.

    Raises:
        BadInput, LedgerBroken: As `read_kept`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.",
            "Name what `appliance ledger witness` or `ledger head --out` wrote.",
        ) from None
    origin = origin_of(content)
    if origin is None:
        raise BadInput(
            f"{path} holds no signed head.",
            "Name what `appliance ledger witness` or `ledger head --out` wrote.",
        )
    if origin != verifier.name:
        # It may be the wrong file, and it may be that ledger and keys were both replaced.
        raise LedgerBroken(
            f"The kept head is of {origin}, this ledger is {verifier.name}.",
            "Name a head of this site; if that is one, ledger and keys were replaced.",
        )
    try:
        return open_checkpoint(content, verifier)
    except LedgerBroken:
        raise LedgerBroken(
            "The kept head does not bear this ledger's good signature: it was altered.",
            "Compare it with another copy of the head.",
        ) from None


def _files(witness: Path) -> Iterator[Path]:
    """A directory's heads; several sites may share it, but then each needs a name of its own."""
    if witness.is_dir():
        yield from sorted(witness.glob(f"*{SUFFIX}"))
    else:
        yield witness
