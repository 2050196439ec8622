"""The registry into the vault and its keyed hashes into the gate."""

from appliance.gate.patients.index import PatientIndex
from appliance.records.progress import Silent
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.hospital import export_hospital
from appliance.workflows.patients import import_patients
from appliance.workflows.site import init
from tests.lib.invented_hospital import hospital


def test_every_registered_patient_is_known_to_the_gate(tmp_path):
    """After the import each patient's full name is a hit, and no name is in the index in clear."""
    site = init(tmp_path / "site", "air-gapped")
    export_hospital(tmp_path / "hospital", hospital())

    outcome = import_patients(site.paths.root, tmp_path / "hospital" / "patients.csv", Silent())

    path = site.paths.vault / PATIENT_INDEX
    index = PatientIndex.load(path, FileKeys(site.paths.keys).key(Purpose.PATIENT_INDEX))
    content = path.read_bytes().lower()
    names = [
        identifier.value
        for patient in hospital().patients
        for identifier in patient.identifiers
        if identifier.kind == "name"
    ]
    assert outcome.registered == len(hospital().patients)
    assert len(index) >= outcome.indexed > 0
    assert not [name for name in names if name.lower().encode() in content]


def test_a_dry_run_writes_nothing(tmp_path):
    """`--dry-run` counts what is in the file and leaves vault and index as they were."""
    site = init(tmp_path / "site", "air-gapped")
    export_hospital(tmp_path / "hospital", hospital())

    outcome = import_patients(
        site.paths.root, tmp_path / "hospital" / "patients.csv", Silent(), dry_run=True
    )

    assert outcome.patients == len(hospital().patients)
    assert outcome.registered is None
    assert not (site.paths.vault / PATIENT_INDEX).exists()
