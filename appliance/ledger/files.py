"""The ledger's three files: entries (append-only), head (two signed slots) and lock.

`entries.log` only grows. `head` holds two sectors of 512 bytes that are overwritten in turn, so
that a power cut can spoil one at most. `lock` is empty; every process that appends holds an
exclusive lock on it, every reader a shared one.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.artifacts.space import is_full
from appliance.errors import LedgerBroken, NoSpace, SiteError

ENTRIES: Final = "entries.log"
HEAD: Final = "head"
LOCK: Final = "lock"
SLOT_BYTES: Final = 512
_SLOTS: Final = 2
_PRIVATE: Final = 0o600


@contextmanager
def disk_errors() -> Iterator[None]:
    """Errors of the disk inside the block come out as the product's own.

    Raises:
        NoSpace: The disk or the quota is full.
        SiteError: Any other refusal of the operating system.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpace(
                "No space left for the ledger: nothing may be done that it can't record.",
                "Free some space and run the same command again.",
            ) from None
        raise SiteError(
            f"The ledger can't be read or written: {error.strerror or 'I/O error'}.",
            "Check the disk, the owner and the modes of the site's ledger directory.",
        ) from None


@contextmanager
def locked(directory: Path, *, exclusive: bool) -> Iterator[None]:
    """Nobody else writes the ledger inside the block; `exclusive`: nobody reads it either.

    The lock is on a file description of its own each time, so that it holds between threads and
    across fork as well as between processes.
    """
    if not directory.is_dir():
        raise LedgerBroken(
            f"The ledger's directory {directory} is gone.",
            "Mount or restore it, and find out who removed it; nothing is done without it.",
        )
    with disk_errors():
        handle = _open_lock(directory / LOCK, exclusive=exclusive)
    try:
        with disk_errors():
            fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _open_lock(path: Path, *, exclusive: bool) -> int:
    # A reader asks for no more than reading: a copy on a read-only disk can be verified too.
    access = os.O_RDWR if exclusive else os.O_RDONLY
    try:
        return os.open(path, access | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        # Who would write can still look. NFS alone wants to write what it locks alone (flock(2)).
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def open_private(path: Path) -> int:
    """A handle to read and write `path`, 0600, made where it is missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)


def read_slots(head: Path) -> tuple[bytes, ...]:
    """What the head's slots hold, padding removed; empty where the file is short or missing."""
    try:
        content = head.read_bytes()
    except FileNotFoundError:
        content = b""
    if len(content) > _SLOTS * SLOT_BYTES:
        raise LedgerBroken("The ledger's head file is longer than it can be.")
    return tuple(
        content[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES].rstrip(b"\x00")
        for slot in range(_SLOTS)
    )


def write_slot(handle: int, slot: int, signed: bytes) -> None:
    """The slot holds `signed`, padded; in the operating system's hands, not yet synced."""
    assert len(signed) <= SLOT_BYTES
    os.pwrite(handle, signed.ljust(SLOT_BYTES, b"\x00"), slot * SLOT_BYTES)


def append_durably(handle: int, offset: int, content: bytes) -> None:
    """`content` is on disk at `offset`, the file's end; on failure the file ends there again."""
    try:
        written = 0
        while written < len(content):
            written += os.pwrite(handle, content[written:], offset + written)
        os.fdatasync(handle)
    except OSError:
        os.ftruncate(handle, offset)
        raise


def sync_directory(path: Path) -> None:
    """Names made in the directory are durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
