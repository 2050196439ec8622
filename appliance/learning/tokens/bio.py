"""BIO labels per word, and back to spans."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.records.spans import ScoredSpan, Span

OUTSIDE: Final = 0


def bio_labels(types: Sequence[str]) -> tuple[str, ...]:
    """Token labels of the entity types: "O" first, then "B-X", "I-X" in their order.

    >>> bio_labels(["Disease"])
    ('O', 'B-Disease', 'I-Disease')
    """
    return ("O", *(f"{prefix}-{name}" for name in types for prefix in "BI"))


def entity_types(labels: Sequence[str]) -> tuple[str, ...]:
    """The inverse of `bio_labels`."""
    return tuple(label[2:] for label in labels if label.startswith("B-"))


def tag_words(
    words: NDArray[np.int32], spans: Sequence[Span], types: Sequence[str]
) -> NDArray[np.int64]:
    """One label per word: a word belongs to the first span that touches it.

    Args:
        words: (n, 2), starts and ends in code points, ascending.
        spans: Sorted by start, none overlapping.
        types: Entity types; every span's label is one of them.

    Returns:
        (n,), indices into `bio_labels(types)`.
    """
    tags = np.zeros(len(words), dtype=np.int64)
    free = 0
    for span in spans:
        # A span that starts inside a word takes the whole word: spans never cut words.
        first = max(free, int(np.searchsorted(words[:, 1], span.start, side="right")))
        last = int(np.searchsorted(words[:, 0], span.end, side="left"))
        if first >= last:
            continue
        begin = 1 + 2 * types.index(span.label)
        tags[first] = begin
        tags[first + 1 : last] = begin + 1
        free = last
    return tags


def decode_words(
    words: NDArray[np.int32],
    tags: NDArray[np.int64],
    scores: NDArray[np.float32],
    types: Sequence[str],
) -> tuple[ScoredSpan, ...]:
    """Spans in code points; an "I-X" that follows nothing of its type begins a span.

    Args:
        words: (n, 2), starts and ends in code points, ascending.
        tags: (n,), indices into `bio_labels(types)`.
        scores: (n,), the probability of each word's tag.
        types: Entity types.

    Returns:
        Sorted spans, none overlapping; a span's score is the mean over its words.
    """
    found: list[ScoredSpan] = []
    inside = np.flatnonzero(tags)
    position = 0
    while position < len(inside):
        first = last = int(inside[position])
        kind = (int(tags[first]) - 1) // 2
        position += 1
        while position < len(inside) and inside[position] == last + 1:
            if tags[last + 1] != 2 + 2 * kind:
                break
            last += 1
            position += 1
        span = Span(int(words[first, 0]), int(words[last, 1]), types[kind])
        found.append(ScoredSpan(span, float(scores[first : last + 1].mean())))
    return tuple(found)
