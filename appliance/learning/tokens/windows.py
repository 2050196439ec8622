"""Long texts as overlapping windows of tokens, each token decided in exactly one of them."""

import itertools
from dataclasses import dataclass

from appliance.errors import BadInput


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one text's tokens.

    Attributes:
        start: First token.
        end: One past the last.
        keep_start: First token whose label this window decides.
        keep_end: One past the last such token.
    """

    start: int
    end: int
    keep_start: int
    keep_end: int


def cut_windows(tokens: int, size: int, overlap: int) -> tuple[Window, ...]:
    """Windows that cover every token; neighbours meet in the middle of their overlap.

    Args:
        tokens: Length of the text, without special tokens.
        size: Longest window.
        overlap: Tokens that neighbours share, at least; the last two may share more.

    Raises:
        BadInput: The overlap leaves a window no token of its own.

    >>> [(w.start, w.end, w.keep_start, w.keep_end) for w in cut_windows(10, 6, 2)]
    [(0, 6, 0, 5), (4, 10, 5, 10)]
    """
    if not 0 <= overlap < size:
        raise BadInput(
            f"Windows of {size} tokens can't overlap by {overlap}.",
            "Set stride_tokens below max_tokens in site.toml.",
        )
    if tokens <= size:
        return (Window(0, tokens, 0, tokens),)
    # The last window is moved back to be full: more context costs nothing there.
    starts = [*range(0, tokens - size, size - overlap), tokens - size]
    cuts = [
        0,
        *((left + size + right) // 2 for left, right in itertools.pairwise(starts)),
        tokens,
    ]
    return tuple(
        Window(start, start + size, keep_start, keep_end)
        for start, (keep_start, keep_end) in zip(starts, itertools.pairwise(cuts), strict=True)
    )
