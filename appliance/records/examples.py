"""Labelled invented text."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.records.identifiers import DraftId, ExampleId
from appliance.records.spans import Relation, Span


class Split(StrEnum):
    """What an example is used for."""

    TRAIN = "train"
    DEV = "dev"


class Origin(StrEnum):
    """How an example's text came about."""

    WRITTEN = "written"
    """By a language model."""
    VARIED = "varied"
    """The same, with other names of the vocabulary in the places of its entities."""
    COMPOSED = "composed"
    """From a frame of the label sheet; no model took part."""


@dataclass(frozen=True, slots=True)
class Line:
    """Text made without a model.

    Attributes:
        text: The text.
        entities: Surfaces that were put into it as entities.
    """

    text: str
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One curated, labelled, invented text with where it came from.

    Attributes:
        example_id: Digest of text and spans.
        text: The sentence.
        spans: Sorted, none overlapping, every occurrence labelled.
        relations: Between indices of `spans`.
        draft_id: The draft that asked for it; of a composed text, a digest of its own.
        model: Name and digest of the model that wrote it; "" where none did.
        split: Train or dev.
        weight: Trust in the labels, 0 to 1.
        origin: How the text came about.
    """

    example_id: ExampleId
    text: str
    spans: tuple[Span, ...]
    relations: tuple[Relation, ...]
    draft_id: DraftId
    model: str
    split: Split
    weight: float = 1.0
    origin: Origin = Origin.WRITTEN
