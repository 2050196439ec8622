"""What an operator does with notes that are in the vault: count, show, erase; and readmit."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from appliance.artifacts.staging import nothing_staged
from appliance.clinical.vault.opened import check_reason
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.gate.patients.writing import write_index
from appliance.records.access import Verb
from appliance.records.backups import STAGES
from appliance.records.events import ERASED
from appliance.records.identifiers import NoteId, PatientId
from appliance.settings.keys import Purpose
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.access import allow
from appliance.workflows.erasing import Confirm, check_confirmed, erase_notes, find_traces
from appliance.workflows.fingerprints import forget_patient
from appliance.workflows.ingest import opened_vault
from appliance.workflows.self_training import may_teach
from appliance.workflows.site import Site, open_site
from appliance.workflows.tombstones import READMITTED, erased_patients

_OWN_ID: Final = re.compile(r"n-[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class NoteView:
    """One note as it may be shown.

    Attributes:
        note_id: The site's id.
        patient_id: The site's id of the patient, or None.
        kind: Type of note.
        written_on: ISO 8601 date, or "".
        characters: Length of the text in code points.
        text: The text where it was asked for, else None.
        encoding: In what its bytes came: a character set, "xml" or "pdf".
    """

    note_id: str
    patient_id: str | None
    kind: str
    written_on: str
    characters: int
    text: str | None = field(repr=False)
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be.

    Attributes:
        patient_id: The site's id of the patient, or of the note that has none.
        notes: Notes, in all their versions.
        is_dry_run: Whether nothing was erased.
        findings: Findings of these notes, of all extractions.
        exports: Exports that held some; they can be made again.
        adapters: Adapters that had learned from the site's notes, and could remember these; those
            of a patient who teaches nobody are left.
        other_ids: Ids by which the registry knows the same person too; nothing under them was
            erased.
        other_notes: Notes under these.
    """

    patient_id: str
    notes: int
    is_dry_run: bool
    findings: int = 0
    exports: int = 0
    adapters: int = 0
    other_ids: int = 0
    other_notes: int = 0


def count(root: Path) -> dict[str, int]:
    """Count of notes by kind."""
    site = open_site(root)
    allow(site, Verb.COUNT)
    with opened_vault(site) as vault:
        return vault.count()


def show(root: Path, note_id: str, reason: str, *, with_text: bool) -> NoteView:
    """One note, read for a reason; its text only where that was asked for.

    Args:
        root: The site.
        note_id: The site's own id, or the id in the system that exported the note.
        reason: Letters and dashes; kept in the ledger.
        with_text: Whether the result holds the text.

    Raises:
        BadInput: No such note, or no proper reason.
    """
    site = open_site(root)
    allow(site, Verb.SHOW_TEXT if with_text else Verb.SHOW, note_id)
    with opened_vault(site) as vault:
        [note] = vault.read_identified([_note_id(vault, note_id)], reason)
    return NoteView(
        note.note_id,
        note.patient_id,
        note.kind,
        note.written_on,
        len(note.text),
        note.text if with_text else None,
        note.encoding,
    )


def erase(
    root: Path,
    source_id: str,
    *,
    is_note: bool = False,
    dry_run: bool = False,
    confirm: Confirm[Erasure] | None = None,
) -> Erasure:
    """The patient is gone from the site, or a note that has none; an event stays.

    From findings and exports first, and with whatever learned from the notes, while the vault still
    knows which notes are the patient's; then notes in every version and identifiers; then the
    gate's index and fingerprints. Killed at any moment, the same command goes on where it was.

    Args:
        root: The site.
        source_id: The patient's id in the hospital's system.
        is_note: Whether it is a note's, there or here, of which nobody knows whose it is.
        dry_run: Count only.
        confirm: Asks before anything is erased; None asks nobody.

    Raises:
        BadInput: Nobody of that id is known, a backup or rehearsal is under way, or it is not
            confirmed.
        ManifestMismatch: Findings are not what was written; nothing was erased.
        NoSpace: The disk is full; run it again.
    """
    site, subject = open_site(root), _subject(source_id, is_note=is_note)
    allow(site, Verb.ERASE, subject, with_second=not (dry_run or confirm))
    with opened_vault(site) as vault:
        owner = _owner(vault, source_id, is_note=is_note)
        note_ids = frozenset(vault.notes_of(owner))
        # While the registry still has the row that tells.
        others = {} if is_note else vault.other_ids_of(source_id)
        is_registered = not is_note and vault.is_registered(source_id)
        if not (note_ids or is_registered or vault.is_erasing_of(owner)):
            raise _nobody(is_note=is_note)
        found = Erasure(
            owner,
            len(note_ids),
            is_dry_run=True,
            other_ids=len(others),
            other_notes=sum(others.values()),
        )
        if dry_run:
            traces = find_traces(site, note_ids, teach=may_teach(owner))
            return replace(found, **asdict(traces))
        if confirm is not None:
            check_confirmed(confirm, found)
            allow(site, Verb.ERASE, subject)
        done = _erase(site, vault, owner)
        return replace(done, other_ids=found.other_ids, other_notes=found.other_notes)


def _subject(source_id: str, *, is_note: bool) -> str:
    """What a second person approves: of a patient and a note with one id they are two things."""
    return f"note {source_id}" if is_note else source_id


def _owner(vault: Vault, source_id: str, *, is_note: bool) -> PatientId:
    """The patient's id here; of a note without a patient its own."""
    return PatientId(_note_id(vault, source_id)) if is_note else vault.patient_id_of(source_id)


def _note_id(vault: Vault, note_id: str) -> NoteId:
    return NoteId(note_id) if _OWN_ID.fullmatch(note_id) else vault.note_id_of(note_id)


def _nobody(*, is_note: bool) -> BadInput:
    if is_note:
        return BadInput(
            "No note of that id and without a patient is in the vault; nothing was erased.",
            "A note that has a patient goes with the patient: --patient.",
        )
    return BadInput(
        "No patient of that id is in vault or registry; nothing was erased.",
        "Give the id as the hospital's export writes it.",
    )


def readmit(
    root: Path, source_id: str, reason: str, *, is_note: bool = False, dry_run: bool = False
) -> PatientId:
    """Exports may bring notes of the patient again, who was erased; the patient's id here.

    Args:
        root: The site.
        source_id: The patient's id in the hospital's system.
        is_note: Whether it is that of a note without a patient, as for `erase`.
        reason: Letters and dashes; kept in the ledger.
        dry_run: Look only.

    Raises:
        BadInput: Nobody of that id was erased, or not to the end; or no proper reason.
        Forbidden: Whoever runs this may not erase either.
    """
    check_reason(reason)
    site = open_site(root)
    subject = _subject(source_id, is_note=is_note)
    allow(site, Verb.ERASE, f"readmit {subject}", with_second=not dry_run)
    with opened_vault(site) as vault:
        patient_id = _owner(vault, source_id, is_note=is_note)
        is_erasing = vault.is_erasing_of(patient_id)
    if is_erasing:
        raise BadInput(
            "The erasure of this patient was begun and not ended.",
            "Run `appliance notes erase` for the patient again, then this.",
        )
    if patient_id not in erased_patients(site):
        raise BadInput(
            "No patient or note of that id was erased, or it is readmitted already.",
            "Give the id as the hospital's export writes it.",
        )
    if not dry_run:
        site.ledger.record(READMITTED, {"patient": patient_id, "reason": reason})
    return patient_id


def erase_again(site: Site, patients: Iterable[PatientId]) -> int:
    """Patients that the ledger says were erased are gone from what was restored; count of notes.

    Args:
        site: Restored from a backup of before.
        patients: By the site's own ids, as the tombstones name them.
    """
    with opened_vault(site) as vault:
        return sum(_erase(site, vault, patient).notes for patient in patients)


def renew_index(site: Site) -> None:
    """The gate's index knows the patients that are registered in the vault, and nobody else."""
    with opened_vault(site) as vault:
        _write_index(site, vault)


def _erase(site: Site, vault: Vault, patient_id: PatientId) -> Erasure:
    # What a killed backup or rehearsal left is a copy of the vault, and the patient is in it.
    with nothing_staged(site.paths.run, *STAGES):
        return _erase_alone(site, vault, patient_id)


def _erase_alone(site: Site, vault: Vault, patient_id: PatientId) -> Erasure:
    note_ids = frozenset(vault.begin_erasure_of(patient_id))
    erased, traces = erase_notes(
        site, note_ids, lambda: vault.erase_patient_of(patient_id), teach=may_teach(patient_id)
    )
    # After the vault: killed in between, the index still knows the patient, and denies more
    # than it must. The other way round it would know too little.
    if (site.paths.vault / PATIENT_INDEX).exists():
        _write_index(site, vault)
    forget_patient(site, vault, patient_id)
    vault.end_erasure_of(patient_id)
    site.ledger.record(ERASED, {"patient": patient_id, "notes": erased, **asdict(traces)})
    return Erasure(patient_id, erased, is_dry_run=False, **asdict(traces))


def _write_index(site: Site, vault: Vault) -> None:
    patients = vault.read_patients_identified("patient-index")
    identifiers = (patient.identifiers for patient in patients)
    write_index(site.paths.vault / PATIENT_INDEX, identifiers, site.keys.key(Purpose.PATIENT_INDEX))
