"""Which ids an import has met before, in memory that does not grow with them."""

import hashlib
import secrets
import sqlite3
from typing import Final, Self

from appliance.errors import ApplianceError, NoSpace

_MARK_BYTES: Final = 16
_CACHE_KIB: Final = 2048


class SeenIds:
    """Ids that came by; a context manager.

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
            "CREATE TABLE seen (mark BLOB PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._connection.execute(statement)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.close()

    def add(self, source_id: str) -> bool:
        """The id is among them from now on; whether it is new.

        Raises:
            NoSpace: There is no room for temporary files.
        """
        mark = hashlib.blake2b(source_id.encode(), digest_size=_MARK_BYTES, key=self._key).digest()
        try:
            done = self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", (mark,))
        except sqlite3.Error as error:
            name = str(getattr(error, "sqlite_errorname", type(error).__name__))
            raise _translated(name) from None
        return done.rowcount > 0


def _translated(name: str) -> ApplianceError:
    if name == "SQLITE_FULL" or name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return NoSpace(
            "No space left for temporary files, or they can't be written.",
            "Free some space, or name another directory by TMPDIR, and run the same command again.",
        )
    return ApplianceError(f"The ids of this import can't be kept: {name}.")
