"""SQLite files with a write-ahead log, opened by any number of processes at once."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

_ATTEMPTS: Final = 500
_PAUSE_S: Final = 0.02
# The rest of an error's code only refines it.
_PRIMARY: Final = 0xFF
_MAGIC: Final = b"SQLite format 3\x00"
_COPY_S: Final = 60.0


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


@contextlib.contextmanager
def looked_into(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for those who look and must not touch: nothing is written, beside it neither.

    Raises:
        sqlite3.Error: It can't be opened or read.
    """
    # Without a log beside it nobody has it open, and SQLite need not make one to look.
    is_idle = not path.with_name(f"{path.name}-wal").exists()
    how = "immutable=1" if is_idle else "mode=ro"
    name = f"file:{quote(str(path))}?{how}"
    with contextlib.closing(sqlite3.connect(name, uri=True)) as connection:
        yield connection


def copy_database(source: Path, target: Path, *, is_at_rest: bool = False) -> None:
    """`target` holds what `source` held at one moment, other processes writing or not.

    By SQLite's backup interface (sqlite.org/backup.html); what `target` held before is gone.

    Args:
        source: A database.
        target: Another, or where one is to be.
        is_at_rest: Nobody writes `source`, and not a byte of it may change by being read.

    Raises:
        sqlite3.Error, OSError: One of the two can't be read or written.
    """
    create_private(target)
    name = f"{source.absolute().as_uri()}?mode=ro{'&immutable=1' if is_at_rest else ''}"
    with (
        contextlib.closing(sqlite3.connect(name, timeout=_COPY_S, uri=True)) as read,
        contextlib.closing(sqlite3.connect(target, timeout=_COPY_S)) as written,
    ):
        read.backup(written)


def is_database(path: Path) -> bool:
    """Whether it is an unencrypted SQLite file (sqlite.org/fileformat.html, 1.3)."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


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
