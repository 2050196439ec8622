"""Typed entity markers: what a classifier is shown in the places of a pair's two ends.

The names themselves are hidden. A classifier that sees them learns which names were put together
in its corpus; and public corpora of pairs come with the names masked already.

Source: typed entity markers with punctuation, Zhou and Chen 2022 (arXiv 2102.01373), here in the
place of the name and not around it.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.encoding import Encoded
from appliance.records.spans import Span

# One sign for each place: two ends of one type are told apart by it.
MARKERS: Final = {"head": "@ {type} @", "tail": "# {type} #"}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text with a pair marked.

    Attributes:
        text: With a marker in the place of each end.
        first: The marker that comes first: start and end in code points.
        last: The other one.
        types: Entity types of head and tail.
    """

    text: str = field(repr=False)
    first: tuple[int, int]
    last: tuple[int, int]
    types: tuple[str, str]


def mark(text: str, head: Span, tail: Span) -> MarkedText:
    """The text with each end of the pair replaced by its marker.

    Args:
        text: Any text.
        head: Where the head is; its label is the type shown.
        tail: Where the tail is; the two do not overlap.

    >>> mark("APC in colitis.", Span(0, 3, "Gene"), Span(7, 14, "Disease")).text
    '@ gene @ in # disease #.'
    """
    assert not head.overlaps(tail), "the ends of a pair are two stretches of text"
    ends = sorted([(head, MARKERS["head"]), (tail, MARKERS["tail"])])
    marked, position = "", 0
    places: list[tuple[int, int]] = []
    for span, marker in ends:
        marked += text[position : span.start]
        start = len(marked)
        marked += marker.format(type=_HUMP.sub(" ", span.label).lower())
        places.append((start, len(marked)))
        position = span.end
    types = (head.label, tail.label)
    return MarkedText(marked + text[position:], places[0], places[1], types)


def focus(encoded: Encoded, marked: MarkedText, size: int) -> NDArray[np.int32]:
    """At most `size` tokens, both markers among them, with as much around them as there is room.

    Where even the stretch between the markers is too long, its middle is left out.

    Args:
        encoded: The marked text's tokens.
        marked: Where the markers are.
        size: Tokens that the model takes, special ones not counted.

    Returns:
        (tokens,), ids.
    """
    ids = encoded.ids
    if len(ids) <= size:
        return ids
    start = _token_at(encoded, marked.first[0])
    end = _token_at(encoded, marked.last[1])
    room = size - (end - start)
    if room < 0:
        half = size // 2
        return np.concatenate([ids[start : start + half], ids[end - (size - half) : end]])
    right = min(len(ids) - end, room - min(start, room // 2))
    left = min(start, room - right)
    return ids[start - left : end + right]


def _token_at(encoded: Encoded, position: int) -> int:
    """The token of the first word at or after a code point; one past the last if none is."""
    word = int(np.searchsorted(encoded.words[:, 0], position))
    while word < len(encoded.words) and encoded.first[word] < 0:
        word += 1
    return int(encoded.first[word]) if word < len(encoded.words) else len(encoded.ids)
