"""Deciding early decides the same."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import DetectorFailed
from appliance.gate.inspection import Gate, GateRules
from appliance.gate.policy import load_phi_policy
from appliance.gate.vocabulary import Terms
from appliance.records.identifiers import Digest
from appliance.records.verdicts import Decision, Hit
from appliance.settings.clock import SystemClock
from appliance.settings.policies import shipped_policies
from tests.lib.memory_vault import EventList

POLICY = dataclasses.replace(load_phi_policy(shipped_policies() / "phi.toml"), timeout_s=5.0)
TEXTS = ["Asthma and fever.", "Parkinson's disease since May.", "seen by dr. smith", "b\x00d"]
HITS = st.builds(
    lambda start, length, entity, score, name: Hit(start, start + length, entity, score, name),
    st.integers(0, 6),
    st.integers(1, 8),
    st.sampled_from(["PERSON", "DATE", "PATIENT", "OTHER"]),
    st.floats(0, 1),
    st.sampled_from(["spacy", "tagger", "given-name", "ssn"]),
)
# What a detector says to each text; None where it fails on it.
ANSWERS = st.fixed_dictionaries({text: st.none() | st.lists(HITS, max_size=2) for text in TEXTS})


class Told:
    """Answers as it was told."""

    def __init__(self, number, answers):
        self.name = f"told-{number}"
        self._answers = answers

    def detect(self, texts):
        answers = [self._answers[text] for text in texts]
        if None in answers:
            raise DetectorFailed("It can't say.")
        return answers


def make_gate(plan):
    rules = GateRules(POLICY, Digest("0" * 64), Terms([]))
    detectors = [Told(number, answers) for number, answers in enumerate(plan)]
    return Gate(rules, detectors, b"\x01" * 32, SystemClock(), EventList())


@given(st.lists(ANSWERS, min_size=1, max_size=3), st.lists(st.sampled_from(TEXTS), max_size=5))
def test_a_decision_alone_is_the_decision_of_the_whole(plan, texts):
    """Whatever detectors find or fail on, in one batch or one by one, first or again."""
    gate = make_gate(plan)
    quick = [one.decision for one in gate.inspect_many(texts, only_decide=True)]
    whole = [one.decision for one in gate.inspect_many(texts)]
    again = [one.decision for one in gate.inspect_many(texts)]
    single = [make_gate(plan).inspect(text).decision for text in texts]

    assert quick == whole == again == single


@given(st.lists(ANSWERS, min_size=1, max_size=3), st.sampled_from(TEXTS), st.integers(0, 2))
def test_a_detector_less_never_finds_more(plan, text, number):
    """What passes every detector passes any of them; what one denies is denied with more."""
    fewer = [plan[number % len(plan)]]

    alone, together = make_gate(fewer).inspect(text), make_gate(plan).inspect(text)

    assert not (alone.decision is Decision.DENY and together.decision is Decision.ALLOW)


@given(ANSWERS)
def test_what_was_read_before_is_ruled_the_same(answers):
    """A verdict from memory has the same findings, at the same places."""
    gate = make_gate([answers])

    assert [gate.inspect(text) for text in TEXTS] == [gate.inspect(text) for text in TEXTS]
