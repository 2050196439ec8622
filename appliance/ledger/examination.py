"""The whole ledger read again and recomputed: intact, or every fault named with its entry.

Three things have to agree: the chain of keyed tags, the root over all leaves, and the signed
heads. A ledger that is intact is read once, line by line; only one that is not is looked at
closely.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import LedgerBroken
from appliance.ledger import entry as entries
from appliance.ledger import files
from appliance.ledger.checkpoint import Checkpoint, open_checkpoint, signer_of
from appliance.ledger.faults import Claim, Fault, FaultKind, locate
from appliance.ledger.signing import Verifier
from appliance.ledger.tree import Frontier, leaf_hash
from appliance.records.events import Event

# One fault is enough to fail; a list of a million helps nobody.
MAX_FAULTS: Final = 100


@dataclass(frozen=True, slots=True)
class Examination:
    """What a full reading found.

    Attributes:
        entries: Number of whole lines.
        head: The newest head with a good signature, or None.
        root: Hex digits of the root over the entries as they stand.
        unsigned: Entries after the newest head: a crash came before the next one was signed.
        torn_bytes: Bytes of a last line that was never finished; the next writer cuts them off.
        last: The last entry's event; None where there is none, or it is no entry.
        faults: At most `MAX_FAULTS`, in the file's order, those about the whole last.
    """

    entries: int
    head: Checkpoint | None
    root: str
    unsigned: int
    torn_bytes: int
    last: Event | None
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        """Whether everything agrees."""
        return not self.faults


@dataclass(slots=True)
class _Reading:
    """One pass over the lines: what it saw, and whether every tag did fit."""

    frontier: Frontier
    roots: dict[int, bytes]
    first_kind: str = ""
    last_body: bytes = b""
    torn_bytes: int = 0
    all_fit: bool = True


def examine(
    directory: Path, key: bytes, *, first_kind: str = "", kept: Sequence[Checkpoint] = ()
) -> Examination:
    """Everything in the ledger is read and recomputed; nothing is changed.

    Args:
        directory: The ledger's.
        key: As for `Ledger.open`.
        first_kind: The kind that entry 0 must have; "" where any will do.
        kept: Heads of this ledger that were kept where its machine can't change them.

    Raises:
        LedgerBroken: There are no entries at all.
    """
    path = directory / files.ENTRIES
    tag_key = entries.derive_tag_key(key)
    with files.locked(directory, exclusive=False), files.disk_errors():
        if not path.exists():
            raise LedgerBroken("The ledger's entries are gone.", "Restore them from the backup.")
        heads = _good_heads(directory, signer_of(key).verifier)
        reading = _read(path, tag_key, {head.size for head in (*heads, *kept)})
        newest = max(heads, key=lambda head: head.size, default=None)
        size = newest.size if newest else 0
        faults = [] if reading.all_fit else list(locate(list(_claims(path, tag_key)), size))
    faults += _judge_heads(reading, heads)
    faults += _judge_kept(reading, kept)
    if first_kind and reading.first_kind != first_kind:
        what = f"The ledger does not begin with {first_kind}."
        faults.append(Fault(FaultKind.BEGINNING, 0, what))
    return Examination(
        entries=reading.frontier.size,
        head=newest,
        root=reading.frontier.root().hex(),
        unsigned=max(0, reading.frontier.size - size),
        torn_bytes=reading.torn_bytes,
        last=_event(reading.last_body),
        faults=tuple(faults[:MAX_FAULTS]),
    )


def _good_heads(directory: Path, verifier: Verifier) -> list[Checkpoint]:
    heads = []
    for signed in files.read_slots(directory / files.HEAD):
        try:
            heads.append(open_checkpoint(signed, verifier))
        except LedgerBroken:
            # The other slot may hold a good one: a power cut can spoil one of the two.
            continue
    return heads


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _read(path: Path, tag_key: bytes, sizes: set[int]) -> _Reading:
    frontier, tag = Frontier(), entries.FIRST_TAG
    reading = _Reading(frontier, {0: frontier.root()})
    for line in _lines(path):
        if not line.endswith(b"\n"):
            reading.torn_bytes = len(line)
            break
        body = line[entries.TAG_DIGITS + 1 : -1]
        try:
            _, tag = entries.unseal(line[:-1], tag, tag_key)
        except entries.Malformed:
            reading.all_fit = False
        if frontier.size == 0:
            first = _event(body)
            reading.first_kind = first.kind if first else ""
        reading.last_body = body
        frontier.append(leaf_hash(body))
        if frontier.size in sizes:
            reading.roots[frontier.size] = frontier.root()
    return reading


def _event(body: bytes) -> Event | None:
    try:
        return entries.decode(body)[1]
    except entries.Malformed:
        return None


def _claims(path: Path, tag_key: bytes) -> Iterator[Claim]:
    # The line after one that does not fit may follow the tag as it stands (the entry was
    # altered) or the tag as it should be (the tag was): either way it is good itself.
    tags = [entries.FIRST_TAG]
    for line in _lines(path):
        if not line.endswith(b"\n"):
            return
        body = line[entries.TAG_DIGITS + 1 : -1]
        fits = any(_fits(line[:-1], tag, tag_key) for tag in tags)
        written = line[: entries.TAG_DIGITS].decode("ascii", "replace")
        tags = [written] if fits else [written, entries.seal(body, tags[0], tag_key)[1]]
        try:
            yield Claim(entries.decode(body)[0], fits)
        except entries.Malformed:
            yield Claim(None, fits)


def _fits(line: bytes, tag: str, tag_key: bytes) -> bool:
    try:
        entries.unseal(line, tag, tag_key)
    except entries.Malformed:
        return False
    return True


def _judge_heads(reading: _Reading, heads: Sequence[Checkpoint]) -> Iterator[Fault]:
    if not heads:
        yield Fault(FaultKind.HEAD, None, "There is no head with a good signature of this key.")
    size = reading.frontier.size
    for head in heads:
        if head.size > size:
            what = f"The head says {head.size} entries; there are {size}."
            yield Fault(FaultKind.CUT, size, what)
        elif reading.roots[head.size] != head.root:
            what = f"The root over the first {head.size} entries is not the signed one."
            yield Fault(FaultKind.ROOT, None, what)


def _judge_kept(reading: _Reading, kept: Sequence[Checkpoint]) -> Iterator[Fault]:
    size = reading.frontier.size
    for head in kept:
        if head.size > size:
            what = f"A head kept elsewhere has {head.size} entries; there are {size}."
            yield Fault(FaultKind.ROLLED_BACK, size, what)
        elif reading.roots[head.size] != head.root:
            what = f"The first {head.size} entries are not those of a head kept elsewhere."
            yield Fault(FaultKind.FORKED, None, what)
