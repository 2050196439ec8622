"""Labelled texts as rows of token ids and targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.bio import tag_words
from appliance.learning.tokens.encoding import Encoded, Encoder
from appliance.learning.tokens.windows import cut_windows
from appliance.learning.tuning.data import LabelledText
from appliance.records.spans import Span

IGNORED: Final = -100


@dataclass(frozen=True, slots=True)
class Doubt:
    """Names that may have been missed where nobody marked them.

    Attributes:
        find: Spans of a text that the vocabulary knows.
        weight: Of their words in the loss, 0 to 1.
    """

    find: Callable[[str], Sequence[Span]]
    weight: float


@dataclass(frozen=True, slots=True)
class Row:
    """One window of one text.

    Attributes:
        ids: (tokens,), without special tokens.
        targets: (tokens,), label of the word a token begins, `IGNORED` for all other tokens.
        weight: Of every target of the row, 0 to 1.
        trust: (tokens,), of each target beside the row's weight, 0 to 1; None stands for 1.
        example: Number of the example it was cut from.
    """

    ids: NDArray[np.int32] = field(repr=False)
    targets: NDArray[np.int64] = field(repr=False)
    weight: float
    trust: NDArray[np.float32] | None = field(default=None, repr=False)
    example: int = 0


def make_rows(
    examples: Sequence[LabelledText],
    encoder: Encoder,
    types: Sequence[str],
    max_tokens: int,
    doubtful: Doubt | None = None,
) -> list[Row]:
    """Rows of all examples; texts without a token or without trust give none.

    Args:
        examples: Of the train split.
        encoder: Of the base model.
        types: Entity types of the task.
        max_tokens: Longest window, special tokens included.
        doubtful: Names that may have been missed.
    """
    rows: list[Row] = []
    texts = encoder.encode([example.text for example in examples])
    for number, (example, text) in enumerate(zip(examples, texts, strict=True)):
        targets = np.full(len(text.ids), IGNORED, dtype=np.int64)
        tags = tag_words(text.words, example.spans, types)
        if example.unsure:
            tags[np.isin(text.words[:, 0], [start for start, _ in example.unsure])] = IGNORED
        # Backwards, so that of two words under one token the first decides.
        own = (text.first >= 0) & ~text.inherits
        targets[text.first[own][::-1]] = tags[own][::-1]
        trust = None if doubtful is None else _trust(example, text, types, doubtful)
        size = max_tokens - encoder.specials
        for window in cut_windows(len(text.ids), size, size // 4):
            kept = np.full(window.end - window.start, IGNORED, dtype=np.int64)
            inner = slice(window.keep_start - window.start, window.keep_end - window.start)
            kept[inner] = targets[window.keep_start : window.keep_end]
            if example.weight > 0 and (kept != IGNORED).any():
                inside = slice(window.start, window.end)
                part = None if trust is None else trust[inside]
                rows.append(Row(text.ids[inside], kept, example.weight, part, number))
    return rows


def _trust(
    example: LabelledText, text: Encoded, types: Sequence[str], doubtful: Doubt
) -> NDArray[np.float32]:
    """Of every token: less where the vocabulary has a name and nobody marked one."""
    trust = np.ones(len(text.ids), dtype=np.float32)
    names = [
        span
        for span in doubtful.find(example.text)
        if not any(span.overlaps(marked) for marked in example.spans)
    ]
    unmarked = (tag_words(text.words, names, types) != 0) & (text.first >= 0)
    trust[text.first[unmarked]] = doubtful.weight
    return trust
