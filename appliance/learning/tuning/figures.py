"""What is said of one pass over a corpus."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one pass.

    Attributes:
        number: From 1.
        loss: Mean training loss; 0 under differential privacy, which it would break.
        dev_f1: On dev, 0 to 1: strict entity F1, or macro-F1 of relations.
        seconds: Training only, without dev.
        examples_per_s: Rows of this worker over `seconds`.
        padding: Share of computed tokens that were padding, 0 to 1.
    """

    number: int
    loss: float
    dev_f1: float
    seconds: float
    examples_per_s: float
    padding: float
