"""Whether the rules that the gateway loaded are still the ones on disk."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_LOOK_EVERY_S: Final = 0.2
Print = tuple[tuple[str, int, int, int], ...]


class Freshness:
    """Notices that a policy or what the gate knows of the site changed.

    A gateway that went on under yesterday's patient index would let today's patient out.

    Args:
        policies: Directory of the policies in force.
        known: Patient index and fingerprints of notes; they need not be there.
    """

    def __init__(self, policies: Path, known: Sequence[Path]) -> None:
        self._policies = policies
        self._known = known
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
        paths = [*sorted(self._policies.rglob("*")), *self._known]
        return tuple(_print_of(path) for path in paths)


def _print_of(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (str(path), 0, 0, 0)
    return (str(path), found.st_ino, found.st_size, found.st_mtime_ns)
