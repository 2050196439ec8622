"""One plain reading of a text, with the way back to the input.

People and attackers write the same identifier in many ways: full-width digits, zero-width spaces,
Cyrillic letters that look Latin, curly hyphens. The detectors see one plain form, and every
finding is mapped back to code points of the input as given.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from appliance.gate.confusables import fold_character

# Never shown, so they only serve to break words apart: format controls, variation selectors,
# combining grapheme joiner, Hangul and Khmer fillers.
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
_VARIATION: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x180B, 0x1810))


_PLAIN_STRETCH: Final = re.compile(r"[\x00-\x08\x0a-\x7f]+(?=[\x00-\x7f]|\Z)")


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
    if _is_plain(text):
        span = range(len(text))
        return Reading(text, tuple(span), tuple(range(1, len(text) + 1)))
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    while done < len(text):
        # Most of a text that is not all ASCII is: such a stretch is taken as it stands. Its last
        # character may carry a mark, and is left to the clusters.
        match = _PLAIN_STRETCH.match(text, done)
        if match is not None:
            last = match.end()
            characters.append(match.group())
            starts.extend(range(done, last))
            ends.extend(range(done + 1, last + 1))
            done = last
        else:
            start, done = done, _end_of_cluster(text, done)
            plain = _read_cluster(text, start, done)
            characters.append(plain)
            starts.extend([start] * len(plain))
            ends.extend([_end_of_visible(text, start, done)] * len(plain))
    return Reading("".join(characters), tuple(starts), tuple(ends))


def plain_text(text: str) -> str:
    """The text of `normalise`, for those who need no way back."""
    return text if _is_plain(text) else normalise(text).text


def is_invisible(character: str) -> bool:
    """Whether the character shows nothing and is dropped before detection."""
    if character in _INVISIBLE or unicodedata.category(character) == "Cf":
        return True
    return any(ord(character) in block for block in _VARIATION)


def _is_plain(text: str) -> bool:
    return text.isascii() and "\t" not in text


def _end_of_cluster(text: str, start: int) -> int:
    """One past the marks and invisible characters that follow the one at `start`."""
    end = start + 1
    if is_invisible(text[start]):
        return end
    while end < len(text) and _continues(text[end]):
        end += 1
    return end


def _read_cluster(text: str, start: int, end: int) -> str:
    """The plain form of a base character with its marks; "" where it shows nothing."""
    return _plain("".join(c for c in text[start:end] if not is_invisible(c)))


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
