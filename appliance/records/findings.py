"""Something extracted from a note, by offset and never by text."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.records.assertions import Assertion, Cue
from appliance.records.identifiers import NoteId
from appliance.records.spans import Span

_NOT_ABOUT_PATIENT = (Assertion.NEGATED, Assertion.FAMILY, Assertion.HYPOTHETICAL)


class LinkReason(StrEnum):
    """Why a finding has the concept it has, or has none."""

    NOT_ASKED = ""
    EXACT = "exact"
    NEAR = "near"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    TOO_SHORT = "too-short"


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """The concept of a vocabulary that a finding names, or why there is none.

    Attributes:
        concept: The vocabulary's id; "" for none.
        score: Similarity of the words to the concept's nearest name, 0 to 1.
        reason: Why this one, or why none.
    """

    concept: str = ""
    score: float = 0.0
    reason: LinkReason = LinkReason.NOT_ASKED


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One entity found in one note.

    Attributes:
        note_id: The note.
        start: First code point of the note's text.
        end: One past the last.
        label: Entity type.
        score: Mean probability of the label over the span's tokens, 0 to 1.
        section: Name of the section it stands in; "" where none is known.
        cues: The words that say how it is meant, at most one of each kind, sorted.
        link: Its concept in the vocabulary that was given.
    """

    note_id: NoteId
    start: int
    end: int
    label: str
    score: float
    section: str = ""
    cues: tuple[Cue, ...] = ()
    link: Link = Link()

    @property
    def is_about_patient(self) -> bool:
        """Whether it says that the patient has or had it, for certain or not."""
        return not any(map(self.is_, _NOT_ABOUT_PATIENT))

    def is_(self, kind: Assertion) -> bool:
        """Whether something says that of it."""
        return any(cue.kind is kind for cue in self.cues)


@dataclass(frozen=True, slots=True, order=True)
class RelationFinding:
    """Two findings of one note that its text relates.

    Attributes:
        note_id: The note.
        head: Where the first argument stands, with its entity type: the place of a `Finding`.
        tail: The other one's.
        label: Relation type.
        score: Probability of the label among those that may join the two types, 0 to 1.
    """

    note_id: NoteId
    head: Span
    tail: Span
    label: str
    score: float
