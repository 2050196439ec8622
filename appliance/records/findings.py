"""Something extracted from a note, by offset and never by text."""

from dataclasses import dataclass

from appliance.records.identifiers import NoteId


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One entity found in one note.

    Attributes:
        note_id: The note.
        start: First code point of the note's text.
        end: One past the last.
        label: Entity type.
        score: Mean probability of the label over the span's tokens, 0 to 1.
    """

    note_id: NoteId
    start: int
    end: int
    label: str
    score: float
