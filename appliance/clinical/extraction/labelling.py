"""What runs inside a worker: ids in, findings by offset out, and a note that fails set aside."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

from appliance.errors import ApplianceError, IntegrityError, KeyMismatch
from appliance.records.identifiers import NoteId
from appliance.records.notes import Note
from appliance.records.spans import ScoredSpan

REASON: Final = "extraction"
"""Why the vault is read."""

# Far below what a model's score means, far above what the order of additions does to it.
_SCORE_DIGITS: Final = 4


class Labeller(Protocol):
    """What finds entities in texts."""

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """Spans of every text, in order."""


class NoteReader(Protocol):
    """What gives notes for a reason; the vault."""

    def read_identified(self, note_ids: Sequence[NoteId], reason: str) -> list[Note]:
        """The notes, in the order asked for."""


class NoteLabelling:
    """Labels blocks of notes; one for each worker.

    Args:
        reader: The vault, opened in this worker.
        labeller: The adapter, loaded in this worker.
    """

    def __init__(self, reader: NoteReader, labeller: Labeller) -> None:
        self._reader = reader
        self._labeller = labeller

    def __call__(self, note_ids: Sequence[str]) -> list[dict[str, object]]:
        """One record per note: its id with `spans`, or with `poison`, the kind of its failure.

        Raises:
            ApplianceError: What would fail for every note: a wrong key, a missing note.
        """
        try:
            return self._label(note_ids)
        except Exception as error:  # noqa: BLE001 - one note must not stop the others
            _check_is_about_one_note(error)
        return [self._label_alone(note_id) for note_id in note_ids]

    def _label(self, note_ids: Sequence[str]) -> list[dict[str, object]]:
        notes = self._reader.read_identified([NoteId(note_id) for note_id in note_ids], REASON)
        found = self._labeller.label([note.text for note in notes])
        return [
            {"note": note.note_id, "spans": [_plain(span, note) for span in spans]}
            for note, spans in zip(notes, found, strict=True)
        ]

    def _label_alone(self, note_id: str) -> dict[str, object]:
        try:
            return self._label([note_id])[0]
        except Exception as error:  # noqa: BLE001 - set aside, with the kind of its failure
            _check_is_about_one_note(error)
            return {"note": note_id, "poison": _kind(error)}


def _plain(scored: ScoredSpan, note: Note) -> list[object]:
    span = scored.span
    if span.end > len(note.text):
        raise IntegrityError(f"A span lies beyond the end of {note.note_id}.")
    return [span.start, span.end, span.label, round(float(scored.score), _SCORE_DIGITS)]


def _check_is_about_one_note(error: Exception) -> None:
    about_one = isinstance(error, IntegrityError) and not isinstance(error, KeyMismatch)
    if isinstance(error, ApplianceError) and not about_one:
        raise error


def _kind(error: Exception) -> str:
    """The error's type in the form of a rule name: `ValueError` is "value-error"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()
