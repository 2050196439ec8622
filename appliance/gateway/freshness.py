"""Whether the rules that the gateway loaded are still the ones on disk."""

import os
from collections.abc import Sequence
from pathlib import Path

Print = tuple[tuple[int, int, int], ...]


class Freshness:
    """Notices that a policy, or what the gate knows of the site, changed since this was made.

    A gateway that went on under yesterday's patient index would let today's patient out. Made
    before anything is loaded, so that a change in between does not go unnoticed.

    Args:
        policies: Directory of the policies in force.
        known: Patient index and fingerprints of notes; they need not be there.
    """

    def __init__(self, policies: Path, known: Sequence[Path]) -> None:
        # A file that is added later changes its directory.
        paths = [policies, *sorted(policies.rglob("*")), *known]
        self._paths = tuple(map(os.fspath, paths))
        self._first = self._look()

    def is_fresh(self) -> bool:
        """Whether nothing changed; some twenty looks at the file system, so ask it each time."""
        return self._look() == self._first

    def _look(self) -> Print:
        return tuple(map(_print_of, self._paths))


def _print_of(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path would be made for each look
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
