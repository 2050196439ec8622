"""Loading the site's patient index: the registry into the vault, its keyed hashes for the gate."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.clinical.intake.registry import BIRTH_DATE, read_registry
from appliance.clinical.intake.rejections import Rejected
from appliance.errors import BadInput
from appliance.gate.patients.writing import write_index
from appliance.records.access import Verb
from appliance.records.notes import SourcePatient
from appliance.records.progress import Progress
from appliance.settings.keys import Purpose
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.access import allow
from appliance.workflows.fingerprints import ensure_fingerprints
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site, open_site

_REASON: Final = "patient-index"


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a registry that can't be right, by the line on which it ends."""

    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class PatientImport:
    """What an import of a registry did, or would do.

    Attributes:
        patients: Patients in the file, without those of refused rows.
        identifiers: Their identifiers, by kind.
        registered: Patients in the vault afterwards; None where nothing was written.
        indexed: Identifiers that the gate now looks for; None where nothing was written.
        refused: Rows that were not taken: the gate does not look for these patients.
        mixed: Patients of the file under whose id stand several dates of birth: two people, or a
            correction. The gate looks for all of it.
    """

    patients: int
    identifiers: dict[str, int]
    registered: int | None = None
    indexed: int | None = None
    refused: tuple[RefusedRow, ...] = ()
    mixed: int = 0


def import_patients(
    root: Path, registry: Path, progress: Progress, *, dry_run: bool = False
) -> PatientImport:
    """The registry in the file is in the vault, and the gate knows every patient of the site.

    Rows that can't be right are left out and told: whoever calls must say so.

    Raises:
        BadInput: The file is no registry, or none of its rows can be right; nothing was changed.
        NoSpace: The disk is full; the index is as it was.
    """
    site = open_site(root)
    allow(site, Verb.REGISTER)
    progress.begin("Reading the registry")
    rows = list(read_registry(registry, site.clock.now().date()))
    patients = [row for row in rows if isinstance(row, SourcePatient)]
    refused = tuple(
        RefusedRow(row.place.line, row.reason.value) for row in rows if isinstance(row, Rejected)
    )
    progress.end(f"{len(patients)} patients, {len(refused)} rows refused")
    if not patients:
        raise BadInput(
            f"None of the {len(refused)} rows can be right: {refused[0].reason} on line "
            f"{refused[0].line}.",
            "Mend the export and import it again.",
        )
    if dry_run:
        done = PatientImport(len(patients), _count_kinds(patients))
    else:
        done = register(site, patients, progress, refused=len(refused))
    return replace(done, refused=refused, mixed=_count_mixed(patients))


def register(
    site: Site, patients: Sequence[SourcePatient], progress: Progress, *, refused: int = 0
) -> PatientImport:
    """The patients are in the vault of an open site, and its gate knows every patient there.

    Args:
        site: The site.
        patients: Those to be known.
        progress: Where to report.
        refused: How many more could not be taken; for the ledger.

    Raises:
        NoSpace: The disk is full; the index is as it was.
    """
    progress.begin("Writing the patient index")
    with opened_vault(site) as vault:
        vault.register(patients)
        ensure_fingerprints(site, vault)
        known = vault.read_patients_identified(_REASON)
        indexed = write_index(
            site.paths.vault / PATIENT_INDEX,
            (patient.identifiers for patient in known),
            site.keys.key(Purpose.PATIENT_INDEX),
        )
    progress.end(f"{indexed} identifiers")
    site.ledger.record(
        "patients.imported",
        {
            "patients": len(patients),
            "registered": len(known),
            "indexed": indexed,
            "refused": refused,
        },
    )
    return PatientImport(len(patients), _count_kinds(patients), len(known), indexed)


def _count_mixed(patients: Sequence[SourcePatient]) -> int:
    births: dict[str, set[str]] = {}
    for patient in patients:
        dates = (item.value for item in patient.identifiers if item.kind == BIRTH_DATE)
        births.setdefault(patient.source_id, set()).update(dates)
    return sum(len(dates) > 1 for dates in births.values())


def _count_kinds(patients: Sequence[SourcePatient]) -> dict[str, int]:
    kinds = Counter(item.kind for patient in patients for item in patient.identifiers)
    return dict(sorted(kinds.items()))
