"""The accept-loop: exactly as many examples as asked for, once, in order, whatever breaks."""

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest

from appliance.errors import BackendUnavailable, BadInput, Denied, Exhausted
from appliance.ledger.files import ENTRIES
from appliance.records.events import Event
from appliance.records.examples import Origin
from appliance.records.progress import Silent
from appliance.records.prompts import Draft, Route
from appliance.settings.clock import SystemClock
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus
from appliance.synthesis.prompting.stream import drafts
from appliance.synthesis.routing.policy import RoutingPolicy
from appliance.workflows import orders
from appliance.workflows import synthesize as workflow
from appliance.workflows.profile import report_corpus
from appliance.workflows.rounds import (
    BEGUN,
    drawings_of,
    rounds_of,
    rounds_on_record,
    sheets_of,
)
from appliance.workflows.sheet_denials import tell_denied
from appliance.workflows.site import Site, init
from tests.lib.frozen_clock import FrozenClock
from tests.lib.scripted_backend import ScriptedBackend, tell
from tests.lib.stamping_gate import StampingGate

VARIANTS = 1
SCRIPTED = RoutingPolicy("test", (Route.SCRIPTED,))


class Supply:
    """Hands out scripted backends; `lives` says how many answers each of them gives."""

    def __init__(self, gate, script=tell, lives=()):
        self.gate, self.script, self.lives = gate, script, list(lives)
        self.given = []
        self.model = "scripted@000000000000"

    def fresh(self):
        life = self.lives.pop(0) if self.lives else None
        self.given.append(ScriptedBackend(self.gate.checker(Route.SCRIPTED), self.script, life))
        return self.given[-1]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return init(tmp_path / "site", "air-gapped", FrozenClock())


@pytest.fixture
def gate(site: Site) -> StampingGate:
    return StampingGate(SystemClock(), site.policy_digest)


def run(site, gate, supply, count=30, out="first"):
    order = workflow.Order("disease", count, out)
    prepared = workflow.prepare(site, order)
    # With copies, which the shipped sheet has none of.
    composition = replace(prepared.sheet.composition, variants=VARIANTS)
    sheet = replace(prepared.sheet, composition=composition)
    prepared = workflow.Prepared(sheet, prepared.vocabulary, SCRIPTED)
    return workflow.synthesize_with(site, gate, {Route.SCRIPTED: supply}, order, prepared, Silent())


def ledger_text(site: Site) -> str:
    return (site.paths.ledger / ENTRIES).read_text()


def test_asking_for_n_gives_n(site, gate):
    """As many written examples as were asked for; what is made beside them is counted apart."""
    done = run(site, gate, Supply(gate), count=37)
    composition = load_task(site.paths.labels, "disease")[0].composition

    card, examples = read_corpus(done.directory)
    assert Counter(example.origin for example in examples) == {
        Origin.WRITTEN: 37,
        Origin.VARIED: card.varied,
        Origin.COMPOSED: card.composed,
    }
    assert card.accepted == 37
    assert card.composed == round(composition.lines * 37)
    assert 0 < card.varied <= VARIANTS * 37
    assert len(examples) == sum(card.splits.values())
    assert card.completions == card.accepted + sum(card.dropped.values())


def test_the_card_says_how_it_can_be_asked_again(site, gate):
    """Sheet, mix and seed of the card draw the very drafts that were judged; and what it took."""
    asked = []

    def script(draft: Draft) -> str:
        asked.append(draft.draft_id)
        return tell(draft)

    done = run(site, gate, Supply(gate, script), count=15)

    card, _ = read_corpus(done.directory)
    sheet, vocabulary = load_task(site.paths.labels, "disease")
    drawn = [one.draft_id for one in islice(drafts(sheet, vocabulary, card.seed), card.drafts)]
    assert card.prompts == hashlib.sha256("".join(drawn).encode()).hexdigest()
    assert {*drawn} <= {*asked}
    assert card.sampling == {"temperature": 0.7, "max_tokens": 64}
    assert all(count >= card.completions for count in card.tokens.values())
    assert card.cost_microusd == 0
    named = len(vocabulary.terms) - int(card.gaps["vocabulary"].split()[0])
    assert 0 < named < len(vocabulary.terms)


def test_an_identifier_in_an_answer_is_quarantined(site):
    """An invented patient may bear a real one's name: no such text is taught; it is on record."""
    gate = StampingGate(SystemClock(), site.policy_digest, denied_word="Zyxwvutia")
    told = []

    def script(draft: Draft) -> str:
        told.append(draft.draft_id)
        text = tell(draft)
        return f"{text[:-1]} for Zyxwvutia." if len(told) in {2, 5} else text

    done = run(site, gate, Supply(gate, script), count=20)

    card, examples = read_corpus(done.directory)
    assert card.accepted == 20
    assert card.dropped["quarantined-identifier"] == 2
    assert not any("Zyxwvutia" in example.text for example in examples)
    kept_back = [
        event for line in ledger_text(site).splitlines() if "answer.quarantined" in (event := line)
    ]
    assert [any(one in line for line in kept_back) for one in (told[1], told[4])] == [True, True]
    assert len(kept_back) == 2
    assert "Zyxwvutia" not in ledger_text(site)


def test_every_prompt_is_in_the_ledger_before_it_is_sent(site, gate):
    """A backend that looks into the ledger finds the prompt it was just given."""
    unseen = []

    def script(draft: Draft) -> str:
        if draft.draft_id not in ledger_text(site):
            unseen.append(draft.draft_id)
        return tell(draft)

    run(site, gate, Supply(gate, script), count=5)

    assert not unseen


def test_no_text_is_in_the_ledger_or_an_error(site, gate, caplog):
    """Neither prompts nor answers reach the ledger, a log or an error."""
    canary = "Quixolvent"
    supply = Supply(gate, lambda draft: f" {canary}{tell(draft)}", lives=[6, 0, 0, 0])

    with pytest.raises(BackendUnavailable) as caught:
        run(site, gate, supply)

    told = ledger_text(site) + caplog.text + str(caught.value) + repr(caught.value)
    prompts = [draft.prompt for backend in supply.given for draft in backend.answered]
    assert len(prompts) == 6
    assert canary not in told
    assert not any(line in told for prompt in prompts for line in prompt.split("\n") if line)


def test_a_dead_backend_is_replaced_and_nothing_is_asked_twice(site, gate):
    """The run goes on with another backend; answered prompts are not sent again."""
    supply = Supply(gate, lives=[7, 11])

    done = run(site, gate, supply)

    asked = [draft.draft_id for backend in supply.given for draft in backend.answered]
    assert done.card.accepted == 30
    assert len(supply.given) == 3
    assert len(asked) == len(set(asked))


def test_backends_that_keep_dying_end_the_run(site, gate):
    """After a bounded number of restarts the operator is told, and what was finished is kept."""
    with pytest.raises(BackendUnavailable):
        run(site, gate, Supply(gate, lives=[5, 0, 0, 0]))

    done = run(site, gate, Supply(gate))
    assert done.from_journal == 5


@pytest.mark.slow
def test_an_interrupted_run_gives_the_same_corpus_as_one_that_was_not(site, gate):
    """Broken off anywhere and run again, the files are the same to the byte."""
    whole = run(site, gate, Supply(gate), out="whole")
    with pytest.raises(BackendUnavailable):
        run(site, gate, Supply(gate, lives=[9, 0, 0, 0]), out="broken")

    again = run(site, gate, Supply(gate), out="broken")

    for name in ("train.parquet", "dev.parquet"):
        assert (whole.directory / name).read_bytes() == (again.directory / name).read_bytes()


def test_a_finished_corpus_is_not_made_again(site, gate):
    """The same order a second time changes nothing and asks nobody."""
    order = workflow.Order("disease", 5, "first")
    first = run(site, gate, Supply(gate), count=5)

    second = workflow.synthesize_in(site, gate, order, Silent())

    assert second.digest == first.digest
    assert ledger_text(site).count('"corpus.written"') == 1


def test_a_corpus_that_a_kill_left_off_the_record_is_recorded(site, gate, tmp_path):
    """Between its last byte and the ledger's entry nothing may come that nobody mends."""
    first = run(site, gate, Supply(gate), count=5)
    other = init(tmp_path / "other", "air-gapped", FrozenClock())
    shutil.copytree(first.directory, other.paths.corpora / "first")
    assert first.digest not in ledger_text(other)

    workflow.synthesize_in(other, gate, workflow.Order("disease", 5, "first"), Silent())

    assert first.digest in ledger_text(other)


def test_a_corpus_of_another_size_is_not_overwritten(site, gate):
    """A name that is taken is refused."""
    run(site, gate, Supply(gate), count=5)

    with pytest.raises(BadInput, match="another corpus"):
        workflow.synthesize_in(site, gate, workflow.Order("disease", 6, "first"), Silent())


def test_a_useless_model_ends_in_a_count_of_reasons(site, gate):
    """When no answer can be kept, the error says why, in counts."""
    with pytest.raises(Exhausted, match=r"0 of 3 .*length \d+"):
        run(site, gate, Supply(gate, lambda _: " no"), count=3)


def test_a_gate_that_denies_all_ends_the_run_soon(site):
    """Denied drafts are counted and in the ledger; nothing is sent."""
    gate = StampingGate(SystemClock(), site.policy_digest, "Register", site.ledger)
    supply = Supply(gate)

    with pytest.raises(Exhausted, match=r"0 of 600 .*denied \d+[.]") as raised:
        run(site, gate, supply, count=600)
    assert "gate explain d-" in raised.value.next_step

    assert not supply.given[0].answered
    assert "prompt.denied" in ledger_text(site)
    assert "prompt.sent" not in ledger_text(site)


def test_denied_drafts_are_left_out_and_counted(site):
    """Some denials do not keep the run from its number."""
    gate = StampingGate(SystemClock(), site.policy_digest, denied_word="nursing note\nSentence: P")

    done = run(site, gate, Supply(gate), count=20)

    assert done.card.accepted == 20


def test_what_of_the_sheet_costs_drafts_is_told(site):
    """By place and rule with a draft to explain; whoever reads it learns no word of the sheet."""
    sheet, vocabulary = load_task(site.paths.labels, "disease")
    first = next(drafts(sheet, vocabulary, 0)).prompt
    shown = next(one for one in sheet.demonstrations if one.text in first)
    number = sheet.demonstrations.index(shown) + 1
    gate = StampingGate(SystemClock(), site.policy_digest, shown.text, site.ledger)

    done = run(site, gate, Supply(gate), count=100)

    [found] = done.denied_for
    assert (found.place, found.rule) == (f"demonstration {number}", "PERSON (stamping)")
    assert found.drafts >= done.card.denied > 0
    assert found.draft_id in ledger_text(site)
    told = tell_denied(done.denied_for)
    assert f"appliance gate explain {found.draft_id}" in told
    assert shown.text not in told


def test_the_card_tells_what_was_asked_for_beside_what_came(site):
    """A kind of draft that the gate keeps back is seen to be missing."""
    sheet, _ = load_task(site.paths.labels, "disease")
    gate = StampingGate(SystemClock(), site.policy_digest, "Entities: none")

    card = run(site, gate, Supply(gate), count=40).card

    assert card.asked == asdict(sheet.mix)
    assert "none" not in card.kinds
    assert sum(card.kinds.values()) == card.accepted == 40


def test_a_name_that_is_denied_now_and_then_is_no_news(site):
    """Only where more than a tenth of the drafts are denied it changes what a corpus is."""
    sheet, vocabulary = load_task(site.paths.labels, "disease")
    asked = "; ".join(next(drafts(sheet, vocabulary, 0)).entities)
    gate = StampingGate(SystemClock(), site.policy_digest, f"Entities: {asked}\n")

    done = run(site, gate, Supply(gate), count=20)

    assert done.card.denied > 0
    assert not done.denied_for


def test_two_runs_of_one_corpus_do_not_mix(site, gate):
    """The second one is refused while the first is at work."""
    raised = []

    def script(draft: Draft) -> str:
        if not raised:
            with pytest.raises(BadInput, match="Another run"):
                run(site, gate, Supply(gate), count=5)
            raised.append(True)
        return tell(draft)

    run(site, gate, Supply(gate, script), count=5)

    assert raised


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "with space", "x" * 65])
def test_a_name_that_could_leave_the_directory_is_refused(site, name):
    """Names of corpora are plain."""
    with pytest.raises(BadInput, match="name"):
        workflow.prepare(site, workflow.Order("disease", 5, name))


def test_an_air_gapped_site_never_asks_a_cloud(site):
    """The policy refuses before anything is built."""
    with pytest.raises(Denied, match="air-gapped"):
        workflow.prepare(site, workflow.Order("disease", 5, "first", route="chatgpt"))


def test_a_plan_starts_and_writes_nothing(site):
    """A dry run leaves the site as it was."""
    before = sorted(site.paths.root.rglob("*"))

    planned = orders.plan(site.paths.root, workflow.Order("disease", 600, "first"))

    assert planned.drafts >= 600
    assert planned.route is Route.VLLM
    assert sorted(site.paths.root.rglob("*")) == before


def run_round(site, gate, out, report):
    order = workflow.Order("disease", 40, out, mix_from=report)
    prepared = replace(workflow.prepare(site, order), policy=SCRIPTED)
    supplies = {Route.SCRIPTED: Supply(gate)}
    return workflow.synthesize_with(site, gate, supplies, order, prepared, Silent())


@pytest.mark.slow
def test_a_second_round_has_the_shares_that_a_report_asks_for(site, gate, tmp_path):
    """From `corpus report`'s own answer, and the card says so."""
    first = run(site, gate, Supply(gate), count=20)
    reference = tmp_path / "public.txt"
    reference.write_text("Asthma and gout were found.\n" * 90 + "It rained.\n" * 10)
    report = tmp_path / "report.json"
    asked = report_corpus(site.paths.root, "first", reference)
    report.write_text(json.dumps(asdict(asked)))

    done = run_round(site, gate, "second", report)

    assert first.card.mix == {}
    assert done.card.mix == asdict(asked.mix)
    assert asked.mix.several > 0.7
    shares = [
        sum(len(one.spans) > 1 for one in written) / len(written)
        for directory in (first.directory, done.directory)
        if (written := [x for x in read_corpus(directory)[1] if x.origin is Origin.WRITTEN])
    ]
    assert shares[1] > shares[0] + 0.2


def test_a_round_is_another_corpus_than_one_without_it(site, gate, tmp_path):
    """Under one name there is one; and an auditor draws both kinds of prompts again."""
    report = tmp_path / "report.json"
    mix = {"single": 0.1, "several": 0.8, "abbreviation": 0.05, "none": 0.05}
    report.write_text(json.dumps({"mix": mix}))
    run_round(site, gate, "second", report)
    order = workflow.Order("disease", 40, "second")

    with pytest.raises(BadInput, match="another corpus"):
        orders.find_finished(site, order, workflow.prepare(site, order))

    assert [asdict(sheet.mix) == mix for sheet, _ in sheets_of(site.paths, "disease")] == [
        False,
        True,
    ]


def _write_mix(path, several):
    mix = {"single": 0.9 - several, "several": several, "abbreviation": 0.05, "none": 0.05}
    path.write_text(json.dumps({"mix": mix}))
    return path


def test_a_killed_round_goes_on_with_its_own_mix_only(site, gate, tmp_path):
    """Its prompts were sent by that mix, and whoever audits it draws them so."""
    report = _write_mix(tmp_path / "report.json", 0.8)
    done = run_round(site, gate, "second", report)
    shutil.rmtree(done.directory)

    with pytest.raises(BadInput, match="another mix"):
        run_round(site, gate, "second", _write_mix(tmp_path / "other.json", 0.3))
    with pytest.raises(BadInput, match="another mix"):
        run(site, gate, Supply(gate), out="second")
    again = run_round(site, gate, "second", report)

    assert again.from_journal >= done.card.completions
    [known] = rounds_of(site)
    assert (known.task, known.seed, asdict(known.mix)) == ("disease", 0, done.card.mix)
    mixes = [asdict(sheet.mix) for sheet, *_ in drawings_of(site.paths, "disease", [known], [0])]
    assert done.card.mix in mixes


def test_what_somebody_wrote_for_a_round_draws_nothing():
    """A line that was tampered with may hold anything."""
    facts = [{"seed": "x", "task": "disease"}, {"seed": 1}, {"seed": 1, "task": "d", "share_x": 1}]
    events = [Event(BEGUN, "", "a", "0" * 64, one) for one in facts]

    assert rounds_on_record(events) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "no report on a corpus"),
        ("[]", "no report on a corpus"),
        ('{"mix": null}', "without a reference"),
        ('{"mix": {"single": 1}}', "four shares"),
        ('{"mix": {"single": 2, "several": -1, "abbreviation": 0, "none": 0}}', "four shares"),
        ('{"mix": {"single": "1", "several": 0, "abbreviation": 0, "none": 0}}', "four shares"),
        ('{"mix": {"single": 0.5, "several": 0, "abbreviation": 0, "none": 0}}', "four shares"),
    ],
)
def test_what_is_no_report_steers_nothing(site, tmp_path, content, complaint):
    """Before anything is asked of a model."""
    report = tmp_path / "report.json"
    report.write_text(content)

    with pytest.raises(BadInput, match=complaint):
        workflow.prepare(site, workflow.Order("disease", 5, "x", mix_from=report))


def test_pairs_have_their_own_mix(site, tmp_path):
    """A report counts mentions, and knows nothing of stated or denied."""
    report = tmp_path / "report.json"
    report.write_text("{}")

    with pytest.raises(BadInput, match="about pairs"):
        workflow.prepare(site, workflow.Order("gene-disease", 5, "x", mix_from=report))
