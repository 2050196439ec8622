"""How alike two notes are once identifiers, numbers and disease names are masked.

Likeness is the Jaccard index of the sets of five-token shingles, 0 to 1.
Source: Broder 1997, On the resemblance and containment of documents.
"""

import re
from collections import Counter, defaultdict
from typing import Final

from appliance.invented.manuscript import DISEASE, PLAIN, Manuscript

SHINGLE: Final = 5
_TOKEN: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"\d+")

Shingles = frozenset[tuple[str, ...]]


def shingles(manuscript: Manuscript) -> Shingles:
    """The masked note's runs of five tokens."""
    masked = "".join(
        piece.text if piece.kind == PLAIN else (" dis " if piece.kind == DISEASE else " id ")
        for piece in manuscript.pieces
    )
    return shingles_of(masked)


def shingles_of(masked: str) -> Shingles:
    """Runs of five tokens, numbers all alike, case aside; one run for a shorter text."""
    tokens = _TOKEN.findall(_NUMBER.sub("0", masked.lower()))
    last = max(1, len(tokens) - SHINGLE + 1)
    return frozenset(tuple(tokens[place : place + SHINGLE]) for place in range(last))


class Shelf:
    """Notes so far, found by the shingles that they hold."""

    def __init__(self) -> None:
        self._holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        self._sizes: list[int] = []

    def put(self, note: Shingles) -> None:
        """One more note."""
        for shingle in note:
            self._holders[shingle].append(len(self._sizes))
        self._sizes.append(len(note))

    def highest_likeness(self, note: Shingles) -> float:
        """To the most similar note on the shelf; 0 on an empty one."""
        shared: Counter[int] = Counter()
        for shingle in note:
            shared.update(self._holders.get(shingle, ()))
        return max(
            (count / (len(note) + self._sizes[other] - count) for other, count in shared.items()),
            default=0.0,
        )
