"""A vault that keeps everything in memory and behaves as the real one does."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.clinical.intake.rejections import Rejected
from appliance.clinical.vault.versions import SealReport
from appliance.errors import BadInput, NoteGone
from appliance.records.events import Fact, Recorder, check_facts
from appliance.records.identifiers import Digest, NoteId, PatientId
from appliance.records.notes import (
    NO_EDITION,
    Edition,
    Note,
    PatientIdentifier,
    RegisteredPatient,
    SourceNote,
    SourcePatient,
)


class EventList:
    """A recorder that keeps its events in a list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Fact]]] = []

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """The event is in the list, if its facts have a form that the ledger takes."""
        check_facts(facts)
        self.events.append((kind, dict(facts)))
        return len(self.events) - 1


@dataclass
class MemoryVault:
    """Notes and patients in dictionaries; ids are made without a key."""

    recorder: Recorder
    notes: dict[NoteId, Note] = field(default_factory=dict)
    versions: Counter[NoteId] = field(default_factory=Counter)
    patients: dict[PatientId, set[tuple[str, str]]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    erasing: set[PatientId] = field(default_factory=set)
    editions: dict[NoteId, Edition] = field(default_factory=dict)

    def close(self) -> None:
        """Nothing to close."""

    def note_id_of(self, source_id: str) -> NoteId:
        return NoteId("n-" + hashlib.sha256(source_id.encode()).hexdigest()[:24])

    def patient_id_of(self, source_id: str) -> PatientId:
        return PatientId("p-" + hashlib.sha256(source_id.encode()).hexdigest()[:24])

    def seal(self, notes: Iterable[SourceNote]) -> SealReport:
        report = SealReport()
        try:
            for source in notes:
                report = report.plus(self._seal(source))
        finally:
            self.recorder.record(
                "vault.sealed",
                {"new": report.new, "changed": report.changed, "known": report.known},
            )
        return report

    def note_ids(self, kind: str | None = None) -> list[NoteId]:
        return sorted(key for key, note in self.notes.items() if kind in {None, note.kind})

    def owners(self) -> dict[NoteId, PatientId | None]:
        return {key: note.patient_id for key, note in self.notes.items()}

    def digest(self) -> Digest:
        content = sorted((key, self.versions[key]) for key in self.notes)
        return Digest(hashlib.sha256(repr(content).encode()).hexdigest())

    def count(self) -> dict[str, int]:
        return dict(sorted(Counter(note.kind for note in self.notes.values()).items()))

    def count_patients(self) -> int:
        return len(self.patients)

    def read_identified(self, note_ids: Sequence[NoteId], reason: str) -> list[Note]:
        self._record_read("vault.read", len(note_ids), reason)
        missing = sum(note_id not in self.notes for note_id in note_ids)
        if missing:
            raise NoteGone(f"{missing} of {len(note_ids)} notes are not in the vault.")
        return [self.notes[note_id] for note_id in note_ids]

    def register(self, patients: Iterable[SourcePatient]) -> int:
        taken = list(patients)
        for patient in taken:
            known = self.patients.setdefault(self.patient_id_of(patient.source_id), set())
            known |= {(item.kind, item.value) for item in patient.identifiers}
        self.recorder.record("vault.registered", {"patients": len(taken)})
        return len(taken)

    def read_patients_identified(self, reason: str) -> list[RegisteredPatient]:
        self._record_read("vault.patients-read", len(self.patients), reason)
        return [
            RegisteredPatient(key, tuple(PatientIdentifier(*item) for item in sorted(items)))
            for key, items in sorted(self.patients.items())
        ]

    def keep_rejected(self, items: Iterable[Rejected]) -> None:
        self.rejected = list(items)

    def read_rejected_identified(self, reason: str) -> list[Rejected]:
        self._record_read("vault.rejected-read", len(self.rejected), reason)
        return list(self.rejected)

    def begin_erasure(self, patient_source_id: str) -> list[NoteId]:
        patient_id = self.patient_id_of(patient_source_id)
        self.erasing.add(patient_id)
        return sorted(key for key, note in self.notes.items() if note.patient_id == patient_id)

    def is_erasing(self, patient_source_id: str) -> bool:
        return self.patient_id_of(patient_source_id) in self.erasing

    def end_erasure(self, patient_source_id: str) -> None:
        self.erasing.discard(self.patient_id_of(patient_source_id))

    def erase_patient(self, patient_source_id: str) -> int:
        patient_id = self.patient_id_of(patient_source_id)
        owned = [key for key, note in self.notes.items() if note.patient_id == patient_id]
        for key in owned:
            del self.notes[key]
            self.editions.pop(key, None)
        self.patients.pop(patient_id, None)
        self.rejected = []
        self.recorder.record("vault.erased", {"patient": patient_id, "notes": len(owned)})
        return len(owned)

    def _seal(self, source: SourceNote) -> SealReport:
        note_id = self.note_id_of(source.source_id)
        owner = source.patient_source_id
        note = Note(
            note_id,
            None if owner is None else self.patient_id_of(owner),
            source.kind,
            source.written_on,
            source.text,
            source.encoding,
        )
        before = self.notes.get(note_id)
        edition = self.editions.get(note_id, NO_EDITION)
        if source.edition.is_older_than(edition):
            return SealReport(known=1, older=1)
        self.editions[note_id] = source.edition.with_rest_of(edition)
        self.notes[note_id] = note
        self.versions[note_id] += before != note
        if before is None:
            return SealReport(new=1)
        if before == note:
            return SealReport(known=1)
        return SealReport(changed=1, moved=int(before.patient_id not in {None, note.patient_id}))

    def _record_read(self, kind: str, count: int, reason: str) -> None:
        if not re.fullmatch(r"[a-z](?:-?[a-z]){1,39}", reason):
            raise BadInput("A reason for reading is two to forty of the letters a-z.")
        self.recorder.record(kind, {"count": count, "reason": reason})
