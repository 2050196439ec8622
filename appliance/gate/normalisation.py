"""One plain reading of a text, with the way back to the input.

People and attackers write the same identifier in many ways: full-width digits, zero-width spaces,
Cyrillic letters that look Latin, curly hyphens. The detectors see one plain form, and every
finding is mapped back to code points of the input as given.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from appliance.gate.confusables import fold_character

# Never shown, so they only serve to break words apart: format controls, variation selectors,
# combining grapheme joiner, Hangul and Khmer fillers.
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
_VARIATION: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x180B, 0x1810))


@dataclass(frozen=True, slots=True)
class Reading:
    """A normalised text.

    Attributes:
        text: What the detectors see.
        starts: For each code point of `text`, the first code point of the input it comes from.
        ends: For each code point of `text`, one past the last code point it comes from.
    """

    text: str = field(repr=False)
    starts: tuple[int, ...] = field(repr=False)
    ends: tuple[int, ...] = field(repr=False)

    def to_input(self, start: int, end: int) -> tuple[int, int]:
        r"""The stretch of the input that `text[start:end]` was read from.

        Args:
            start: First code point of `text`.
            end: One past the last; `end > start`.

        >>> normalise("a\u200bb").to_input(1, 2)
        (2, 3)
        """
        return self.starts[start], self.ends[end - 1]


def normalise(text: str) -> Reading:
    r"""The plain reading of `text`: compatibility forms, look-alikes and dashes folded.

    Normalising a normalised text changes nothing.

    Source: Unicode Standard Annex #15 (NFKC); Unicode Technical Standard #39 (confusables).

    >>> normalise("\uff21\u0441e\u2011\uff11").text
    'Ace-1'
    """
    if text.isascii() and "\t" not in text:
        span = range(len(text))
        return Reading(text, tuple(span), tuple(range(1, len(text) + 1)))
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, plain in _plain_clusters(text):
        characters.append(plain)
        starts.extend([start] * len(plain))
        ends.extend([end] * len(plain))
    return Reading("".join(characters), tuple(starts), tuple(ends))


def is_invisible(character: str) -> bool:
    """Whether the character shows nothing and is dropped before detection."""
    if character in _INVISIBLE or unicodedata.category(character) == "Cf":
        return True
    return any(ord(character) in block for block in _VARIATION)


def _plain_clusters(text: str) -> Iterator[tuple[int, int, str]]:
    """Triples (start, end, plain form) of each base character with the marks that follow it."""
    position = 0
    while position < len(text):
        start = position
        position += 1
        if is_invisible(text[start]):
            continue
        cluster = [text[start]]
        while position < len(text) and _continues(text[position]):
            if not is_invisible(text[position]):
                cluster.append(text[position])
            position += 1
        yield start, _end_of_visible(text, start, position), _plain("".join(cluster))


def _continues(character: str) -> bool:
    return is_invisible(character) or unicodedata.category(character) in {"Mn", "Me"}


def _end_of_visible(text: str, start: int, end: int) -> int:
    while end > start + 1 and is_invisible(text[end - 1]):
        end -= 1
    return end


def _plain(cluster: str) -> str:
    """Fold until nothing changes: a fold can give something that folds again."""
    while True:
        # Look-alikes first: the acute accent on its own decomposes to a space.
        decomposed = unicodedata.normalize("NFKD", "".join(map(fold_character, cluster)))
        folded = "".join(
            fold_character(character)
            for character in decomposed
            if unicodedata.category(character) not in {"Mn", "Me"} and not is_invisible(character)
        )
        if folded == cluster:
            return folded
        cluster = folded
