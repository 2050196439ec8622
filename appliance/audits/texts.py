"""What attacks compare: texts that could leave, and notes that must not be in them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from appliance.gate.normalisation import normalise
from appliance.records.notes import Note

_WORD: Final = re.compile(r"[^\W_]+")
Facts = Sequence[frozenset[str]]
"""What is known of each patient, in no order."""
_SENTENCE: Final = re.compile(r"(?<=[.!?;:])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One text that could leave the site.

    Attributes:
        where: What it is part of, e.g. "corpus first".
        text_id: Of the text there.
        text: The text.
        facts: Entities that are labelled in it, small letters.
    """

    where: str
    text_id: str
    text: str = field(repr=False)
    facts: frozenset[str] = field(default=frozenset(), repr=False)


class Notes(Protocol):
    """The vault's notes, each reading of which is in the ledger."""

    def count(self) -> int:
        """How many there are."""

    def sample(self, count: int, seed: int) -> Sequence[Note]:
        """So many notes, of patients drawn at random."""

    def stream(self) -> Iterator[Note]:
        """All notes, a batch in memory at a time."""


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: plain, small, without punctuation."""
    return _WORD.findall(normalise(text).text.lower())


def sentences_of(text: str) -> list[str]:
    """The text cut where sentences, lines and headings end."""
    return [part for part in _SENTENCE.split(text) if part.strip()]


def owner_of(note: Note) -> str:
    """Whose note it is: the patient, or the note itself where that is not known."""
    return note.patient_id or note.note_id
