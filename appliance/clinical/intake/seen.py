"""What an import has met before, in memory that does not grow with it."""

import hashlib
import secrets
import sqlite3
from typing import Any, Final, Self

from appliance.artifacts.space import is_full
from appliance.errors import ApplianceError, NoSpace

_MARK_BYTES: Final = 16
_CACHE_KIB: Final = 2048
_TABLE: Final = (
    "CREATE TABLE seen (mark BLOB PRIMARY KEY, number INTEGER, owner BLOB) WITHOUT ROWID"
)


_PLACES: Final = "CREATE TABLE places (mark BLOB PRIMARY KEY, start INTEGER, size INTEGER)"


class _Marks:
    """Marks of ids; a context manager.

    They lie in a database of SQLite's that has no name and ends with the process: in memory while
    it is small, then in the system's directory for temporary files (sqlite.org/inmemorydb.html).
    Of an id it holds 128 bits of a hash under a key that is nowhere else.
    """

    _table = _TABLE

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __enter__(self) -> Self:
        # A transaction that never ends: nothing of this is ever to be durable.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            self._table,
            "BEGIN",
        ):
            self._connection.execute(statement)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.close()

    def _mark(self, text: str) -> bytes:
        # What a broken escape of JSON leaves behind is a name like another.
        content = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=_MARK_BYTES, key=self._key).digest()

    def _count(self, statement: str, *values: Any) -> int:
        """How many rows it changed."""
        try:
            return self._connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise _translated(error) from None


class SeenIds(_Marks):
    """Ids that came by; a context manager."""

    def add(self, source_id: str) -> bool:
        """The id is among them from now on; whether it is new.

        Raises:
            NoSpace: There is no room for temporary files.
        """
        return (
            self._count("INSERT OR IGNORE INTO seen (mark) VALUES (?)", self._mark(source_id)) > 0
        )


class Places(_Marks):
    """Where in a file stands what has a name there; a context manager."""

    _table = _PLACES

    def put(self, name: str, start: int, size: int) -> None:
        """The name is that of these bytes; one that was given before is nobody's from now on.

        Args:
            name: How the file calls it.
            start: Where it begins, in bytes.
            size: Its length in bytes.

        Raises:
            NoSpace: There is no room for temporary files.
        """
        self._count(
            "INSERT INTO places VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET size = 0",
            *(self._mark(name), start, size),
        )

    def find(self, name: str) -> tuple[int, int] | None:
        """Where that begins which has the name, and its length; None where nothing has it alone."""
        statement = "SELECT start, size FROM places WHERE mark = ? AND size > 0"
        row = self._connection.execute(statement, (self._mark(name),)).fetchone()
        return None if row is None else (int(row[0]), int(row[1]))


class PutOff(_Marks):
    """Messages of which only the rest of the import can tell whether they count; a context manager.

    Of each id the number of the first in the import, and whose the note is by the last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        """Of how many ids some wait."""

    def put(self, source_id: str, number: int, owner: str | None) -> None:
        """The message waits, and all of its id after it.

        Raises:
            NoSpace: There is no room for temporary files.
        """
        self.count += not self.holds(source_id)
        self._count(
            "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner",
            *(self._mark(source_id), number, self._owner(owner)),
        )

    def holds(self, source_id: str) -> bool:
        """Whether some of that id wait."""
        return self._has("", source_id)

    def is_of(self, source_id: str, owner: str | None) -> bool:
        """Whether some of that id wait, and the last says that it is this patient's."""
        return self._has("AND owner = ?", source_id, self._owner(owner))

    def is_late(self, source_id: str, number: int) -> bool:
        """Whether the message of that number waits, or stands behind one of its id that does."""
        return self._has("AND number <= ?", source_id, number)

    def drop(self, source_id: str) -> None:
        """None of that id waits."""
        if self.count:
            self.count -= self._count("DELETE FROM seen WHERE mark = ?", self._mark(source_id))

    def _has(self, condition: str, source_id: str, *values: Any) -> bool:
        # An update of nothing, since it counts what it finds.
        statement = f"UPDATE seen SET mark = mark WHERE mark = ? {condition}"  # noqa: S608 - fixed
        return self.count > 0 and self._count(statement, self._mark(source_id), *values) > 0

    def _owner(self, owner: str | None) -> bytes:
        return self._mark("" if owner is None else f"+{owner}")


def _translated(error: sqlite3.Error) -> ApplianceError:
    name = str(getattr(error, "sqlite_errorname", type(error).__name__))
    if is_full(error) or name.startswith("SQLITE_CANTOPEN"):
        return NoSpace(
            "No space left for temporary files, or they can't be written.",
            "Free some space, or name another directory by TMPDIR, and run the same command again.",
        )
    return ApplianceError(f"The ids of this import can't be kept: {name}.")
