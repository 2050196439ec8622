"""The ledger: `record` returns when the entry is on disk, and never before.

How an append survives what can happen to it, under an exclusive lock:

1. Lines that other processes appended since are read and checked.
2. The new lines are written in one go and synced. A process killed here leaves at most one
   incomplete last line, which nobody was told of: the next writer cuts it off.
3. The new head is signed and put into the older of two slots. A head that a crash kept behind
   the entries is no fault: the entries after it carry tags that only this site's key makes.

Entries that a head covers are never missing, changed or moved, or `LedgerBroken` says so. What
one machine can't notice by itself is a rollback of the whole directory to an older state, head
included: for that somebody elsewhere must keep a head.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.errors import LedgerBroken
from appliance.ledger import entry as entries
from appliance.ledger import files
from appliance.ledger.checkpoint import Checkpoint, open_checkpoint, signer_of
from appliance.ledger.signing import Verifier
from appliance.ledger.tree import Frontier, leaf_hash
from appliance.records.clock import Clock
from appliance.records.events import Event, Fact

STEPPED_BACK: Final = "clock.stepped-back"
_NEXT_STEP: Final = (
    "Run `appliance ledger verify` to see where, keep a copy of the ledger directory, and find "
    "out who changed it."
)


@dataclass(slots=True)
class Tail:
    """Where the entries end: all that is needed to go on."""

    tag: str = entries.FIRST_TAG
    at: str = ""
    offset: int = 0
    frontier: Frontier = field(default_factory=Frontier)


class Ledger:
    """One site's ledger, open for appending; several processes may hold it open at once."""

    def __init__(
        self,
        directory: Path,
        *,
        key: bytes,
        clock: Clock,
        actor: str,
        policy_digest: str,
    ) -> None:
        self._directory = directory
        self._signer = signer_of(key)
        self._tag_key = entries.derive_tag_key(key)
        self._clock = clock
        self._actor = actor
        self._policy_digest = policy_digest
        self._tail = Tail()
        self._slot = 0

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        key: bytes,
        clock: Clock,
        actor: str,
        policy_digest: str,
        create: bool = True,
    ) -> "Ledger":
        """The ledger in `directory`, its entries checked against its head, ready to be appended to.

        Args:
            directory: Exists; holds the ledger, or nothing of it yet.
            key: 32 bytes: seed of the Ed25519 key, and source of the key of the tags.
            clock: Where entries get their time from.
            actor: The operating system's user name.
            policy_digest: Of the policies in force.
            create: Start an empty ledger where there is none; off for a site that has had one.

        Raises:
            LedgerBroken: Entries and head do not agree, or `create` is off and there is none.
        """
        ledger = cls(directory, key=key, clock=clock, actor=actor, policy_digest=policy_digest)
        with files.locked(directory, exclusive=True), files.disk_errors():
            if not _exists(directory):
                if not create:
                    raise LedgerBroken("The site's ledger is gone.", "Restore it from its backup.")
                ledger._start()
            ledger._catch_up()
        return ledger

    @property
    def verifier(self) -> Verifier:
        """Checks this ledger's heads; holds the public key only."""
        return self._signer.verifier

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """The event is on disk, durably, under the returned index (0-based).

        Raises:
            ValueError: The kind or a fact has a form that could hold prose.
            LedgerBroken: Somebody cut or altered the ledger since it was opened.
            NoSpace: The disk is full; the ledger is as it was.
        """
        return self.record_many([(kind, facts)])[-1]

    def record_many(self, events: Iterable[tuple[str, Mapping[str, Fact]]]) -> range:
        """All events are on disk, durably and next to each other, under the returned indices.

        One sync for all of them. A crash in between may keep the first few only.

        Raises:
            ValueError: See `record`; then nothing was written.
        """
        pending = list(events)
        for kind, facts in pending:
            entries.check_event(kind, facts)
        if not pending:
            return range(0)
        with files.locked(self._directory, exclusive=True), files.disk_errors():
            self._catch_up()
            size = self._append(pending)
        return range(size - len(pending), size)

    def head(self) -> Checkpoint:
        """The newest head, after reading what other processes appended."""
        with files.locked(self._directory, exclusive=True), files.disk_errors():
            self._catch_up()
        frontier = self._tail.frontier
        return Checkpoint(self.verifier.name, frontier.size, frontier.root())

    def signed_head(self) -> bytes:
        """The newest head in the checkpoint format, to be kept elsewhere."""
        return self.head().signed(self._signer)

    def mark(self) -> tuple[bytes, int]:
        """The newest head, signed, and how many bytes of the entries file it is of.

        These bytes never change again: whoever copies them and the head has the ledger as it is
        now, whatever is appended meanwhile.
        """
        signed = self.signed_head()
        return signed, self._tail.offset

    def last_at(self) -> str:
        """The time of the last entry, ISO 8601; "" of an empty ledger."""
        self.head()
        return self._tail.at

    def _start(self) -> None:
        # Entries first: a head without entries file would look like a deleted one.
        os.close(files.open_private(self._directory / files.ENTRIES))
        self._write_head(Frontier(), sync=True)
        files.sync_directory(self._directory)

    def _append(self, pending: list[tuple[str, Mapping[str, Fact]]]) -> int:
        tail, lines = self._tail, bytearray()
        frontier, tag = tail.frontier.copy(), tail.tag
        now = self._clock.now().astimezone(UTC).isoformat(timespec="microseconds")
        for kind, facts in [*self._step_back(now), *pending]:
            event = Event(kind, now, self._actor, self._policy_digest, facts)
            body = entries.encode(frontier.size, event)
            line, tag = entries.seal(body, tag, self._tag_key)
            lines += line
            frontier.append(leaf_hash(body))
        handle = files.open_private(self._directory / files.ENTRIES)
        try:
            files.append_durably(handle, tail.offset, bytes(lines))
        finally:
            os.close(handle)
        self._tail = Tail(tag, now, tail.offset + len(lines), frontier)
        self._write_head(frontier)
        return frontier.size

    def _step_back(self, now: str) -> Iterator[tuple[str, Mapping[str, Fact]]]:
        # A ledger that refused to write under a wrong clock would lose evidence; it says so.
        if now < self._tail.at:
            step = datetime.fromisoformat(self._tail.at) - datetime.fromisoformat(now)
            yield STEPPED_BACK, {"seconds": round(step.total_seconds(), 6)}

    def _write_head(self, frontier: Frontier, *, sync: bool = False) -> None:
        head = Checkpoint(self.verifier.name, frontier.size, frontier.root())
        handle = files.open_private(self._directory / files.HEAD)
        try:
            files.write_slot(handle, self._slot, head.signed(self._signer))
            if sync:
                os.fsync(handle)
        finally:
            os.close(handle)
        self._slot = 1 - self._slot

    def _heads(self) -> list[Checkpoint | None]:
        return [
            _open_slot(self.verifier, signed)
            for signed in files.read_slots(self._directory / files.HEAD)
        ]

    def _catch_up(self) -> None:
        path = self._directory / files.ENTRIES
        try:
            length = path.stat().st_size
        except FileNotFoundError:
            raise LedgerBroken("The ledger's entries are gone.", _NEXT_STEP) from None
        if length == self._tail.offset and length:
            return
        if length < self._tail.offset:
            raise LedgerBroken("The ledger was cut while it was in use.", _NEXT_STEP)
        self._read_new(path, length)

    def _read_new(self, path: Path, length: int) -> None:
        heads = self._heads()
        sizes = [head.size if head else -1 for head in heads]
        # The older slot is the next to be written; nobody else writes while we hold the lock.
        self._slot = sizes.index(min(sizes))
        newest = max((head for head in heads if head), key=lambda head: head.size, default=None)
        if newest is None:
            raise LedgerBroken("The ledger has no head with a good signature.", _NEXT_STEP)
        tail = Tail(self._tail.tag, self._tail.at, self._tail.offset, self._tail.frontier.copy())
        if tail.frontier.size == newest.size:
            _check_root(tail.frontier, newest)
        last = b""
        with path.open("rb") as file:
            file.seek(tail.offset)
            while (line := file.readline(entries.MAX_LINE_BYTES)).endswith(b"\n"):
                last = self._take(tail, line)
                if tail.frontier.size == newest.size:
                    _check_root(tail.frontier, newest)
        if tail.frontier.size < newest.size:
            raise LedgerBroken(
                f"The ledger has {tail.frontier.size} entries; its head says {newest.size}.",
                _NEXT_STEP,
            )
        if last:
            tail.at = entries.decode(last)[1].at
        self._tail = tail
        try:
            self._mend(path, tail, length)
            if tail.frontier.size > newest.size:
                self._write_head(tail.frontier)
        except OSError as error:
            # What was read is proven; on a disk that is read-only nothing is appended to it.
            if error.errno != errno.EROFS:
                raise

    def _take(self, tail: Tail, line: bytes) -> bytes:
        # A tag that fits is proof enough that we wrote the line: nothing is parsed here, so that
        # a long ledger opens fast.
        try:
            body, tail.tag = entries.unseal(line[:-1], tail.tag, self._tag_key)
        except entries.Malformed as fault:
            raise LedgerBroken(
                f"Entry {tail.frontier.size} is not as it was written: {fault}.", _NEXT_STEP
            ) from None
        tail.offset += len(line)
        tail.frontier.append(leaf_hash(body))
        return body

    def _mend(self, path: Path, tail: Tail, length: int) -> None:
        torn = length - tail.offset
        if torn == 0:
            return
        handle = files.open_private(path)
        try:
            # A power cut can leave a hole of zeros as long as the whole write.
            if (
                os.pread(handle, torn, tail.offset).strip(b"\x00")
                and torn >= entries.MAX_LINE_BYTES
            ):
                raise LedgerBroken(f"{torn} bytes after the last entry are no entry.", _NEXT_STEP)
            os.ftruncate(handle, tail.offset)
            os.fdatasync(handle)
        finally:
            os.close(handle)


def _exists(directory: Path) -> bool:
    """Whether there is a ledger; a start that was interrupted before its head counts as none."""
    entries_path = directory / files.ENTRIES
    has_entries = entries_path.exists() and entries_path.stat().st_size > 0
    return has_entries or (directory / files.HEAD).exists()


def _open_slot(verifier: Verifier, signed: bytes) -> Checkpoint | None:
    try:
        return open_checkpoint(signed, verifier)
    except LedgerBroken:
        return None


def _check_root(frontier: Frontier, head: Checkpoint) -> None:
    if frontier.root() != head.root:
        raise LedgerBroken(
            f"The root over the first {head.size} entries is not the one its head was signed over.",
            _NEXT_STEP,
        )
