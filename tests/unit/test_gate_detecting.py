"""A detector that fails in any way denies."""

import gc
import threading

import pytest

from appliance.errors import Denied, DetectorFailed
from appliance.gate.detecting import GuardedDetector
from appliance.gate.inspection import Gate, GateRules
from appliance.gate.policy import load_phi_policy
from appliance.gate.ruling import rule
from appliance.gate.vocabulary import Terms
from appliance.records.identifiers import Digest, DraftId
from appliance.records.prompts import Draft, DraftKind, Route
from appliance.records.verdicts import Decision, Hit
from appliance.settings.clock import SystemClock
from appliance.settings.policies import shipped_policies
from tests.lib.memory_vault import EventList

SECRET = "Zebulon Quackenbush"
DIGEST = Digest("0" * 64)


class Finds:
    """Answers what it was told to."""

    name = "finds"

    def __init__(self, answer):
        self._answer = answer

    def detect(self, texts):
        answer = self._answer
        return answer(texts) if callable(answer) else answer


def _raise(error):
    def detect(texts):
        raise error(texts[0])

    return detect


def _hang(texts):
    threading.Event().wait(3)
    return [[] for _ in texts]


def _clean(texts):
    return [[] for _ in texts]


FAULTS = {
    "raises": _raise(ValueError),
    "raises-a-privacy-error": _raise(DetectorFailed),
    "out-of-memory": _raise(MemoryError),
    "exits": _raise(SystemExit),
    "interrupted": _raise(KeyboardInterrupt),
    "hangs": _hang,
    "answers-none": None,
    "answers-too-few": [],
    "answers-too-many": [[], []],
    "answers-numbers": [[1, 2]],
    "answers-text": ["nothing found"],
    "answers-an-error": lambda texts: ValueError(texts[0]),
    "hit-before-the-text": [[Hit(-1, 3, "PERSON", 0.9, "x")]],
    "hit-after-the-text": [[Hit(0, 999, "PERSON", 0.9, "x")]],
    "hit-of-nothing": [[Hit(3, 3, "PERSON", 0.9, "x")]],
    "score-not-a-number": [[Hit(0, 3, "PERSON", float("nan"), "x")]],
    "score-too-high": [[Hit(0, 3, "PERSON", 7.0, "x")]],
    "score-is-text": [[Hit(0, 3, "PERSON", "high", "x")]],
    "entity-is-none": [[Hit(0, 3, None, 0.5, "x")]],
    "offset-is-text": [[Hit("0", 3, "PERSON", 0.5, "x")]],
}


def _policy(**changes):
    import dataclasses

    policy = load_phi_policy(shipped_policies() / "phi.toml")
    return dataclasses.replace(policy, **changes)


def _patience(fault):
    """A fault that hangs is waited for; the others answer, on a busy machine late."""
    return 0.2 if fault == "hangs" else 60.0


def make_gate(*detectors, refuse_all="", recorder=None, **changes):
    rules = GateRules(_policy(**changes), DIGEST, Terms([]), refuse_all)
    return Gate(rules, detectors, b"\x01" * 32, SystemClock(), recorder or EventList())


def _draft(prompt, draft_id="d-1"):
    return Draft(DraftId(draft_id), "disease", DraftKind.SINGLE, (), "note", prompt)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_detector_denies(fault):
    """Whatever a detector does instead of answering, the text is denied, and nothing shows it."""
    gate = make_gate(Finds(_clean), Finds(FAULTS[fault]), timeout_s=_patience(fault))

    verdict = gate.inspect(SECRET)

    assert verdict.decision is Decision.DENY
    assert verdict.reason.startswith("detector-failed: ")
    assert "finds" in verdict.reason
    assert "Quackenbush" not in repr(verdict)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_detector_raises_without_the_text(fault):
    """The error of a guarded detector holds its name and never what it was reading."""
    detector = GuardedDetector(Finds(FAULTS[fault]), _patience(fault))

    with pytest.raises(DetectorFailed) as caught:
        detector.detect([SECRET])

    assert "Quackenbush" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_detector_without_a_thread_denies(monkeypatch):
    """Where the system gives no thread, nobody can be asked."""

    def refuse(_thread):
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert "got no thread" in make_gate(Finds(_clean)).inspect("asthma").reason


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", [0, 1])
def test_one_that_fails_beside_another_denies(fault, place):
    """Asked at the same time as a good one, whichever of them fails."""
    together = [Finds(_clean), Finds(_clean)]
    together[place] = Finds(FAULTS[fault])

    verdict = make_gate(tuple(together), timeout_s=_patience(fault)).inspect(SECRET)

    assert verdict.decision is Decision.DENY
    assert verdict.reason.startswith("detector-failed: ")
    assert "Quackenbush" not in repr(verdict)


def test_two_detectors_are_asked_at_the_same_time_and_both_count():
    """Each waits until the other has begun."""
    meeting = threading.Barrier(2, timeout=60)

    def find(start):
        def detect(texts):
            meeting.wait()
            return [[Hit(start, start + 3, "PERSON", 0.9, "x")] for _ in texts]

        return Finds(detect)

    verdict = make_gate((find(0), find(8)), timeout_s=60.0).inspect("asthma and fever")

    assert [(hit.start, hit.end) for hit in verdict.hits] == [(0, 3), (8, 11)]


def test_an_answer_that_nobody_waited_for_answers_no_later_question():
    """Whoever is interrupted before it comes leaves a detector that is not asked again."""
    detector = GuardedDetector(Finds(lambda _: [[Hit(0, 3, "PERSON", 0.9, "x")]]), 0.2)

    with pytest.raises(KeyboardInterrupt), detector.asked([SECRET]):
        raise KeyboardInterrupt

    with pytest.raises(DetectorFailed, match="hung earlier"):
        detector.detect(["asthma"])


def test_a_thread_ends_with_its_gate():
    """Gates that are gone leave no thread, and so no model, behind."""
    gate = make_gate(Finds(_clean))
    gate.inspect("asthma")
    [worker] = [one for one in threading.enumerate() if one.name == "gate-finds"][-1:]

    del gate
    gc.collect()
    worker.join(60)

    assert not worker.is_alive()


def test_a_detector_that_hung_stays_shut_out():
    """After a hang the detector is never trusted again in this process."""
    gate = make_gate(Finds(_hang), timeout_s=0.2)

    first, second = gate.inspect("a"), gate.inspect("b")

    assert first.decision is second.decision is Decision.DENY
    assert "hung earlier" in second.reason


def test_one_bad_text_does_not_deny_its_neighbours():
    """A detector that fails on one text of a batch leaves the others to be ruled."""

    def detect(texts):
        if "bad" in texts:
            raise ValueError
        return [[] for _ in texts]

    gate = make_gate(Finds(detect))

    verdicts = gate.inspect_many(["asthma", "bad", "fever"])

    assert [verdict.decision for verdict in verdicts] == ["allow", "deny", "allow"]


def test_without_detectors_nothing_passes():
    """A gate with nothing loaded denies everything."""
    assert make_gate().inspect("asthma").reason == "no-detector"


def test_an_empty_patient_index_denies_where_the_policy_demands_one():
    """`refuse_all` denies every text and names the reason."""
    verdict = make_gate(Finds(_clean), refuse_all="patient-index-empty").inspect("asthma")

    assert (verdict.decision, verdict.reason) == (Decision.DENY, "patient-index-empty")


def test_a_text_that_is_too_long_is_denied_unread():
    """Past the policy's size no detector is asked."""
    gate = make_gate(Finds(_raise(AssertionError)), max_characters=10)

    assert gate.inspect("a" * 11).reason == "too-long"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc\x00def", "binary"),
        ("\udcff", "binary"),
        ("\ue000", "binary"),
        ("Пациент Жюлщ поступил", "script-not-covered"),
        ("患者は咳をしている", "script-not-covered"),
        ("ασθενής με πυρετό", "script-not-covered"),
        ("La paciente fue dada de alta con los medicamentos por la tarde", "language-not-covered"),
        ("Der Patient wurde mit Fieber aufgenommen und ist nicht stabil", "language-not-covered"),
        ("Le patient est sorti avec une ordonnance pour des antibiotiques", "language-not-covered"),
        ("De patiënt werd met koorts opgenomen en het gaat niet goed", "language-not-covered"),
    ],
)
def test_what_cannot_be_read_is_denied(text, reason):
    """Binary, other scripts and other languages never reach a detector and never pass."""
    assert make_gate(Finds(_clean)).inspect(text).reason == reason


def test_a_denied_draft_raises_without_its_prompt():
    """`clear` names the draft, the reason and a count; the prompt is nowhere in the error."""
    gate = make_gate(Finds(lambda texts: [[Hit(0, 7, "PERSON", 0.9, "x")] for _ in texts]))

    with pytest.raises(Denied) as caught:
        gate.clear(_draft(SECRET), Route.VLLM)

    assert "Quackenbush" not in repr(caught.value)
    assert "d-1" in str(caught.value)


def test_drafts_come_back_in_order():
    """`clear_many` gives a stamp or a verdict for each draft, in order."""
    gate = make_gate(
        Finds(lambda texts: [[Hit(0, 1, "PERSON", 0.9, "x")] if "x" in t else [] for t in texts])
    )

    outcomes = gate.clear_many(
        [_draft("a", "d-1"), _draft("x", "d-2"), _draft("b", "d-3")], Route.VLLM
    )

    assert [getattr(one, "nonce", None) is not None for one in outcomes] == [True, False, True]
    assert "Quackenbush" not in repr(gate.clear(_draft("a " + SECRET), Route.VLLM))


def test_hits_below_their_threshold_do_not_count():
    """The threshold of its entity decides what counts; unknown entities get the default."""
    policy = _policy()
    weak = Hit(0, 3, "PERSON", policy.threshold("PERSON") - 0.01, "x")
    strange = Hit(0, 3, "NEVER_HEARD_OF", policy.default_threshold, "x")

    assert rule([weak], [], policy, DIGEST).decision is Decision.ALLOW
    assert rule([strange], [], policy, DIGEST).decision is Decision.DENY
