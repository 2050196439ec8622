"""Opening the gate of a site: policy read, detectors loaded, keys fetched. No network."""

from datetime import timedelta
from pathlib import Path

from appliance.errors import DetectorFailed
from appliance.gate.clearance import ClearanceChecker
from appliance.gate.detecting import Detector
from appliance.gate.inspection import Gate, GateRules
from appliance.gate.overlap.detector import NoteOverlap, read_public_texts
from appliance.gate.overlap.fingerprints import FILE
from appliance.gate.patients.index import PatientIndex
from appliance.gate.policy import load_phi_policy
from appliance.gate.vocabulary import load_terms
from appliance.records.clock import Clock
from appliance.records.identifiers import Digest
from appliance.settings.keys import KeyProvider, Purpose
from appliance.settings.policies import digest_policies

_LONGEST_LIFE = timedelta(days=1)


def open_gate(policies: Path, index: Path, keys: KeyProvider, clock: Clock) -> Gate:
    """The gate of a site, every detector that its policy names loaded.

    Args:
        policies: Directory of the policies in force; `phi.toml` is read from it.
        index: The patient index; where there is none, no patient is registered. The fingerprints
            of the notes lie beside it.
        keys: Keys of the patient index and of the stamps.
        clock: The time.

    Raises:
        BadInput: The policy does not parse.
        DetectorFailed: A detector does not load, or notes are in the vault that it can't know.
        KeyMismatch: Patient index or fingerprints were written under another key.
    """
    policy = load_phi_policy(policies / "phi.toml")
    key = keys.key(Purpose.PATIENT_INDEX)
    patients = PatientIndex.load(index, key)
    notes = NoteOverlap.load(index.with_name(FILE), key, read_public_texts(policies / "labels"))
    is_empty = policy.require_patient_index and not len(patients)
    rules = GateRules(
        policy,
        digest_policies(policies),
        load_terms(policies / "labels"),
        "patient-index-empty" if is_empty else "",
    )
    detectors = [_load(name, patients, notes) for name in policy.detectors]
    return Gate(rules, detectors, keys.key(Purpose.CLEARANCE), clock)


def open_checker(keys: KeyProvider, clock: Clock, policy_digest: Digest) -> ClearanceChecker:
    """The sender's side of the stamp; loads no detector."""
    return ClearanceChecker(keys.key(Purpose.CLEARANCE), clock, policy_digest, _LONGEST_LIFE)


def _load(name: str, patients: PatientIndex, notes: NoteOverlap) -> Detector:
    for loaded in (patients, notes):
        if name == loaded.name:
            return loaded
    if name == "presidio":
        from appliance.gate.presidio import load_presidio
        from appliance.gate.recognizers.catalogue import finders

        return load_presidio(finders())
    if name == "tagger":
        from appliance.gate.tagger import load_tagger

        return load_tagger()
    raise DetectorFailed(f"There is no detector {name!r}.", "Mend `detectors` in phi.toml.")
