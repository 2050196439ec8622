"""Write-ahead logging, entered by any number of processes at once."""

import sqlite3
import time
from typing import Final

_ATTEMPTS: Final = 500
_PAUSE_S: Final = 0.02


def enter_wal(connection: sqlite3.Connection) -> None:
    """The file is in WAL mode.

    SQLite's busy timeout does not hold here: of several processes that open a new file at once,
    all but one are told at once that it is locked.

    Raises:
        sqlite3.Error: It can't be, also not after ten seconds.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
