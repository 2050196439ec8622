"""Rows of similar length together, so that padding is not what the machine computes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Rows of one batch differ in length by at most this share: keeps padding waste under 10 %.
_SPREAD: Final = 0.15


def plan_batches(
    lengths: NDArray[np.int64], budget: int, generator: np.random.Generator | None = None
) -> list[NDArray[np.int64]]:
    """Every row is in exactly one batch, and a batch holds at most `budget` padded tokens.

    A row longer than the budget is a batch of its own.

    Args:
        lengths: (rows,), tokens per row, special tokens included.
        budget: Rows of a batch times its longest row.
        generator: Shuffles rows of like length and the order of batches; None leaves both alone.

    Returns:
        Indices into `lengths`, one array per batch.
    """
    noise = generator.random(len(lengths)) * 2 if generator else np.zeros(len(lengths))
    order = np.argsort(lengths + noise, kind="stable")
    batches: list[NDArray[np.int64]] = []
    first, longest = 0, 0
    for position, row in enumerate(order):
        longest_now = max(longest, int(lengths[row]))
        shortest = int(lengths[order[first]])
        full = (position - first + 1) * longest_now > budget
        uneven = longest_now - shortest > max(4.0, _SPREAD * longest_now)
        if position > first and (full or uneven):
            batches.append(order[first:position])
            first, longest_now = position, int(lengths[row])
        longest = longest_now
    if len(order):
        batches.append(order[first:])
    if generator:
        generator.shuffle(batches)
    return batches


def plan_unpadded(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """Every row is in exactly one batch, like lengths beside each other.

    A batch holds at most `budget` tokens and what is left of one row.

    Args:
        lengths: (rows,), tokens per row, special tokens included.
        budget: Tokens of a batch.

    Returns:
        Indices into `lengths`, one array per batch.
    """
    if not len(lengths):
        return []
    order = np.argsort(lengths, kind="stable")
    batch = (np.cumsum(lengths[order]) - 1) // budget
    return np.split(order, np.flatnonzero(np.diff(batch)) + 1)


def padding_waste(lengths: NDArray[np.int64], batches: list[NDArray[np.int64]]) -> float:
    """The share of computed tokens that are padding, 0 to 1."""
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    return 1 - int(lengths.sum()) / padded if padded else 0.0
