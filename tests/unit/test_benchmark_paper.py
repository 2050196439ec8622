"""Asking a model directly: every question through the gate, on record first, answers in order."""

import asyncio

import pytest

from appliance.errors import BackendRefused, BadInput, Denied
from appliance.learning.evaluation.naming import find_names
from appliance.records.gold import GoldDocument
from appliance.records.progress import Silent
from appliance.records.prompts import DraftKind, Route
from appliance.records.spans import Relation, Span
from appliance.records.tasks import Sensitivity
from appliance.settings.clock import SystemClock
from appliance.settings.tasks import load_task
from appliance.synthesis.prompting.questions import Questions, read_names, read_yes
from appliance.synthesis.routing.choice import choose
from appliance.synthesis.routing.policy import load_routing
from appliance.workflows import benchmark
from appliance.workflows.asking import Asking
from appliance.workflows.site import init
from tests.lib.frozen_clock import FrozenClock
from tests.lib.house import REPOSITORY
from tests.lib.memory_vault import EventList
from tests.lib.scripted_backend import ScriptedBackend
from tests.lib.stamping_gate import StampingGate

LABELS = REPOSITORY / "policies" / "labels"
SHEET, VOCABULARY = load_task(LABELS, "gene-disease")
TEXTS = ["asthma is here", "DENY asthma", "TOO-LONG asthma", "no gout now"]


def questions():
    ask = Questions(SHEET, VOCABULARY)
    return [ask.ask_entities(SHEET.entities[1], text) for text in TEXTS]


def script(draft):
    if "TOO-LONG" in draft.prompt:
        raise BackendRefused("Too long.")
    return " gout" if "gout" in draft.prompt else " asthma"


@pytest.fixture
def asked(tmp_path):
    site = init(tmp_path / "site", "air-gapped", FrozenClock())
    events = EventList()
    gate = StampingGate(SystemClock(), site.policy_digest, "DENY", events)
    backend = ScriptedBackend(gate.checker(), script)
    asking = Asking(events, gate, 2, Silent())
    answers = asyncio.run(asking.ask(backend, questions(), lambda _: Route.VLLM))
    return answers, backend, events


def test_answers_come_in_the_order_of_the_questions(asked):
    answers, _, _ = asked

    assert answers.texts == (" asthma", None, None, " gout")
    assert answers.was_denied == (False, True, False, False)
    assert answers.part(1, 3).texts == (None, None)


def test_what_the_gate_denies_reaches_no_model(asked):
    _, backend, events = asked

    assert not any("DENY" in draft.prompt for draft in backend.answered)
    sent = [facts["draft"] for name, facts in events.events if name == "prompt.sent"]
    assert sorted(sent) == sorted(
        draft.draft_id for draft in questions() if "DENY" not in draft.prompt
    )


def test_gold_is_never_public(tmp_path):
    """Whatever the sheet's class: no policy that ships lets a question out to a provider."""
    site = init(tmp_path / "site", "cloud-allowed", FrozenClock())
    policy = load_routing(site.paths.policies / "routing.toml", "cloud-allowed")
    ask = Questions(SHEET, VOCABULARY, shots=2)
    pair = ask.ask_relation(SHEET.taught[0], "@GENE$", "@DISEASE$", "text")

    for draft in (*questions(), pair):
        assert (draft.kind, draft.sensitivity) == (DraftKind.QUESTION, Sensitivity.INTERNAL)
        assert not policy.allows(Route.CHATGPT, draft.sensitivity)
        with pytest.raises(Denied):
            choose(draft, type(policy)(policy.profile, (Route.CHATGPT,), cloud=policy.cloud))


def test_shots_are_answered_by_the_sheet():
    """The constant part comes first and is the same for every text; the text comes last."""
    ask = Questions(SHEET, VOCABULARY, shots=4)
    one, two = (ask.ask_relation(SHEET.taught[0], "A", "B", text).prompt for text in "XY")
    bare = Questions(SHEET, VOCABULARY).ask_relation(SHEET.taught[0], "A", "B", "X").prompt

    assert one.count("Answer: yes\n") == one.count("Answer: no\n") == 2
    assert one.rpartition("Sentence: ")[0] == two.rpartition("Sentence: ")[0]
    assert one.endswith(bare.partition("\n\n")[2])
    genes = Questions(SHEET, VOCABULARY, shots=3).ask_entities(SHEET.entities[0], "X").prompt
    assert "Gene: factor V\n" in genes
    assert "Gene: none\n" in genes
    # A name that the vocabulary does not know could be of either type.
    assert "pancreatic cancer" not in genes


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (" asthma; COPD, asthma.", ("asthma", "COPD")),
        (" none", ()),
        ("", ()),
        (" N/A.", ()),
        (" ; ,", ()),
    ],
)
def test_names_are_read_from_an_answer(answer, names):
    assert read_names(answer) == names


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [
        (" Yes", True),
        (" yes, it does", True),
        (' "Yes"', True),
        (" No", False),
        ("", False),
        (" Yesterday", False),
        (" It does", False),
    ],
)
def test_only_yes_is_yes(answer, is_yes):
    assert read_yes(answer) is is_yes


def test_names_are_found_as_whole_words_and_the_longest_wins():
    text = "Breast cancer, cancer and precancerous; ALS."
    names = [("cancer", "D"), ("breast cancer", "D"), ("als", "D"), ("absent", "D")]

    assert find_names(text, names) == (Span(0, 13, "D"), Span(15, 21, "D"), Span(40, 43, "D"))


def test_a_draw_keeps_the_order_and_the_seed_decides():
    documents = tuple(range(100))

    first = benchmark._draw(documents, 10, 0)

    assert len(set(first)) == 10
    assert list(first) == sorted(first)
    assert first == benchmark._draw(documents, 10, 0)
    assert first != benchmark._draw(documents, 10, 1)
    assert benchmark._draw(documents, None, 0) == benchmark._draw(documents, 500, 0) == documents


def test_a_mask_is_written_so_that_the_gate_takes_it_for_no_handle():
    text = "@DISEASE$ without @GENE$."
    spans = (Span(0, 9, "Disease"), Span(18, 24, "Gene"))
    document = GoldDocument("g", text, spans, (Relation(1, 0, "none"),))

    asked = benchmark._ask_about(document, document.relations[0])

    assert asked == ("GENE", "DISEASE", "DISEASE without GENE.")


def test_nothing_to_measure_is_told_before_anything_is_started(tmp_path):
    with pytest.raises(BadInput, match="nothing to measure"):
        benchmark.paper(tmp_path, entities=None, relations=None, progress=Silent())
