"""How the operating system and SQLite say that there is no room."""

import errno
from typing import Final

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: Exception) -> bool:
    """Whether what failed to be written found no room.

    SQLite says so of a full disk alone. Of a quota that is used up, and of an index of its log that
    can't grow, it says that input or output failed, and so it says of a disk that fails (os_unix.c:
    unixWrite, unixShmMap): whoever is told of a full database is told of both.
    """
    if isinstance(error, OSError):
        return error.errno in _FULL
    name = str(getattr(error, "sqlite_errorname", ""))
    return name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR")
