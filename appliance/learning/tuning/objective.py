"""What one training run is after: rows to learn from, a loss, and a figure on dev."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.learning.tuning.losses import Loss
from appliance.learning.tuning.rows import Row
from appliance.records.cards import HeadKind


@dataclass(frozen=True, slots=True)
class Objective:
    """A corpus, ready to be learned.

    Attributes:
        kind: What the head decides.
        labels: In the head's order.
        rows: Of the train split.
        examples: Count of training examples.
        loss: Over a batch of rows.
        score: F1 on dev of the model given, 0 to 1; 0 where there is no dev example.
    """

    kind: HeadKind
    labels: tuple[str, ...]
    rows: Sequence[Row]
    examples: int
    loss: Loss
    score: Callable[[Any], float]
