"""What a random sample says of all notes it was drawn from: weighted, with intervals by patient."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.learning.evaluation.score import RESAMPLES
from appliance.records.breakdown import Figure
from appliance.records.reviews import SampledScore

_INTERVAL: Final = (2.5, 97.5)
_Z: Final = 1.959964

Counts = NDArray[np.int64]
Weights = NDArray[np.float64]


def estimate(counts: Counts, weights: Weights, owners: Sequence[str]) -> SampledScore:
    """Precision, recall and F1 over all that was drawn from.

    Each is a ratio of two sums, both unbiased (Horvitz & Thompson 1952); the ratio's own bias falls
    with the size of the sample, as 1/n (Cochran, Sampling Techniques, 1977, 6.8): F1 too, of twice
    the hits by all that was predicted and all that is gold. Intervals are Wilson's with the
    effective size of the sample, which the spread between patients gives (Korn & Graubard 1998);
    it is never more than the count, and where nothing differs it is the count of patients. A
    bootstrap is too narrow where few of the notes drawn hold anything.

    Args:
        counts: (documents, 3): true positives, predicted, gold.
        weights: (documents,): for how many notes each stands, 1 or more.
        owners: Whose each document is.
    """
    rows, raw = _by_owner(counts * weights[:, None], owners), _by_owner(counts, owners)
    return SampledScore(
        precision=_ratio(rows[:, 0], rows[:, 1], raw[:, 1]),
        recall=_ratio(rows[:, 0], rows[:, 2], raw[:, 2]),
        f1=_ratio(2 * rows[:, 0], rows[:, 1:].sum(axis=1), raw[:, 1:].sum(axis=1) / 2),
    )


def gain(
    counts: Counts, others: Counts, weights: Weights, owners: Sequence[str], seed: int = 0
) -> Figure:
    """The F1 of `counts` less that of `others`, on the same documents; bootstrap over patients.

    With findings in few of the notes drawn the interval is too narrow, see `estimate`.
    """
    ours = _by_owner(counts * weights[:, None], owners)
    theirs = _by_owner(others * weights[:, None], owners)
    value = _f1(ours.sum(axis=0)) - _f1(theirs.sum(axis=0))
    if not len(ours):
        return Figure(0.0, -1.0, 1.0)
    low, high = np.percentile(_resample(ours, seed) - _resample(theirs, seed), _INTERVAL)
    return Figure(float(value), float(low), float(high))


def _by_owner(rows: NDArray[np.generic], owners: Sequence[str]) -> NDArray[np.float64]:
    """(patients, 3): the sums of each patient's documents."""
    names, places = np.unique(np.array(owners, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), 3))
    np.add.at(sums, places, rows)
    return sums


def _resample(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """F1 of as many patients, drawn with replacement, many times; the same draws for one seed."""
    share = np.full(len(rows), 1 / len(rows))
    draws = np.random.default_rng(seed).multinomial(len(rows), share, size=RESAMPLES)
    return _f1(draws @ rows)


def _f1(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    below = totals[..., 1] + totals[..., 2]
    return np.asarray(2 * totals[..., 0] / np.where(below > 0, below, 1.0))


def _ratio(hits: NDArray[np.float64], of: NDArray[np.float64], raw: NDArray[np.float64]) -> Figure:
    """Hits per one of `of`; nothing is known where there is none."""
    total, patients = float(of.sum()), int((of > 0).sum())
    if not patients:
        return Figure(0.0, 0.0, 1.0)
    share = float(hits.sum()) / total
    size = float(patients)
    # Variance of a ratio by linearisation: Cochran, Sampling Techniques, 1977, 6.4.
    spread = float(((hits - share * of) ** 2).sum()) / total**2
    if patients > 1 and spread > 0:
        variance = spread * patients / (patients - 1)
        size = min(share * (1 - share) / variance, float(raw.sum()))
    return Figure(share, *_wilson(share, size))


def _wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson 1927; its ends lie within 0 and 1 whatever the size."""
    middle = (share + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z * np.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2)) / (1 + _Z**2 / size)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
