"""How well labels of pairs agree with gold: macro-F1, MCC and positive F1, with intervals."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.records.breakdown import Figure
from appliance.records.scores import RelationScore

RESAMPLES: Final = 1_000
_INTERVAL: Final = (2.5, 97.5)
_DRAWS: Final = 50

Cells = NDArray[np.int64]
Values = NDArray[np.float64]


def score_pairs(
    gold: Sequence[Sequence[int]],
    predicted: Sequence[Sequence[int]],
    labels: int,
    *,
    seed: int = 0,
) -> RelationScore:
    """Agreement over all pairs of all documents.

    The intervals are the percentile bootstrap over documents, for pairs of one text are alike.

    Args:
        gold: n documents, an index of a label for each of their pairs; 0 is `UNRELATED`.
        predicted: The same shape.
        labels: How many labels there are.
        seed: Of the resamples.
    """
    counts = confusions(gold, predicted, labels)
    cells = counts.sum(axis=0).reshape(labels, labels)
    hits = int(np.trace(cells[1:, 1:]))
    positive, found_positive = int(cells[1:].sum()), int(cells[:, 1:].sum())
    draws = _resample(counts, labels, seed)
    return RelationScore(
        macro_f1=_figure(macro_f1, cells, draws),
        mcc=_figure(correlation, cells, draws),
        positive_f1=_figure(positive_f1, cells, draws),
        precision=hits / found_positive if found_positive else 0.0,
        recall=hits / positive if positive else 0.0,
        pairs=int(cells.sum()),
        positive=positive,
        predicted=found_positive,
    )


def confusions(
    gold: Sequence[Sequence[int]], predicted: Sequence[Sequence[int]], labels: int
) -> Cells:
    """Pairs of every document by gold and predicted label: (documents, labels * labels).

    Args:
        gold: n documents, an index of a label for each of their pairs.
        predicted: The same shape.
        labels: How many labels there are.
    """
    counts = np.zeros((len(gold), labels * labels), dtype=np.int64)
    for row, (right, found) in enumerate(zip(gold, predicted, strict=True)):
        cells = np.array(right, dtype=np.int64) * labels + np.array(found, dtype=np.int64)
        counts[row] = np.bincount(cells, minlength=labels * labels)
    return counts


def macro_f1(cells: Cells) -> Values:
    """Mean of every label's F1; that of a label neither in gold nor predicted is 0.

    Args:
        cells: (..., labels, labels), gold by predicted.
    """
    hits = np.diagonal(cells, axis1=-2, axis2=-1)
    total = cells.sum(axis=-1) + cells.sum(axis=-2)
    return np.asarray((2 * hits / np.maximum(total, 1)).mean(axis=-1), dtype=np.float64)


def positive_f1(cells: Cells) -> Values:
    """F1 over all labels but the first, micro-averaged; 0 where there is nothing of them.

    Args:
        cells: (..., labels, labels), gold by predicted.
    """
    inner = np.diagonal(cells, axis1=-2, axis2=-1)[..., 1:].sum(axis=-1)
    total = cells[..., 1:, :].sum(axis=(-2, -1)) + cells[..., :, 1:].sum(axis=(-2, -1))
    return np.asarray(2 * inner / np.maximum(total, 1), dtype=np.float64)


def correlation(cells: Cells) -> Values:
    """Matthews correlation coefficient; 0 where gold or predictions are all of one label.

    Source: the form for many labels, Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006.

    Args:
        cells: (..., labels, labels), gold by predicted.
    """
    cells = cells.astype(np.float64)
    everything = cells.sum(axis=(-2, -1))
    right = np.diagonal(cells, axis1=-2, axis2=-1).sum(axis=-1)
    gold, predicted = cells.sum(axis=-1), cells.sum(axis=-2)
    shared = right * everything - (gold * predicted).sum(axis=-1)
    spread = (everything**2 - (gold**2).sum(axis=-1)) * (
        everything**2 - (predicted**2).sum(axis=-1)
    )
    return np.asarray(shared / np.sqrt(np.where(spread > 0, spread, np.inf)), dtype=np.float64)


def _figure(of: Callable[[Cells], Values], cells: Cells, draws: Cells) -> Figure:
    if not len(draws):
        return Figure(float(of(cells)), 0.0, 0.0)
    low, high = np.percentile(of(draws), _INTERVAL)
    return Figure(float(of(cells)), float(low), float(high))


def _resample(counts: Cells, labels: int, seed: int) -> Cells:
    """Confusions of resampled documents: (resamples, labels, labels)."""
    documents = len(counts)
    if not documents:
        return np.zeros((0, labels, labels), dtype=np.int64)
    generator = np.random.default_rng(seed)
    share = np.full(documents, 1 / documents)
    draws = [
        generator.multinomial(documents, share, size=_DRAWS) @ counts
        for _ in range(RESAMPLES // _DRAWS)
    ]
    resampled: Cells = np.concatenate(draws)
    return resampled.reshape(-1, labels, labels)
