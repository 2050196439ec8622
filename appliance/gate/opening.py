"""Opening the gate of a site: policy read, detectors loaded, keys fetched. No network."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from appliance.errors import DetectorFailed
from appliance.gate.clearance import ClearanceChecker
from appliance.gate.detecting import Detector
from appliance.gate.inspection import Gate, GateRules
from appliance.gate.patients import PatientIndex
from appliance.gate.policy import load_phi_policy
from appliance.gate.recognizers.rules import Rule
from appliance.gate.recognizers.site import load_site_rules
from appliance.gate.vocabulary import load_terms
from appliance.records.clock import Clock
from appliance.records.identifiers import Digest
from appliance.settings.keys import KeyProvider, Purpose
from appliance.settings.policies import digest_policies

_LONGEST_LIFE = timedelta(days=1)


def open_gate(policies: Path, index: Path, keys: KeyProvider, clock: Clock) -> Gate:
    """The gate of a site, every detector that its policy names loaded.

    Args:
        policies: Directory of the policies in force; `phi.toml` and `identifiers.toml` are read
            from it.
        index: The patient index; where there is none, no patient is registered.
        keys: Keys of the patient index and of the stamps.
        clock: The time.

    Raises:
        BadInput: The policy does not parse.
        DetectorFailed: A detector does not load.
        KeyMismatch: The patient index was written under another key.
    """
    policy = load_phi_policy(policies / "phi.toml")
    patients = PatientIndex.load(index, keys.key(Purpose.PATIENT_INDEX))
    is_empty = policy.require_patient_index and not len(patients)
    rules = GateRules(
        policy,
        digest_policies(policies),
        load_terms(policies / "labels"),
        "patient-index-empty" if is_empty else "",
    )
    site_rules = load_site_rules(policies / "identifiers.toml")
    detectors = [_load(name, patients, site_rules) for name in policy.detectors]
    return Gate(rules, detectors, keys.key(Purpose.CLEARANCE), clock)


def open_checker(keys: KeyProvider, clock: Clock, policy_digest: Digest) -> ClearanceChecker:
    """The sender's side of the stamp; loads no detector."""
    return ClearanceChecker(keys.key(Purpose.CLEARANCE), clock, policy_digest, _LONGEST_LIFE)


def _load(name: str, patients: PatientIndex, site_rules: Sequence[Rule]) -> Detector:
    if name == PatientIndex.name:
        return patients
    if name == "presidio":
        from appliance.gate.presidio import load_presidio
        from appliance.gate.recognizers.catalogue import finders

        return load_presidio(finders(site_rules))
    if name == "tagger":
        from appliance.gate.tagger import load_tagger

        return load_tagger()
    raise DetectorFailed(f"There is no detector {name!r}.", "Mend `detectors` in phi.toml.")
