"""Whether the rules that the gateway loaded are still the ones on disk."""

import time
from pathlib import Path
from typing import Final

_LOOK_EVERY_S: Final = 0.2
Print = tuple[tuple[str, int, int, int], ...]


class Freshness:
    """Notices that a policy or the patient index changed.

    A gateway that went on under yesterday's patient index would let today's patient out.

    Args:
        policies: Directory of the policies in force.
        index: The patient index, which need not be there.
    """

    def __init__(self, policies: Path, index: Path) -> None:
        self._policies = policies
        self._index = index
        self._loaded = self._look()
        self._looked_at = time.monotonic()
        self._is_fresh = True

    def is_fresh(self) -> bool:
        """Whether nothing changed since the start; looked up five times a second at most."""
        if self._is_fresh and time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            self._is_fresh = self._look() == self._loaded
        return self._is_fresh

    def _look(self) -> Print:
        paths = [*sorted(self._policies.rglob("*")), self._index]
        return tuple(_print_of(path) for path in paths)


def _print_of(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (str(path), 0, 0, 0)
    return (str(path), found.st_ino, found.st_size, found.st_mtime_ns)
