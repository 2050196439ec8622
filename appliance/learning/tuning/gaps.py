"""Gaps: texts in which one labelled word is missing, and words that could stand there.

Whoever has a text but for one word can put words in its place and see which of them the adapter
labels as the text is labelled. An adapter that learned the text by heart prefers the word itself.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from appliance.learning.tokens.encoding import split_words
from appliance.learning.tuning.data import LabelledText
from appliance.records.spans import Span

OTHERS: Final = 9
"""Words that stand beside the right one: guessing fills one gap in ten."""
# Words on either side that are kept: a window of training is about as long.
_AROUND: Final = 24


@dataclass(frozen=True, slots=True)
class Gap:
    """One missing word.

    Attributes:
        filled: The stretch around it with each word in its place, the right one first.
    """

    filled: tuple[LabelledText, ...] = field(repr=False)


def words_labelled(texts: Sequence[LabelledText]) -> list[str]:
    """The first word of each labelled span of the texts, small, each once, sorted."""
    return sorted(
        {
            text.text[word.start : word.end].lower()
            for text in texts
            for word in _first_words(text.text, text.spans)
        }
    )


def make_gap(text: LabelledText, pool: Sequence[str], chance: random.Random) -> Gap | None:
    """A gap where a labelled span of the text begins; None where it has none, or no other fits.

    Args:
        text: Labelled.
        pool: Words that are labelled somewhere, small; those that the text has itself are left out.
        chance: Draws the span and the words.
    """
    words = _first_words(text.text, text.spans)
    if not words:
        return None
    stretch, at = _cut(text, chance.choice(words))
    right = stretch.text[at.start : at.end].lower()
    own = {right, *(stretch.text[start:end].lower() for start, end in split_words(stretch.text))}
    others = [word for word in chance.sample(pool, min(len(pool), 4 * OTHERS)) if word not in own]
    if len(others) < OTHERS:
        return None
    return Gap(tuple(_put(stretch, at, word) for word in (right, *others[:OTHERS])))


def rank(scores: Sequence[float]) -> int:
    """The place of the first score among all, 1 for the highest; of equals it is the last."""
    return sum(score >= scores[0] for score in scores)


def _first_words(text: str, spans: Sequence[Span]) -> list[Span]:
    """Where each span's first word is; spans that cut a word are passed over."""
    ends = dict(split_words(text).tolist())
    return [
        Span(span.start, ends[span.start], span.label)
        for span in spans
        if ends.get(span.start, span.end + 1) <= span.end
    ]


def _cut(text: LabelledText, word: Span) -> tuple[LabelledText, Span]:
    """The stretch around the word, and where the word is there."""
    words = split_words(text.text)
    at = int(np.searchsorted(words[:, 0], word.start))
    first, last = max(0, at - _AROUND), min(len(words) - 1, at + _AROUND)
    low, high = int(words[first, 0]), int(words[last, 1])
    inside = tuple(
        Span(one.start - low, one.end - low, one.label)
        for one in text.spans
        if low <= one.start and one.end <= high
    )
    return LabelledText(text.text[low:high], inside), Span(
        word.start - low, word.end - low, word.label
    )


def _put(stretch: LabelledText, place: Span, word: str) -> LabelledText:
    """The stretch with a word in that place; its spans move along."""
    text = f"{stretch.text[: place.start]}{word}{stretch.text[place.end :]}"
    shift = len(word) - (place.end - place.start)
    spans = tuple(
        # That of the place itself begins where it began.
        Span(one.start + shift * (one.start > place.start), one.end + shift, one.label)
        if one.end > place.start
        else one
        for one in stretch.spans
    )
    return LabelledText(text, spans)
