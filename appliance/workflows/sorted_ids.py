"""The site's own ids in order, each once, in memory that does not grow with their count."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np

from appliance.gate.hashed.hashing import Hashes
from appliance.gate.hashed.merging import Sorter

RUN: Final = 1 << 15
"""Half a megabyte."""
# An id such as "n-0123456789abcdef01234567": a letter, and 96 bits in hex.
_HEX: Final = 24
_PARTS: Final = np.dtype([("high", ">u8"), ("low", ">u4")])


class SortedIds:
    """Ids of notes or patients; a context manager.

    Many of them lie meanwhile in a file without a name in the site, as they are: they stand for
    a patient or note, and reveal nothing about it without the site's key.

    Args:
        directory: Of the site.
        run: How many are sorted in memory at a time, to begin with.
    """

    def __init__(self, directory: Path, run: int = RUN) -> None:
        self._sorter = Sorter(directory, run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held any more."""
        self._sorter.close()

    def add(self, ids: Sequence[str]) -> None:
        """Some more, in any order, one or many times.

        Raises:
            NoSpace: The disk is full.
        """
        digits = bytes.fromhex("".join(one[2:] for one in ids))
        parts = np.frombuffer(digits, _PARTS)
        letters = np.frombuffer("".join(one[0] for one in ids).encode(), np.uint8)
        low = parts["low"].astype(np.uint64) << np.uint64(8) | letters.astype(np.uint64)
        self._sorter.add(parts["high"].astype(np.uint64), low)

    def count(self) -> int:
        """How many different ones; they are gone then.

        Raises:
            NoSpace: The disk is full.
        """
        return sum(len(hashes) for hashes, _ in self._sorter.rows())

    def __iter__(self) -> Iterator[str]:
        """All of them, by digits and then by letter; once.

        Raises:
            NoSpace: The disk is full.
        """
        for hashes, others in self._sorter.rows():
            yield from _spelled(hashes, others)


def _spelled(high: Hashes, others: Hashes) -> Iterator[str]:
    parts = np.empty(len(high), _PARTS)
    parts["high"], parts["low"] = high, others >> np.uint64(8)
    digits = parts.tobytes().hex()
    letters = (others & np.uint64(0xFF)).astype(np.uint8).tobytes().decode()
    for number, letter in enumerate(letters):
        yield f"{letter}-{digits[number * _HEX : (number + 1) * _HEX]}"
