"""Texts with the spans that people say are right."""

from dataclasses import dataclass, field

from appliance.records.spans import Relation, Span


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """One annotated text.

    Attributes:
        document_id: Unique within its file.
        text: The text; may be a real note.
        spans: Sorted, none overlapping.
        relations: Between indices of `spans`.
    """

    document_id: str
    text: str = field(repr=False)
    spans: tuple[Span, ...]
    relations: tuple[Relation, ...] = ()
