"""One run at a time for one journal."""

from contextlib import AbstractContextManager
from pathlib import Path

from appliance.artifacts.locks import held_alone


def run_lock(path: Path) -> AbstractContextManager[int]:
    """Nobody else works on the journal at `path` inside the block.

    The lock is the kernel's, on a file beside it: it goes with the process, however that ends.

    Raises:
        BadInput: Somebody does.
    """
    return held_alone(
        path.with_suffix(".lock"),
        f"Another run is writing {path.stem} already.",
        "Wait for it to end, or name another corpus with --out.",
    )
