"""Who was erased stays erased: an export that still has the patient brings nobody back."""

from collections.abc import Callable
from typing import Final

from appliance.clinical.vault.opened import note_id, patient_id
from appliance.records.events import ERASED
from appliance.records.identifiers import PatientId
from appliance.records.notes import SourceNote
from appliance.settings.keys import Purpose
from appliance.workflows.site import Site, find_entries

TOMBSTONES: Final = ("vault.erased", ERASED)
"""Kinds of events: either says that a patient's notes are gone; the second comes a little later."""

READMITTED: Final = "patient.readmitted"
"""The kind of the event that says that notes of an erased patient may come in again."""


def erased_patients(site: Site) -> frozenset[PatientId]:
    """By the site's own ids, as the ledger's tombstones name them; without who was readmitted.

    Whoever came back all the same, before tombstones were asked, is among them: see the vault's
    `who_is_gone`.
    """
    gone: set[PatientId] = set()
    for entry in find_entries(site, *(f'"kind":"{kind}"' for kind in (*TOMBSTONES, READMITTED))):
        if entry["kind"] in TOMBSTONES:
            gone.add(PatientId(str(entry["facts"]["patient"])))
        elif entry["kind"] == READMITTED:
            gone.discard(PatientId(str(entry["facts"]["patient"])))
    return frozenset(gone)


def is_erased(site: Site, gone: frozenset[PatientId]) -> Callable[[SourceNote], bool]:
    """Says of a note whether its patient is one of these, or whether it is one of these itself.

    Args:
        site: Whose ids they are.
        gone: By the site's own ids.
    """
    key = site.keys.key(Purpose.PSEUDONYM) if gone else b""

    def asked(note: SourceNote) -> bool:
        if not gone:
            return False
        patient = note.patient_source_id
        # Its own id too: erased without a patient, it may come again with one.
        is_patient_gone = patient is not None and patient_id(key, patient) in gone
        return is_patient_gone or PatientId(note_id(key, note.source_id)) in gone

    return asked
