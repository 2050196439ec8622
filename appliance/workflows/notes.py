"""What an operator does with notes that are in the vault: count, show, erase."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.gate.patients.writing import write_index
from appliance.records.identifiers import NoteId
from appliance.settings.keys import Purpose
from appliance.workflows.fingerprints import forget_patient
from appliance.workflows.ingest import opened_vault
from appliance.workflows.patients import INDEX
from appliance.workflows.site import Site, open_site

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
    """

    note_id: str
    patient_id: str | None
    kind: str
    written_on: str
    characters: int
    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be."""

    patient_id: str
    notes: int
    is_dry_run: bool


def count(root: Path) -> dict[str, int]:
    """Count of notes by kind."""
    with opened_vault(open_site(root)) as vault:
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
    with opened_vault(open_site(root)) as vault:
        own = NoteId(note_id) if _OWN_ID.fullmatch(note_id) else vault.note_id_of(note_id)
        [note] = vault.read_identified([own], reason)
    return NoteView(
        note.note_id,
        note.patient_id,
        note.kind,
        note.written_on,
        len(note.text),
        note.text if with_text else None,
    )


def erase(root: Path, patient_source_id: str, *, dry_run: bool = False) -> Erasure:
    """The patient's notes and identifiers are gone, from the gate's index and fingerprints too.

    Args:
        root: The site.
        patient_source_id: The patient's id in the hospital's system.
        dry_run: Count only.

    Raises:
        BadInput: Nobody of that id is known.
    """
    site = open_site(root)
    with opened_vault(site) as vault:
        patient_id = vault.patient_id_of(patient_source_id)
        notes = vault.count_of_patient(patient_source_id)
        registered = {known.patient_id for known in vault.read_patients_identified("erasure")}
        if not notes and patient_id not in registered:
            raise BadInput(
                "No patient of that id is in vault or registry; nothing was erased.",
                "Give the id as the hospital's export writes it.",
            )
        if dry_run:
            return Erasure(patient_id, notes, is_dry_run=True)
        erased = vault.erase_patient(patient_source_id)
        # After the vault: killed in between, the index still knows the patient, and denies more
        # than it must. The other way round it would know too little.
        _renew_index(site, vault)
        forget_patient(site, vault, patient_id)
    return Erasure(patient_id, erased, is_dry_run=False)


def _renew_index(site: Site, vault: Vault) -> None:
    path = site.paths.vault / INDEX
    if path.exists():
        patients = vault.read_patients_identified("patient-index")
        identifiers = (patient.identifiers for patient in patients)
        write_index(path, identifiers, site.keys.key(Purpose.PATIENT_INDEX))
