"""How the operating system and SQLite say that there is no room."""

import errno
from typing import Final

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
# What SQLite says of a quota that is used up and of an index of its log that can't grow, and of a
# disk that fails as it writes (os_unix.c: unixWrite, unixShmMap).
_WRITING: Final = (
    *("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE"),
    *("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC"),
    *("SQLITE_IOERR_SHMOPEN", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMMAP"),
)


def is_full(error: Exception) -> bool:
    """Whether what failed to be written found no room.

    SQLite has one name for that and for a disk that fails as it writes: whoever is told of no room
    is told of both.
    """
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorname", "") in _WRITING
