"""How often two ways of reading give the same label."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Reader(Protocol):
    """What says how likely each label of each word is; an `AdapterLabeller`."""

    def weigh(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """(words, labels) of every text."""


def count_equal(one: Reader, other: Reader, texts: Sequence[str]) -> tuple[int, int]:
    """Words of the texts, and how many of them get the same label from both."""
    words = equal = 0
    for mine, theirs in zip(one.weigh(texts), other.weigh(texts), strict=True):
        words += len(mine)
        equal += int((mine.argmax(axis=-1) == theirs.argmax(axis=-1)).sum())
    return words, equal
