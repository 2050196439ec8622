"""Eight words in a row as one keyed hash, and which of a note's are kept."""

import re
from typing import Final

import numpy as np

from appliance.gate.hashed.hashing import Hasher, Hashes, to_hashes
from appliance.gate.hashed.table import distinct

USE: Final = b"note-overlap"
SHINGLE: Final = 8
"""Words in one hash. Fewer are phrases of the trade: "no acute distress, alert and oriented"."""
_WINDOW: Final = 4
GUARANTEED: Final = SHINGLE + _WINDOW - 1
"""A run of so many words that a text shares with a note is always found."""
# Odd, so that no place of a word in the sum is lost (Knuth, MMIX).
_FACTOR: Final = np.uint64(6364136223846793005)
_WORD: Final = re.compile(r"[^\W_]+")


def shingles(hasher: Hasher, text: str) -> tuple[Hashes, list[tuple[int, int]]]:
    """The hash of every eight words in a row, and start and end of each word.

    Args:
        hasher: Of the site's key.
        text: Normalised.
    """
    words = [(match.start(), match.end(), match.group().lower()) for match in _WORD.finditer(text)]
    spans = [(start, end) for start, end, _ in words]
    if len(words) < SHINGLE:
        return to_hashes([]), spans
    hashes = to_hashes([hasher.word(word) for _, _, word in words])
    count = len(words) - SHINGLE + 1
    mixed = np.zeros(count, np.uint64)
    for place in range(SHINGLE):
        mixed = mixed * _FACTOR + hashes[place : place + count]
    # The sum alone would tell two shingles that share words from two that do not.
    return hasher.pairs(mixed, mixed), spans


def fingerprint(hasher: Hasher, text: str) -> Hashes:
    """The least of each four neighbouring shingles: about two in five, each once.

    Source: winnowing, Schleimer, Wilkerson and Aiken 2003.
    """
    hashes, _ = shingles(hasher, text)
    if len(hashes) <= _WINDOW:
        return distinct(hashes)
    return distinct(np.lib.stride_tricks.sliding_window_view(hashes, _WINDOW).min(axis=1))
