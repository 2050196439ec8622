"""Eight words in a row as one keyed hash, and which of a note's are kept."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np

from appliance.gate.hashed.hashing import Hasher, Hashes, to_hashes

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
    return _hash_runs(hasher, to_hashes([hasher.word(word) for _, _, word in words])), spans


def fingerprint_all(
    hasher: Hasher, texts: Sequence[str], owners: Sequence[int]
) -> tuple[Hashes, Hashes]:
    """Of each text the least of each four neighbouring shingles, about two in five; and whose.

    All texts at once: what numpy takes to begin is more than what one note takes.

    Args:
        hasher: Of the site's key.
        texts: Normalised.
        owners: A number for each.

    Returns:
        Hashes, and the owner of each; one that a text has twice can be there twice.

    Source: winnowing, Schleimer, Wilkerson and Aiken 2003.
    """
    words = [_words(text) for text in texts]
    total = sum(map(len, words))
    if total < SHINGLE:
        return to_hashes([]), to_hashes([])
    hashes = np.fromiter(map(hasher.word, chain.from_iterable(words)), np.uint64, total)
    # Also across two texts: these are left out below.
    runs = _hash_runs(hasher, hashes)
    windows = max(0, len(runs) - _WINDOW + 1)
    least = runs[:windows]
    for place in range(1, _WINDOW):
        least = np.minimum(least, runs[place : place + windows])
    kept: list[Hashes] = []
    start = 0
    for some in words:
        count = max(0, len(some) - SHINGLE + 1)
        if count > _WINDOW:
            kept.append(least[start : start + count - _WINDOW + 1])
        else:
            kept.append(runs[start : start + count])
        start += len(some)
    found = np.concatenate(kept)
    whose = np.repeat(np.array(owners, np.uint64), [len(one) for one in kept])
    # The least of one window is mostly that of the next.
    is_first = np.ones(len(found), np.bool_)
    is_first[1:] = (found[1:] != found[:-1]) | (whose[1:] != whose[:-1])
    return found[is_first], whose[is_first]


def _words(text: str) -> list[str]:
    if text.isascii():
        return _WORD.findall(text.lower())
    # Other letters can become two, or none, when they are small.
    return [word.lower() for word in _WORD.findall(text)]


def _hash_runs(hasher: Hasher, hashes: Hashes) -> Hashes:
    """The hash of every eight in a row; there are eight at least."""
    count = len(hashes) - SHINGLE + 1
    mixed = np.zeros(count, np.uint64)
    for place in range(SHINGLE):
        mixed = mixed * _FACTOR + hashes[place : place + count]
    # The sum alone would tell two shingles that share words from two that do not.
    return hasher.pairs(mixed, mixed)
