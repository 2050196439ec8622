"""Opening the gate of a site: policy read, detectors loaded, keys fetched. No network."""

import gc
import weakref
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance.errors import ApplianceError, DetectorFailed
from appliance.gate.clearance import ClearanceChecker, public_key_of
from appliance.gate.detecting import Detector
from appliance.gate.inspection import Gate, GateRules
from appliance.gate.overlap.detector import NoteOverlap, read_public_texts
from appliance.gate.overlap.fingerprints import FILE
from appliance.gate.patients.index import PatientIndex
from appliance.gate.policy import check_strict, load_phi_policy
from appliance.gate.recognizers.rules import Rule
from appliance.gate.recognizers.site import load_site_rules
from appliance.gate.skimming import Skimmer
from appliance.gate.spending import SpentStamps
from appliance.gate.vocabulary import load_terms
from appliance.records.clock import Clock
from appliance.records.egress import derive_seal_key
from appliance.records.events import Recorder
from appliance.records.identifiers import Digest
from appliance.records.prompts import Route
from appliance.settings.keys import KeyProvider, Purpose
from appliance.settings.policies import digest_policies, shipped_policies

# Why a gate denies every text where patients must be known and none is.
NO_PATIENTS: Final = "patient-index-empty"
_LONGEST_LIFE: Final = timedelta(days=1)
# Nobody, with an identifier of every kind: a detector that finds none of them is broken.
_SOMEBODY: Final = (
    "Jennifer Walsh of 12 Main Street, Boston, MA 02118, MRN 00417722, jwalsh@example.org, "
    "was seen on 03/04/2021 by Dr. Robert Miller."
)


def open_gate(
    policies: Path, index: Path, keys: KeyProvider, clock: Clock, recorder: Recorder
) -> Gate:
    """The gate of a site, every detector that its policy names loaded and awake.

    Args:
        policies: Directory of the policies in force; `phi.toml` and `identifiers.toml` are read
            from it.
        index: The patient index; where there is none, no patient is registered. The fingerprints
            of the notes lie beside it.
        keys: Keys of the patient index and of the stamps.
        clock: The time.
        recorder: Told of every draft that is denied, and of a gate that does not open.

    Raises:
        BadInput: The policy does not parse, or is looser than the product's own.
        DetectorFailed: A detector does not load, finds nothing where it must, or there are notes in
            the vault that it can't know.
        KeyMismatch: Patient index or fingerprints were written under another key.
    """
    try:
        gate = _open(policies, index, keys, clock, recorder)
    except ApplianceError as error:
        recorder.record("gate.closed", {"error": type(error).__name__})
        raise
    # A gate lives for long and is a million objects. Going through them all, for garbage that is
    # not there, holds a text up for a third of a second.
    gc.freeze()
    weakref.finalize(gate, gc.unfreeze)
    return gate


def _open(policies: Path, index: Path, keys: KeyProvider, clock: Clock, recorder: Recorder) -> Gate:
    policy = load_phi_policy(policies / "phi.toml")
    check_strict(policy, load_phi_policy(shipped_policies() / "phi.toml"))
    key = keys.key(Purpose.PATIENT_INDEX)
    patients = PatientIndex.load(index, key)
    notes = NoteOverlap.load(index.with_name(FILE), key, read_public_texts(policies / "labels"))
    is_empty = policy.require_patient_index and not len(patients)
    rules = GateRules(
        policy,
        digest_policies(policies),
        load_terms(policies / "labels"),
        NO_PATIENTS if is_empty else "",
    )
    site_rules = load_site_rules(policies / "identifiers.toml")
    detectors: list[Detector] = [patients, notes]
    for name in policy.detectors:
        if name not in {patients.name, notes.name}:
            detectors += _load(name, site_rules)
    # Cheap ones first: a text that one of them denies costs nothing more.
    dear = tuple(one for one in detectors if isinstance(one, Skimmer))
    cheap = sorted((one for one in detectors if one not in dear), key=_price)
    return Gate(
        rules, [*cheap, dear] if dear else cheap, keys.key(Purpose.CLEARANCE), clock, recorder
    )


def _price(detector: Detector) -> int:
    """What it costs, beside the other cheap ones: rules, then look-ups."""
    return 1 if isinstance(detector, PatientIndex | NoteOverlap) else 0


def open_checker(
    keys: KeyProvider, clock: Clock, policy_digest: Digest, route: Route, spent: SpentStamps
) -> ClearanceChecker:
    """The side of the stamp that stands at the door of one route; loads no detector."""
    seed = keys.key(Purpose.CLEARANCE)
    return ClearanceChecker(seed, clock, policy_digest, _LONGEST_LIFE, route, spent)


def open_stamp_key(keys: KeyProvider) -> Ed25519PublicKey:
    """What checks the site's stamps again, on record; it can make none."""
    return public_key_of(keys.key(Purpose.CLEARANCE))


def open_seal_key(keys: KeyProvider) -> bytes:
    """The key that ties a stamp to the body it travels in; it can't make a stamp."""
    return derive_seal_key(keys.key(Purpose.CLEARANCE))


def _load(name: str, site_rules: Sequence[Rule]) -> list[Detector]:
    """The detectors that one name of the policy stands for, each tried on a text it must find."""
    loaded: list[Detector] = []
    if name == "presidio":
        from appliance.gate.presidio import load_presidio
        from appliance.gate.recognizers.catalogue import finders

        *rules, names = load_presidio(finders(site_rules))
        loaded = [*rules, Skimmer(names, guesses_numbers=False)]
    if name == "tagger":
        from appliance.gate.tagger import load_tagger

        loaded = [Skimmer(load_tagger(), guesses_numbers=True)]
    for detector in loaded:
        if not detector.detect([_SOMEBODY])[0]:
            raise DetectorFailed(
                f"The detector {detector.name} finds nothing where it must.",
                "Install the product again with `make install`.",
            )
    return loaded
