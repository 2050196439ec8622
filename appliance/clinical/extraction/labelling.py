"""What runs inside a worker: ids in, findings by offset out, and a note that fails set aside."""

import re
from collections.abc import Sequence
from typing import Any, Final, Protocol

from appliance.clinical.extraction.pairing import Labeller, PairFinder, plain_relations
from appliance.errors import ApplianceError, IntegrityError, KeyMismatch, NoteGone
from appliance.records.assertions import Assertion, Cue, Interpretation
from appliance.records.findings import Finding, Link, LinkReason
from appliance.records.identifiers import NoteId
from appliance.records.notes import Note
from appliance.records.spans import ScoredSpan

REASON: Final = "extraction"
"""Why the vault is read."""

# Far below what a model's score means, far above what the order of additions does to it.
_SCORE_DIGITS: Final = 4


class NoteReader(Protocol):
    """What gives notes for a reason; the vault."""

    def read_identified(self, note_ids: Sequence[NoteId], reason: str) -> list[Note]:
        """The notes, in the order asked for."""


class Interpreter(Protocol):
    """What says how findings are meant."""

    def interpret(self, text: str, spans: Sequence[tuple[int, int]]) -> list[Interpretation]:
        """How each span of the text is meant, in order."""


class ConceptLinker(Protocol):
    """What finds the concepts that words name."""

    def link(self, words: str) -> Link:
        """The concept, or why there is none."""


class NoteLabelling:
    """Labels blocks of notes; one for each worker.

    Args:
        reader: The vault, opened in this worker.
        labeller: The adapter, loaded in this worker.
        interpreter: How findings are meant; None to leave it open.
        linker: Which concepts they name; None to leave it open.
        pairs: Which of them the text relates; None to leave it open.
    """

    def __init__(
        self,
        reader: NoteReader,
        labeller: Labeller,
        interpreter: Interpreter | None = None,
        linker: ConceptLinker | None = None,
        pairs: PairFinder | None = None,
    ) -> None:
        self._reader = reader
        self._labeller = labeller
        self._interpreter = interpreter
        self._linker = linker
        self._pairs = pairs

    def __call__(self, note_ids: Sequence[str]) -> list[dict[str, object]]:
        """One record per note: its id with `spans`, or with `poison`, the kind of its failure.

        Where pairs are asked for, also `relations`, and in `pairs` how many were looked at.

        Raises:
            ApplianceError: What would fail for every note: a wrong key.
        """
        try:
            return self._label(note_ids)
        except Exception as error:  # noqa: BLE001 - one note must not stop the others
            check_is_about_one_note(error)
        return [self._label_alone(note_id) for note_id in note_ids]

    def _label(self, note_ids: Sequence[str]) -> list[dict[str, object]]:
        notes = self._reader.read_identified([NoteId(note_id) for note_id in note_ids], REASON)
        texts = [note.text for note in notes]
        found = self._labeller.label(texts)
        records: list[dict[str, object]] = [
            {"note": note.note_id, "spans": self._describe(note, spans)}
            for note, spans in zip(notes, found, strict=True)
        ]
        if self._pairs is not None:
            for record, pairs in zip(records, self._pairs.find(texts, found), strict=True):
                record["relations"] = plain_relations(pairs, _SCORE_DIGITS)
                record["pairs"] = {"judged": pairs.judged, "left-out": pairs.left_out}
        return records

    def _describe(self, note: Note, spans: Sequence[ScoredSpan]) -> list[list[object]]:
        if any(scored.span.end > len(note.text) for scored in spans):
            raise IntegrityError(f"A span lies beyond the end of {note.note_id}.")
        places = [(scored.span.start, scored.span.end) for scored in spans]
        meanings = [Interpretation()] * len(spans)
        if self._interpreter is not None:
            meanings = self._interpreter.interpret(note.text, places)
        links = [Link()] * len(spans)
        if self._linker is not None:
            links = [self._linker.link(note.text[start:end]) for start, end in places]
        return [_plain(*one) for one in zip(spans, meanings, links, strict=True)]

    def _label_alone(self, note_id: str) -> dict[str, object]:
        try:
            return self._label([note_id])[0]
        except Exception as error:  # noqa: BLE001 - set aside, with the kind of its failure
            check_is_about_one_note(error)
            return {"note": note_id, "poison": _kind(type(error))}


def _plain(scored: ScoredSpan, meaning: Interpretation, link: Link) -> list[object]:
    """A finding as JSON can carry it; `to_finding` reads it."""
    span = scored.span
    return [
        *(span.start, span.end, span.label, round(float(scored.score), _SCORE_DIGITS)),
        meaning.section,
        [[cue.kind, cue.start, cue.end] for cue in meaning.cues],
        [link.concept, link.score, link.reason],
    ]


def to_finding(note_id: NoteId, plain: Sequence[Any]) -> Finding:
    """The finding that a worker described."""
    start, end, label, score, section, cues, (concept, similarity, reason) = plain
    return Finding(
        *(note_id, start, end, label, score, section),
        tuple(Cue(Assertion(kind), first, last) for kind, first, last in cues),
        Link(concept, similarity, LinkReason(reason)),
    )


def check_is_about_one_note(error: Exception) -> None:
    """The failure can be set aside with its note.

    Raises:
        ApplianceError: It would be every note's.
    """
    damaged = isinstance(error, IntegrityError) and not isinstance(error, KeyMismatch)
    # Gone: an import may take notes back while others are read.
    about_one = damaged or isinstance(error, NoteGone)
    if isinstance(error, ApplianceError) and not about_one:
        raise error


def _kind(error: type[Exception]) -> str:
    """The error's type in the form of a rule name: `ValueError` is "value-error"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", error.__name__).lower()


GONE: Final = _kind(NoteGone)
"""What is said of a note that the vault had when the extraction began, and has no longer."""
