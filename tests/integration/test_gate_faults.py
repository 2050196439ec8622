"""Every detector of a real gate, with every fault: always a denial, always an event."""

import re
import threading

import pytest

from appliance.errors import ApplianceError, DetectorFailed
from appliance.gate import inspection, lexicon, presidio, tagger
from appliance.gate.clearance import ClearedPrompt
from appliance.gate.inspection import Gate
from appliance.gate.opening import open_gate
from appliance.gate.patients.writing import write_index
from appliance.records.identifiers import DraftId
from appliance.records.notes import PatientIdentifier
from appliance.records.prompts import Draft, DraftKind, Route
from appliance.records.verdicts import Hit, Verdict
from appliance.settings.clock import SystemClock
from appliance.settings.keys import Purpose
from appliance.settings.policies import copy_policies
from tests.benchmarks.bench_gate import Keys
from tests.lib.memory_vault import EventList

CLEAN = "The patient has asthma and takes metoprolol; Quuxian fever was ruled out."
PATIENT = (
    PatientIdentifier("name", "Quackenbush, Zebulon Orrin"),
    PatientIdentifier("birth-date", "1957-03-04"),
    PatientIdentifier("mrn", "MR-00 4417"),
    PatientIdentifier("phone", "+1 (415) 555-0142"),
    PatientIdentifier("email", "zeb.q@example.org"),
)
DETECTORS = [
    "hospital-numbers",
    "hospital-contacts",
    "hospital-dates",
    "hospital-places",
    "hospital-names",
    "patient-index",
    "note-overlap",
    "spacy",
    "tagger",
]


def _raise(error):
    def detect(_texts):
        raise error

    return detect


def _hang(texts):
    threading.Event().wait(30)
    return [[] for _ in texts]


FAULTS = {
    "raises": _raise(ValueError(CLEAN)),
    "out-of-memory": _raise(MemoryError(CLEAN)),
    "exits": _raise(SystemExit(CLEAN)),
    "hangs": _hang,
    "answers-none": lambda _texts: None,
    "answers-nothing": lambda _texts: [],
    "answers-too-much": lambda texts: [[] for _ in texts] * 2,
    "answers-garbage": lambda texts: [[object()] for _ in texts],
    "answers-text": lambda texts: texts,
    "answers-half-a-hit": lambda texts: [[Hit(0, len(text) + 1, "X", 1.0, "x")] for text in texts],
    "is-not-a-number": lambda texts: [[Hit(0, 1, "X", float("nan"), "x")] for _ in texts],
}


class Faulty:
    """Stands in for a detector, with its name and a fault."""

    def __init__(self, name, detect):
        self.name = name
        self.detect = detect


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    copy_policies(root / "policies")
    write_index(root / "patients.index", [PATIENT], Keys().key(Purpose.PATIENT_INDEX))
    return root


@pytest.fixture(scope="module")
def real(site):
    return _open(site, EventList())


def _open(site, recorder):
    return open_gate(site / "policies", site / "patients.index", Keys(), SystemClock(), recorder)


def _with(real, name, detect, recorder, timeout_s=20.0):
    """The real gate, with one detector exchanged."""
    rounds = [tuple(guard._detector for guard in guards) for guards in real._rounds]
    assert [one.name for together in rounds for one in together] == DETECTORS
    exchanged = [
        tuple(Faulty(name, detect) if one.name == name else one for one in together)
        for together in rounds
    ]
    gate = Gate(real._rules, exchanged, b"\x01" * 32, SystemClock(), recorder)
    for guard in (guard for guards in gate._rounds for guard in guards):
        if guard.name == name:
            guard._timeout_s = timeout_s
    return gate


def _draft(text, number=1):
    return Draft(DraftId(f"d-{number}"), "disease", DraftKind.SINGLE, (), "note", text)


def _denied(gate, recorder, text=CLEAN):
    """The draft is denied and the ledger has it, without a word of it."""
    [outcome] = gate.clear_many([_draft(text)], Route.VLLM)
    [(kind, facts)] = recorder.events
    assert isinstance(outcome, Verdict)
    assert (kind, facts["draft"]) == ("prompt.denied", "d-1")
    assert not re.search("asthma|Quack|metoprolol", repr((outcome, facts)))
    return facts


def test_the_text_of_these_tests_passes_a_gate_without_a_fault(real):
    """Or they would show nothing; it is read by every detector."""
    assert isinstance(real.clear_many([_draft(CLEAN)], Route.VLLM)[0], ClearedPrompt)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_any_detector_denies_and_is_on_record(real, name, fault):
    """The event names the detector."""
    recorder = EventList()
    gate = _with(real, name, FAULTS[fault], recorder, 0.3 if fault == "hangs" else 20.0)

    facts = _denied(gate, recorder)

    assert facts["rule"] == "detector-failed"
    assert name in facts["detail"]


def test_an_answer_without_end_denies(real):
    """A detector that never stops answering is given up like one that hangs."""
    recorder = EventList()

    facts = _denied(_with(real, "tagger", _endless, recorder, 0.3), recorder)

    assert "hung" in facts["detail"]


def _endless(_texts):
    stop = threading.Event()
    while not stop.wait(0.05):
        yield []


@pytest.mark.parametrize("reader", ["readings", "find_doubt", "find_lift"])
@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError])
def test_a_fault_between_the_detectors_denies_and_is_on_record(real, monkeypatch, reader, error):
    """Reading, language and lifting fail closed as well."""
    recorder = EventList()
    finds = lambda texts: [[Hit(0, 3, "PERSON", 0.9, "spacy")] for _ in texts]  # noqa: E731
    gate = _with(real, "spacy", finds, recorder)
    monkeypatch.setattr(inspection, reader, _raise(error(CLEAN)))

    facts = _denied(gate, recorder)

    assert facts["rule"] in {"unreadable", "not-ruled"}


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    "identifier",
    [
        "Zebulon Quackenbush",
        "MRN MR-004417",
        "call (415) 555-0142",
        "zeb.q@example.org",
        "born 03/04/1957",
        "seen by Dr. Jennifer Walsh",
        "lives at 12 Main Street, Boston, MA 02118",
        "reach jwalsh@example.org",
    ],
)
def test_one_blind_detector_lets_nobody_pass(real, name, identifier):
    """Two must fail: with any one of them finding nothing, the others deny."""
    recorder = EventList()
    gate = _with(real, name, lambda texts: [[] for _ in texts], recorder)

    facts = _denied(gate, recorder, f"The patient has asthma, {identifier}, and a cough.")

    assert facts["hits"] >= 1


@pytest.mark.parametrize(
    "breaking",
    [
        lambda patch, _: patch.setattr(tagger, "_PACKAGE", "no_such_package"),
        lambda patch, _: patch.setattr(presidio, "_load_model", _raise(OSError())),
        lambda patch, _: patch.setattr(presidio, "_load_model", _blank_model),
        lambda _, site: (site / "policies/phi.toml").write_text("unsure = 'allow'"),
        lambda _, site: (site / "policies/phi.toml").unlink(),
        lambda _, site: (site / "patients.index").write_bytes(b"PATIENTS-INDEX-1 cut"),
        lambda _, site: next((site / "policies/labels").glob("*.tsv")).write_bytes(b"\xff"),
    ],
    ids=["tagger", "spacy", "blind-spacy", "policy", "no-policy", "index", "vocabulary"],
)
def test_a_gate_that_does_not_open_is_on_record(tmp_path, monkeypatch, breaking):
    """A model, policy or index that does not load: no gate, and an event that says so."""
    copy_policies(tmp_path / "policies")
    write_index(tmp_path / "patients.index", [PATIENT], Keys().key(Purpose.PATIENT_INDEX))
    breaking(monkeypatch, tmp_path)
    recorder = EventList()

    with pytest.raises(ApplianceError) as caught:
        _open(tmp_path, recorder)

    assert recorder.events == [("gate.closed", {"error": type(caught.value).__name__})]


def _blank_model(*_arguments):
    import spacy

    return spacy.blank("en")


def test_a_word_list_that_is_cut_short_closes_the_gate(tmp_path, monkeypatch):
    """Without its names the gate would pass what it should stop."""
    copy_policies(tmp_path / "policies")
    monkeypatch.setattr(lexicon, "_DATA", tmp_path)
    recorder = EventList()
    lexicon.given_names.cache_clear()

    with pytest.raises(DetectorFailed):
        _open(tmp_path, recorder)

    assert recorder.events == [("gate.closed", {"error": "DetectorFailed"})]


def test_an_empty_registry_denies_where_the_policy_demands_one(tmp_path):
    """Each draft that is denied for it is on record."""
    copy_policies(tmp_path / "policies")
    path = tmp_path / "policies/phi.toml"
    path.write_text(path.read_text().replace("patient_index = false", "patient_index = true"))
    recorder = EventList()

    facts = _denied(_open(tmp_path, recorder), recorder)

    assert facts["rule"] == "patient-index-empty"


def test_a_text_that_is_too_long_is_denied_and_on_record(real):
    """Unread: no detector is asked."""
    recorder = EventList()
    gate = _with(real, "tagger", FAULTS["raises"], recorder)

    facts = _denied(gate, recorder, "a" * (real._rules.policy.max_characters + 1))

    assert facts["rule"] == "too-long"
