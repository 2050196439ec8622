"""SQLite files with a write-ahead log, opened by any number of processes at once."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

_ATTEMPTS: Final = 500
_PAUSE_S: Final = 0.02
# The rest of an error's code only refines it.
_PRIMARY: Final = 0xFF


def open_wal(
    path: Path, timeout_s: float, isolation_level: Literal["DEFERRED"] | None = None
) -> sqlite3.Connection:
    """The file, its owner's alone and in WAL mode; a commit that returned survives a power cut.

    Args:
        path: Made where it is missing.
        timeout_s: How long a statement waits for another process.
        isolation_level: None where the caller begins its transactions itself.

    Raises:
        OSError, sqlite3.Error: It can't be opened or written.
    """
    create_private(path)
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=isolation_level, check_same_thread=False
    )
    _enter_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def copy_sqlite(source: Path, target: Path) -> None:
    """`target` is the database as it was at one moment, while others read and write it.

    Args:
        source: A SQLite file that is there.
        target: A new file, its owner's alone.

    Raises:
        OSError, sqlite3.Error: One can't be read, or the other written.
    """
    create_private(target)
    with (
        contextlib.closing(sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True)) as file,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        file.backup(copy)


def create_private(path: Path) -> None:
    """An empty file that is its owner's alone; one that is there is left unopened.

    To close any descriptor of a SQLite file drops the locks of this process's other connections to
    it (POSIX; sqlite.org/howtocorrupt.html, 2.2). Another process that ends then takes the log from
    under them, and what they committed is lost.

    Raises:
        OSError: It can't be made.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _enter_wal(connection: sqlite3.Connection) -> None:
    """SQLite's busy timeout does not hold here.

    Of several processes that open a new file at once, all but one are told at once that it is
    locked.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # A full or read-only disk is not about to change.
            is_busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
            if attempt == _ATTEMPTS or not is_busy:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
