"""Labelled texts as rows of token ids and targets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.bio import tag_words
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tokens.windows import cut_windows
from appliance.learning.tuning.data import LabelledText

IGNORED: Final = -100


@dataclass(frozen=True, slots=True)
class Row:
    """One window of one text.

    Attributes:
        ids: (tokens,), without special tokens.
        targets: (tokens,), label of the word a token begins, `IGNORED` for all other tokens.
        weight: Of every target of the row, 0 to 1.
    """

    ids: NDArray[np.int32] = field(repr=False)
    targets: NDArray[np.int64] = field(repr=False)
    weight: float


def make_rows(
    examples: Sequence[LabelledText], encoder: Encoder, types: Sequence[str], max_tokens: int
) -> list[Row]:
    """Rows of all examples; texts without a token or without trust give none."""
    rows: list[Row] = []
    texts = encoder.encode([example.text for example in examples])
    for example, text in zip(examples, texts, strict=True):
        targets = np.full(len(text.ids), IGNORED, dtype=np.int64)
        tags = tag_words(text.words, example.spans, types)
        # Backwards, so that of two words under one token the first decides.
        own = (text.first >= 0) & ~text.inherits
        targets[text.first[own][::-1]] = tags[own][::-1]
        size = max_tokens - encoder.specials
        for window in cut_windows(len(text.ids), size, size // 4):
            kept = np.full(window.end - window.start, IGNORED, dtype=np.int64)
            inner = slice(window.keep_start - window.start, window.keep_end - window.start)
            kept[inner] = targets[window.keep_start : window.keep_end]
            if example.weight > 0 and (kept != IGNORED).any():
                rows.append(Row(text.ids[window.start : window.end], kept, example.weight))
    return rows
