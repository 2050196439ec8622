"""What an import has met before, in memory that does not grow with it."""

import hashlib
import secrets
import sqlite3
from typing import Any, Final, Self

from appliance.errors import ApplianceError, NoSpace
from appliance.records.notes import SourceNote

_MARK_BYTES: Final = 16
_CACHE_KIB: Final = 2048
_TABLE: Final = "CREATE TABLE seen (mark BLOB PRIMARY KEY, last BLOB) WITHOUT ROWID"


class _Marks:
    """Marks of ids; a context manager.

    They lie in a database of SQLite's that has no name and ends with the process: in memory while
    it is small, then in the system's directory for temporary files (sqlite.org/inmemorydb.html).
    Of an id it holds 128 bits of a hash under a key that is nowhere else.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __enter__(self) -> Self:
        # A transaction that never ends: nothing of this is ever to be durable.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            _TABLE,
            "BEGIN",
        ):
            self._connection.execute(statement)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.close()

    def _mark(self, *parts: str) -> bytes:
        hasher = hashlib.blake2b(digest_size=_MARK_BYTES, key=self._key)
        for part in parts:
            # With its length, so that no two lists of parts make the same bytes.
            content = part.encode()
            hasher.update(len(content).to_bytes(8) + content)
        return hasher.digest()

    def _count(self, statement: str, *values: Any) -> int:
        """How many rows it changed."""
        try:
            return self._connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            name = str(getattr(error, "sqlite_errorname", type(error).__name__))
            raise _translated(name) from None


class SeenIds(_Marks):
    """Ids that came by; a context manager."""

    def add(self, source_id: str) -> bool:
        """The id is among them from now on; whether it is new.

        Raises:
            NoSpace: There is no room for temporary files.
        """
        return self._count("INSERT OR IGNORE INTO seen VALUES (?, '')", self._mark(source_id)) > 0


class PutOff(_Marks):
    """Notes of which only the rest of the import can tell whether they count; a context manager.

    One for an id, the last that came; its text is not kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        """How many there are."""

    def put(self, note: SourceNote) -> None:
        """The note waits, and no other of its id.

        Raises:
            NoSpace: There is no room for temporary files.
        """
        self.drop(note.source_id)
        self.count += self._count(
            "INSERT INTO seen VALUES (?, ?)", self._mark(note.source_id), self._whole(note)
        )

    def holds(self, source_id: str) -> bool:
        """Whether one of that id waits."""
        # An update of nothing, since it counts what it finds.
        statement = "UPDATE seen SET last = last WHERE mark = ?"
        return self.count > 0 and self._count(statement, self._mark(source_id)) > 0

    def drop(self, source_id: str) -> None:
        """None of that id waits."""
        if self.count:
            self.count -= self._count("DELETE FROM seen WHERE mark = ?", self._mark(source_id))

    def take(self, note: SourceNote) -> bool:
        """The note does not wait any more; whether it did."""
        taken = self.count and self._count(
            "DELETE FROM seen WHERE mark = ? AND last = ?",
            self._mark(note.source_id),
            self._whole(note),
        )
        self.count -= taken
        return taken > 0

    def _whole(self, note: SourceNote) -> bytes:
        owner = note.patient_source_id
        return self._mark(
            "" if owner is None else f"+{owner}", note.kind, note.written_on, note.text
        )


def _translated(name: str) -> ApplianceError:
    if name == "SQLITE_FULL" or name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return NoSpace(
            "No space left for temporary files, or they can't be written.",
            "Free some space, or name another directory by TMPDIR, and run the same command again.",
        )
    return ApplianceError(f"The ids of this import can't be kept: {name}.")
