"""Strict entity precision, recall and F1, micro-averaged, with bootstrap intervals."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.records.breakdown import Score
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span

RESAMPLES: Final = 1_000
_INTERVAL: Final = (2.5, 97.5)
# Resamples drawn at once: keeps the matrix of draws small for a hundred thousand documents.
_DRAWS: Final = 50


def score(
    gold: Sequence[GoldDocument], predicted: Sequence[Sequence[Span]], *, seed: int = 0
) -> Score:
    """Agreement over all labels: a span counts when start, end and label are those of gold.

    The interval is the percentile bootstrap over documents: Efron & Tibshirani, "An Introduction
    to the Bootstrap", 1993, chapter 13.

    Args:
        gold: n documents.
        predicted: n sequences of spans, same order; a span named twice counts once.
        seed: Of the resamples.
    """
    return summarise(count_matches(gold, predicted), seed)


def score_labels(
    gold: Sequence[GoldDocument],
    predicted: Sequence[Sequence[Span]],
    labels: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Score]:
    """Agreement label by label, in the order of `labels`."""
    return {label: summarise(count_matches(gold, predicted, label), seed) for label in labels}


def count_matches(
    gold: Sequence[GoldDocument], predicted: Sequence[Sequence[Span]], label: str | None = None
) -> NDArray[np.int64]:
    """True positives, predicted and gold spans per document: (n, 3).

    Args:
        gold: n documents.
        predicted: n sequences of spans.
        label: Count only this label; None counts all.
    """
    counts = np.zeros((len(gold), 3), dtype=np.int64)
    for row, (document, spans) in enumerate(zip(gold, predicted, strict=True)):
        right = {span for span in document.spans if label in (None, span.label)}
        found = {span for span in spans if label in (None, span.label)}
        counts[row] = len(right & found), len(found), len(right)
    return counts


def f1_score(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 = 2tp / (predicted + gold), 0 where nothing is predicted and nothing is gold.

    Args:
        totals: (..., 3): true positives, predicted, gold.
    """
    denominator = np.maximum(totals[..., 1] + totals[..., 2], 1)
    return np.asarray(2 * totals[..., 0] / denominator, dtype=np.float64)


def summarise(counts: NDArray[np.int64], seed: int = 0) -> Score:
    """The score of counts, with its interval.

    Args:
        counts: (documents, 3): true positives, predicted, gold.
        seed: Of the resamples.
    """
    hits, predicted, gold = (int(total) for total in counts.sum(axis=0))
    low, high = _interval(counts, seed)
    return Score(
        precision=hits / predicted if predicted else 0.0,
        recall=hits / gold if gold else 0.0,
        f1=float(f1_score(counts.sum(axis=0))),
        ci_low=low,
        ci_high=high,
        true_positives=hits,
        predicted=predicted,
        gold=gold,
    )


def _interval(counts: NDArray[np.int64], seed: int) -> tuple[float, float]:
    documents = len(counts)
    if documents == 0:
        return 0.0, 0.0
    generator = np.random.default_rng(seed)
    share = np.full(documents, 1 / documents)
    values = [
        f1_score(generator.multinomial(documents, share, size=_DRAWS) @ counts)
        for _ in range(RESAMPLES // _DRAWS)
    ]
    low, high = np.percentile(np.concatenate(values), _INTERVAL)
    return float(low), float(high)
