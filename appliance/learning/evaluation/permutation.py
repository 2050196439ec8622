"""Whether two systems differ by more than chance, document by document."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.records.breakdown import Figure

PERMUTATIONS: Final = 10_000
RESAMPLES: Final = 1_000
_INTERVAL: Final = (2.5, 97.5)
# Draws at once: keeps the matrix of draws small for a hundred thousand documents.
_DRAWS: Final = 100
# Differences that rounding alone makes unequal count as equal.
_SLACK: Final = 1e-12

Counts = NDArray[np.int64]
Statistic = Callable[[Counts], NDArray[np.float64]]


def permutation_test(one: Counts, two: Counts, statistic: Statistic, *, seed: int = 0) -> float:
    """The p-value, two-sided, of the difference of `statistic` between two systems.

    Were the two alike, either's answers on a document could as well be the other's: they are
    exchanged by the toss of a coin, document by document, and it is counted how often that gives a
    difference as large. The difference itself counts as one of the draws, so p is never 0.
    Source: approximate randomization, Yeh 2000, "More accurate tests for the statistical
    significance of result differences", COLING; Noreen 1989.

    Args:
        one: (documents, k) counts of the first system.
        two: The second's, on the same documents in the same order.
        statistic: Of totals (..., k).
        seed: Of the draws.
    """
    totals_one, totals_two, swing = one.sum(axis=0), two.sum(axis=0), two - one
    observed = abs(float(statistic(totals_one) - statistic(totals_two)))
    generator = np.random.default_rng(seed)
    as_large = 0
    for _ in range(PERMUTATIONS // _DRAWS):
        moved = generator.integers(0, 2, size=(_DRAWS, len(one))) @ swing
        drawn = statistic(totals_one + moved) - statistic(totals_two - moved)
        as_large += int((np.abs(drawn) >= observed - _SLACK).sum())
    return (as_large + 1) / (PERMUTATIONS + 1)


def paired_difference(one: Counts, two: Counts, statistic: Statistic, *, seed: int = 0) -> Figure:
    """The first system's `statistic` less the second's, with its paired bootstrap interval.

    Args:
        one: (documents, k) counts of the first system.
        two: The second's, on the same documents in the same order.
        statistic: Of totals (..., k).
        seed: Of the resamples.
    """
    value = float(statistic(one.sum(axis=0)) - statistic(two.sum(axis=0)))
    if not len(one):
        return Figure(0.0, 0.0, 0.0)
    generator = np.random.default_rng(seed)
    share = np.full(len(one), 1 / len(one))
    drawn = []
    for _ in range(RESAMPLES // _DRAWS):
        times = generator.multinomial(len(one), share, size=_DRAWS)
        drawn.append(statistic(times @ one) - statistic(times @ two))
    low, high = np.percentile(np.concatenate(drawn), _INTERVAL)
    return Figure(value, float(low), float(high))
