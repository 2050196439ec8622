"""Locks that the kernel keeps for a process: taken, and looked at without being taken."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import disk_errors
from appliance.errors import BadInput

_LOCKS: Final = Path("/proc/locks")


@contextmanager
def held_alone(path: Path, what: str, next_step: str) -> Iterator[int]:
    """No other process holds the lock at `path`; it goes with this one, however that ends.

    Args:
        path: The file, made where it is missing.
        what: The complaint where another process holds it.
        next_step: What to do then.

    Returns:
        The file, open for reading and writing.

    Raises:
        BadInput: Another does, or the file can't be made.
    """
    handle = _open(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(what, next_step) from None
        yield handle
    finally:
        os.close(handle)


@contextmanager
def held_in_turn(path: Path) -> Iterator[None]:
    """Nobody else is in such a block for `path`, thread or process; whoever is, is waited for.

    Args:
        path: The file, made where it is missing.
    """
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    with disk_errors(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def is_locked(path: Path, table: Path = _LOCKS) -> bool:
    """Whether some process holds an flock(2) on the file; False where that can't be told.

    It is not tried: a try could make another process fail.
    Source: proc_locks(5): the sixth column is major:minor:inode, the numbers of the device in hex.
    """
    try:
        found = path.stat()
        lines = table.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return False
    major, minor = os.major(found.st_dev), os.minor(found.st_dev)
    wanted = f"{major:02x}:{minor:02x}:{found.st_ino}"
    # "1: FLOCK ADVISORY WRITE 708 fd:01:786445 0 EOF"
    return any(line.split()[1:2] == ["FLOCK"] and wanted in line.split() for line in lines)
