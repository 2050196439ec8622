"""Whether probabilities mean what they say."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from appliance.records.breakdown import Bin, Calibration
from appliance.records.gold import GoldDocument
from appliance.records.spans import ScoredSpan

BINS: Final = 10


def calibrate(gold: Sequence[GoldDocument], found: Sequence[Sequence[ScoredSpan]]) -> Calibration:
    """The found spans in bins of their probability, and how many of each are right.

    The expected calibration error is the mean over spans of the distance between a bin's share of
    right ones and its mean probability: Guo et al. 2017, arXiv:1706.04599, equation 3.

    Args:
        gold: n documents.
        found: n sequences of spans with probabilities 0 to 1, in the same order.
    """
    pairs = [
        (scored.score, scored.span in right_ones)
        for document, spans in zip(gold, found, strict=True)
        for right_ones in [set(document.spans)]
        for scored in spans
    ]
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    right = np.array([is_right for _, is_right in pairs], dtype=np.bool_)
    place = np.clip(np.ceil(scores * BINS) - 1, 0, BINS - 1).astype(np.int64)
    bins: list[Bin] = []
    error = 0.0
    for number in range(BINS):
        inside = place == number
        count, hits = int(inside.sum()), int(right[inside].sum())
        mean = float(scores[inside].mean()) if count else 0.0
        error += abs(hits - mean * count)
        bins.append(Bin(number / BINS, (number + 1) / BINS, count, mean, hits))
    return Calibration(error / max(1, len(pairs)), tuple(bins))
