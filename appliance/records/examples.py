"""Labelled invented text."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.records.identifiers import DraftId, ExampleId
from appliance.records.spans import Relation, Span


class Split(StrEnum):
    """What an example is used for."""

    TRAIN = "train"
    DEV = "dev"


@dataclass(frozen=True, slots=True)
class Example:
    """One curated, labelled, invented text with where it came from.

    Attributes:
        example_id: Digest of text and spans.
        text: The sentence.
        spans: Sorted, none overlapping, every occurrence labelled.
        relations: Between indices of `spans`.
        draft_id: The draft that asked for it.
        model: Name and digest of the model that wrote it.
        split: Train or dev.
        weight: Trust in the labels, 0 to 1.
    """

    example_id: ExampleId
    text: str
    spans: tuple[Span, ...]
    relations: tuple[Relation, ...]
    draft_id: DraftId
    model: str
    split: Split
    weight: float = 1.0
