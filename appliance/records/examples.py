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
class PairLine:
    """Text about one pair, made without a model.

    Attributes:
        text: The text.
        head: Surface of the head entity.
        tail: Surface of the tail entity.
        label: Relation type, or `UNRELATED`.
        frame: The frame it was made from: lines of one frame are all for train or all for dev.
    """

    text: str
    head: str
    tail: str
    label: str
    frame: str


@dataclass(frozen=True, slots=True)
class Example:
    """One curated, labelled, invented text with where it came from.

    Attributes:
        example_id: Digest of text and spans.
        text: The sentence.
        spans: Sorted, none overlapping, every occurrence labelled.
        relations: Between indices of `spans`; of a task about pairs, the one pair that the label
            is known of, also where it is `UNRELATED`.
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
