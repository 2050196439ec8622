"""Labelled stretches of a text."""

from dataclasses import dataclass
from typing import Final

UNRELATED: Final = "none"
"""The label of a pair that is known to stand in no relation; no relation type is called so."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One labelled stretch of a text that is kept elsewhere.

    Attributes:
        start: First code point, 0-based.
        end: One past the last code point; `end > start`.
        label: Entity type, e.g. "Disease".
    """

    start: int
    end: int
    label: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            message = f"a span must have 0 <= start < end, not {self.start}..{self.end}"
            raise ValueError(message)

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share at least one code point."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class ScoredSpan:
    """A span that a model found, with the mean probability of its label, 0 to 1."""

    span: Span
    score: float


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """A directed, labelled pair of spans of one text.

    Attributes:
        head: Index of the head span in the text's sorted spans.
        tail: Index of the tail span.
        label: Relation type, e.g. "adverse-event", or `UNRELATED`.
    """

    head: int
    tail: int
    label: str
