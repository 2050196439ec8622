"""A place for what a command makes on its way: its owner's alone, and gone afterwards."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.artifacts.writing import disk_errors
from appliance.errors import BadInput


@contextmanager
def staged(run: Path, purpose: str, place: Path | None = None) -> Iterator[Path]:
    """An empty folder, 0700; nobody else has one for that purpose within the block.

    Args:
        run: `SITE/run`.
        purpose: A word; what a killed process left under it is removed first.
        place: Where the folder is to be; None for `run`.

    Raises:
        BadInput: Another process is at it, or the folder can't be made.
    """
    lock = run / f"{purpose}.lock"
    with disk_errors(lock):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"Another {purpose} is under way.", "Wait for it to end.") from None
        for parent in {run, place or run}:
            for left in parent.glob(f".{purpose}-*"):
                shutil.rmtree(left, ignore_errors=True)
        with disk_errors(place or run):
            folder = Path(tempfile.mkdtemp(prefix=f".{purpose}-", dir=place or run))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)
