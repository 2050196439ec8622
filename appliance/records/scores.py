"""How well predicted spans agree with gold ones."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Strict agreement, micro-averaged over entities; all rates are 0 to 1.

    Attributes:
        precision: True positives over predicted.
        recall: True positives over gold.
        f1: Their harmonic mean, 0 where both are 0.
        ci_low: Lower bound of the 95 % bootstrap interval of `f1` over documents.
        ci_high: Its upper bound.
        true_positives: Count.
        predicted: Count.
        gold: Count.
    """

    precision: float
    recall: float
    f1: float
    ci_low: float
    ci_high: float
    true_positives: int
    predicted: int
    gold: int


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One evaluation: the adapter beside the free baselines on the same gold.

    Attributes:
        adapter: Name of the adapter.
        gold: Name of the gold file (its last path component) or "invented-hospital".
        documents: Count of gold documents or sentences.
        overall: The adapter, all labels.
        per_label: The adapter, label by label.
        baselines: Name of the baseline ("dictionary") and its score.
    """

    adapter: str
    gold: str
    documents: int
    overall: Score
    per_label: dict[str, Score]
    baselines: dict[str, Score]
