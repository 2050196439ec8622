"""One run at a time for one journal."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.artifacts.writing import disk_errors
from appliance.errors import BadInput


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Nobody else works on the journal at `path` inside the block.

    The lock is the kernel's, on a file beside it: it goes with the process, however that ends.

    Raises:
        BadInput: Somebody does.
    """
    with disk_errors(path):
        handle = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"Another run is writing {path.stem} already.",
                "Wait for it to end, or name another corpus with --out.",
            ) from None
        yield
    finally:
        os.close(handle)
