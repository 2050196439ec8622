"""Token ids of one batch as rectangular arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.encoding import Encoder


@dataclass(frozen=True, slots=True)
class Block:
    """One batch, padded.

    Attributes:
        ids: (rows, tokens) int64, special tokens and padding included.
        mask: (rows, tokens) int64, 1 where there is a token.
        offset: Special tokens before the first token of a row's text.
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    offset: int


def frame(encoder: Encoder, row: NDArray[np.int32]) -> NDArray[np.int64]:
    """Content tokens between the special tokens."""
    framed: NDArray[np.int64] = np.concatenate(
        [encoder.prefix, row, encoder.suffix], dtype=np.int64
    )
    return framed


def collate(encoder: Encoder, rows: Sequence[NDArray[np.int32]]) -> Block:
    """Rows of content tokens, framed by special tokens and padded to the longest."""
    longest = max(len(row) for row in rows) + encoder.specials
    ids = np.full((len(rows), longest), encoder.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        framed = frame(encoder, row)
        ids[number, : len(framed)] = framed
        mask[number, : len(framed)] = 1
    return Block(ids, mask, len(encoder.prefix))
