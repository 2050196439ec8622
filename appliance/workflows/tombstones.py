"""Who was erased stays erased: an export that still has the patient brings nobody back."""

from collections.abc import Callable
from typing import Final

from appliance.clinical.vault.opened import patient_id
from appliance.records.events import ERASED
from appliance.records.identifiers import PatientId
from appliance.records.notes import SourceNote
from appliance.settings.keys import Purpose
from appliance.workflows.site import Site, find_entries

READMITTED: Final = "patient.readmitted"
"""The kind of the event that says that notes of an erased patient may come in again."""


def erased_patients(site: Site) -> frozenset[PatientId]:
    """By the site's own ids, as the ledger's tombstones name them; without who was readmitted."""
    gone: set[PatientId] = set()
    for entry in find_entries(site, *(f'"kind":"{kind}"' for kind in (ERASED, READMITTED))):
        patient = PatientId(str(entry["facts"]["patient"]))
        if entry["kind"] == ERASED:
            gone.add(patient)
        elif entry["kind"] == READMITTED:
            gone.discard(patient)
    return frozenset(gone)


def is_erased(site: Site) -> Callable[[SourceNote], bool]:
    """Says of a note whether its patient was erased from the site."""
    gone = erased_patients(site)
    key = site.keys.key(Purpose.PSEUDONYM) if gone else b""

    def asked(note: SourceNote) -> bool:
        patient = note.patient_source_id
        return bool(gone) and patient is not None and patient_id(key, patient) in gone

    return asked
