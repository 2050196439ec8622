"""Where predicted spans agree with gold ones and where not, in counts."""

from dataclasses import dataclass, field
from enum import StrEnum

from appliance.records.spans import Span


@dataclass(frozen=True, slots=True)
class Score:
    """Agreement, micro-averaged over entities; all rates are 0 to 1.

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
class Figure:
    """A number with its 95 % bootstrap interval over documents."""

    value: float
    ci_low: float
    ci_high: float


class Fault(StrEnum):
    """How a span fails to be right by the strict measure."""

    BOUNDARY = "boundary"
    """The label is right, start or end is not."""
    TYPE = "type"
    """Start and end are right, the label is not."""
    BOTH = "boundary and type"
    """The two overlap, and that is all."""
    MISSED = "missed"
    """Gold has it, and nothing was found there."""
    SPURIOUS = "spurious"
    """It was found, and gold has nothing there."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One place where gold and an adapter differ; for the operator's eyes only.

    Attributes:
        fault: Of what kind.
        document_id: Of the gold file.
        gold: What people marked, or None.
        found: What the adapter found, or None.
        words: What stands in the text from the start of either to the end of either.
    """

    fault: Fault
    document_id: str
    gold: Span | None
    found: Span | None
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bin:
    """Spans whose probability lies in one stretch.

    Attributes:
        low: Of the stretch, exclusive but for 0.
        high: Of the stretch, inclusive.
        count: Spans.
        confidence: Their mean probability; 0 where there are none.
        right: How many of them are right by the strict measure.
    """

    low: float
    high: float
    count: int
    confidence: float
    right: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether what is said to be 80 % sure is right in 80 of 100 cases.

    Attributes:
        ece: Expected calibration error, 0 to 1.
        bins: Stretches of equal width from 0 to 1.
    """

    ece: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What lies behind an F1.

    Attributes:
        relaxed: A span counts when it overlaps one of gold with its label.
        relaxed_per_label: The same, label by label.
        seen: Strict, of the spans whose words, but for case, are marked in the training corpus;
            None where that corpus is no longer there.
        unseen: Strict, of the others.
        faults: Count of each `Fault`.
        calibration: Of the probabilities.
    """

    relaxed: Score
    relaxed_per_label: dict[str, Score]
    seen: Score | None
    unseen: Score | None
    faults: dict[str, int]
    calibration: Calibration
