"""The invented hospital as a whole: one call makes patients, registry, notes and gold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from appliance.invented.chronicle import NOTES_PER_PATIENT, invent_stories, plan_scenes
from appliance.invented.composing import compose_all
from appliance.invented.lookalikes import find_lookalikes
from appliance.invented.manuscript import DISEASE, Manuscript
from appliance.invented.registry import registry_row
from appliance.invented.relations import invent_relation_gold
from appliance.records.gold import GoldDocument
from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient
from appliance.records.spans import Span


@dataclass(frozen=True, slots=True)
class InventedHospital:
    """Everything about a hospital that never was.

    Attributes:
        patients: The registry; identifiers of all eighteen kinds for each.
        notes: Their notes, by patient and date.
        gold: One document per note, every disease mention labelled "Disease".
        relation_gold: Sentences for the drug-adverse-event task.
        identifier_gold: One document per note, every identifier labelled with its kind.
        lookalikes: One document per note, stretches that look like diseases and are none.
    """

    patients: tuple[SourcePatient, ...] = field(repr=False)
    notes: tuple[SourceNote, ...] = field(repr=False)
    gold: tuple[GoldDocument, ...] = field(repr=False)
    relation_gold: tuple[GoldDocument, ...] = field(repr=False)
    identifier_gold: tuple[GoldDocument, ...] = field(repr=False)
    lookalikes: tuple[GoldDocument, ...] = field(repr=False)

    def identifiers(self) -> tuple[PatientIdentifier, ...]:
        """Every identifier of the registry and every form in which a note writes one, sorted."""
        registered = {
            (identifier.kind, identifier.value)
            for patient in self.patients
            for identifier in patient.identifiers
        }
        written = {
            (span.label, document.text[span.start : span.end])
            for document in self.identifier_gold
            for span in document.spans
        }
        return tuple(PatientIdentifier(kind, value) for kind, value in sorted(registered | written))


def invent(seed: int = 7, notes: int = 240) -> InventedHospital:
    """The hospital of this seed: the same seed, the same bytes.

    Raises:
        ValueError: Fewer than one note.
    """
    if notes < 1:
        raise ValueError(f"a hospital needs at least one note, not {notes}")
    stories = invent_stories(seed, max(1, round(notes / NOTES_PER_PATIENT)))
    scenes = plan_scenes(seed, stories, notes)
    manuscripts = compose_all(seed, scenes)
    ids = tuple(f"LH-{number:06d}" for number in range(1, len(scenes) + 1))
    return InventedHospital(
        patients=tuple(registry_row(story) for story in stories),
        notes=tuple(
            SourceNote(i, s.story.person.source_id, s.kind, s.day.isoformat(), m.text)
            for i, s, m in zip(ids, scenes, manuscripts, strict=True)
        ),
        gold=_documents(ids, manuscripts, lambda m: m.spans([DISEASE])),
        relation_gold=invent_relation_gold(seed),
        identifier_gold=_documents(ids, manuscripts, lambda m: m.spans(m.kinds())),
        lookalikes=_documents(ids, manuscripts, find_lookalikes),
    )


def _documents(
    ids: Sequence[str],
    manuscripts: Sequence[Manuscript],
    find: Callable[[Manuscript], tuple[Span, ...]],
) -> tuple[GoldDocument, ...]:
    return tuple(
        GoldDocument(document_id, manuscript.text, find(manuscript))
        for document_id, manuscript in zip(ids, manuscripts, strict=True)
    )
