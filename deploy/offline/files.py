"""Files read without following a link, and written whole or not at all."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

_CHUNK: Final = 1 << 20


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most `most` bytes.

    Raises:
        OSError: There is none, it is a link or no file, or it can't be read.
        ValueError: It is longer.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(most)
    return content


def open_regular(path: Path) -> IO[bytes]:
    """The file, open for reading; a link at its end, a device or a pipe is not opened.

    Raises:
        OSError: It is one of those, or it can't be read.
    """
    # Without O_NONBLOCK opening a pipe would wait for a writer for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path.name} is no regular file")
    return os.fdopen(handle, "rb")


def read_through(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file in pieces."""
    while chunk := file.read(_CHUNK):
        yield chunk


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def write_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """`path` holds `content`, on disk; a reader never sees a part of it."""
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Names made in or removed from the directory are durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
