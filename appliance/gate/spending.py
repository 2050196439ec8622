"""Which stamps were used: a stamp is good once, for all processes of the site together.

One small SQLite file; each nonce is a row until its stamp has expired. What can't be read or
written can't be ruled out, so the stamp is refused. See policies/decisions/0012-single-use-stamps.
"""

import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from appliance.artifacts.wal import open_wal
from appliance.errors import ClearanceInvalid

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spent (nonce TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
"""
_TIMEOUT_S: Final = 10.0
# Remembered beyond expiry, so that a clock set forward and back again revives no stamp.
_KEPT: Final = timedelta(days=2)


Stamp = tuple[str, datetime]


class SpentStamps(Protocol):
    """What remembers the stamps that were used."""

    def spend(self, nonce: str, until: datetime, now: datetime) -> bool:
        """The stamp counts as used from now on; whether it was unused.

        Args:
            nonce: The stamp's.
            until: When it expires; aware.
            now: The time; what expired before may be forgotten.

        Raises:
            ClearanceInvalid: It can't be told.
        """

    def spend_many(self, stamps: Sequence[Stamp], now: datetime) -> list[bool]:
        """The same for many, in order; each a nonce and when it expires."""


class SpentFile:
    """Stamps in a file, for every process that opens it.

    Args:
        path: The file; made where it is missing, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()

    def spend(self, nonce: str, until: datetime, now: datetime) -> bool:
        """The stamp is on disk as used; whether it was unused."""
        return self.spend_many([(nonce, until)], now)[0]

    def spend_many(self, stamps: Sequence[Stamp], now: datetime) -> list[bool]:
        """All are on disk as used, with one sync; whether each was unused."""
        rows, old = [(nonce, _written(until)) for nonce, until in stamps], (_written(now - _KEPT),)
        insert = "INSERT OR IGNORE INTO spent VALUES (?, ?)"
        try:
            with self._turn, self._opened() as connection:
                # One statement decides: of two processes with one stamp, one inserts it.
                were_unused = [connection.execute(insert, row).rowcount == 1 for row in rows]
                connection.execute("DELETE FROM spent WHERE until < ?", old)
                return were_unused
        except (sqlite3.Error, OSError):
            raise ClearanceInvalid(
                "Whether a stamp was used before can't be told: its record can't be written.",
                f"See that {self._path.name} in the site's journal is writable and undamaged.",
            ) from None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_wal(self._path, _TIMEOUT_S, "DEFERRED")
            connection.execute(_SCHEMA)
            self._connection = connection
        return self._connection


class SpentInMemory:
    """Stamps in this process alone, where no site has a file for them."""

    def __init__(self) -> None:
        self._spent: dict[str, datetime] = {}

    def spend(self, nonce: str, until: datetime, now: datetime) -> bool:
        """The stamp counts as used; whether it was unused."""
        is_new = nonce not in self._spent
        self._spent[nonce] = until
        self._spent = {key: end for key, end in self._spent.items() if end >= now - _KEPT}
        return is_new

    def spend_many(self, stamps: Sequence[Stamp], now: datetime) -> list[bool]:
        """The same for many, in order."""
        return [self.spend(nonce, until, now) for nonce, until in stamps]


def _written(moment: datetime) -> str:
    """Of one length, so that the order of the words is the order of the moments."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
