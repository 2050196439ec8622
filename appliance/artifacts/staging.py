"""A place for what a command makes on its way: its owner's alone, and gone afterwards.

What a killed command left is gone too before the next of its kind begins, or whenever nothing may
be left: the lock's file names the folder, wherever that is, before it is made.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from appliance.artifacts.locks import held_alone
from appliance.artifacts.writing import disk_errors, sync_directory

_LONGEST_PATH: Final = 4096


@contextmanager
def staged(run: Path, purpose: str, place: Path | None = None) -> Iterator[Path]:
    """An empty folder, 0700; nobody else has one for that purpose within the block.

    Args:
        run: `SITE/run`.
        purpose: A word; what a killed process left under it is removed first, wherever it was.
        place: Where the folder is to be; None for `run`.

    Raises:
        BadInput: Another process is at it or has forbidden it, or the folder can't be made.
    """
    with _alone(run, purpose) as handle:
        folder = (place or run).absolute() / f".{purpose}-{secrets.token_hex(8)}"
        with disk_errors(run / f"{purpose}.lock"):
            _note(handle, os.fsencode(folder))
            sync_directory(run)
        try:
            with disk_errors(folder.parent):
                folder.mkdir(0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.lexists(folder):
                _note(handle, b"")


@contextmanager
def nothing_staged(run: Path, *purposes: str) -> Iterator[None]:
    """What killed processes left for these purposes is gone, and none begins within the block.

    Args:
        run: `SITE/run`.
        purposes: Those of `staged`.

    Raises:
        BadInput: Such a process is at work, or something can't be removed.
    """
    with ExitStack() as stack:
        for purpose in purposes:
            stack.enter_context(_alone(run, purpose))
        yield


@contextmanager
def _alone(run: Path, purpose: str) -> Iterator[int]:
    """The lock's file, held and open; nothing is left of who held it before."""
    with held_alone(
        run / f"{purpose}.lock",
        f"A {purpose} is under way, or something that none may be made beside.",
        "Wait for it to end, and run the same command again.",
    ) as handle:
        _clear(handle, run, purpose)
        yield handle


def _clear(handle: int, run: Path, purpose: str) -> None:
    found = list(run.glob(f".{purpose}-*"))
    if noted := os.pread(handle, _LONGEST_PATH, 0):
        found.append(Path(os.fsdecode(noted)))
    for left in found:
        with disk_errors(left):
            if _is_ours(left, run):
                shutil.rmtree(left)
    with disk_errors(run / f"{purpose}.lock"):
        _note(handle, b"")


def _is_ours(left: Path, run: Path) -> bool:
    """Whether it is a folder of the site: anybody can make one of that name in a shared place."""
    try:
        seen = left.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid in {os.geteuid(), run.stat().st_uid}


def _note(handle: int, folder: bytes) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, folder, 0)
    os.fsync(handle)
