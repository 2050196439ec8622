"""A file appears whole, with its final name, or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from appliance.artifacts.space import is_full
from appliance.errors import BadInput, NoSpace, NotWritable


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Errors of the disk inside the block come out as the product's own, naming only the path.

    Raises:
        NoSpace: The disk or the quota is full.
        NotWritable: Any other refusal of the operating system.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpace(
                f"No space left for {path}.",
                "Free some space and run the same command again; what was finished is kept.",
            ) from None
        raise NotWritable(
            f"{path} can't be written: {error.strerror or 'I/O error'}.",
            "Name a place in a directory that exists and that this user may write to.",
        ) from None


def check_writable(path: Path) -> None:
    """`write_atomically` can make `path`, as far as can be told without trying.

    Raises:
        BadInput: Its directory is not there, or this user may not write to it.
    """
    with disk_errors(path):
        if not os.access(path.parent, os.W_OK | os.X_OK):
            missing = errno.EACCES if path.parent.is_dir() else errno.ENOENT
            raise OSError(missing, os.strerror(missing))


def check_absent(path: Path) -> None:
    """Nothing has that name: what somebody else put there is not overwritten.

    Raises:
        BadInput: Something has.
    """
    if os.path.lexists(path):
        raise BadInput(f"{path} is there already.", "Remove it, or name another place.")


@contextmanager
def folder_atomically(path: Path, mode: int = 0o755) -> Iterator[Path]:
    """A folder to fill; after the block it is at `path`, whole, or nowhere.

    Raises:
        NoSpace: The disk is full.
        BadInput: The directory can't be written, or `path` is there with something in it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_errors(path):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode)
        try:
            yield draft
            _sync_files(draft)
            draft.rename(path)
            sync_directory(path.parent)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


@contextmanager
def open_atomically(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write; after the block it is at `path`, whole and durable, or not at all.

    Raises:
        NoSpace: The disk is full; `path` is as it was.
        BadInput: The directory can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_errors(path):
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_directory(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """`path` holds `content`, durably; a reader never sees a part of it.

    Raises:
        NoSpace, BadInput: As `open_atomically`.
    """
    with open_atomically(path, mode) as file:
        file.write(content)


def sync_directory(path: Path) -> None:
    """Names created in or removed from the directory are durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_directory(path)
            continue
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    sync_directory(folder)
