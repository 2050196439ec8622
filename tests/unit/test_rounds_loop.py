"""`appliance rounds`: written, learned from, read, and more asked for of what is read worst."""

import json
import shutil
from collections import Counter
from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner

from appliance.artifacts.manifest import read_manifest
from appliance.cli.main import cli
from appliance.errors import BackendUnavailable, BadInput, Denied
from appliance.learning.adapters import WEIGHTS, read_adapter, write_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.ledger.files import ENTRIES
from appliance.records.breakdown import Score
from appliance.records.cards import AdapterCard
from appliance.records.examples import Origin, Split
from appliance.records.progress import Silent
from appliance.records.prompts import ENTITY_KINDS, Route
from appliance.settings.clock import SystemClock
from appliance.settings.mixes import read_mix
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus
from appliance.workflows import synthesize as workflow
from appliance.workflows.curve import Ending, find_point
from appliance.workflows.held_out import HeldOut, KindErrors
from appliance.workflows.ledger import verify
from appliance.workflows.orders import prepare
from appliance.workflows.report.plots import plot_curve
from appliance.workflows.rounds import rounds_of
from appliance.workflows.rounds_run import Hands, RoundsOrder, plan_rounds, run_with
from appliance.workflows.site import init, open_site
from tests.lib.frozen_clock import FrozenClock
from tests.lib.scripted_backend import ScriptedBackend, tell
from tests.lib.stamping_gate import StampingGate
from tests.unit.test_dry_runs import make_model

KINDS = [kind.value for kind in ENTITY_KINDS]
SCRIPTED = (Route.SCRIPTED,)
# What the adapters of four rounds reach; the third gains next to nothing.
F1 = {"all-1": 0.5, "all-2": 0.6, "all-3": 0.605, "all-4": 0.8}


class Supply:
    """Hands out scripted backends; `lives` says how many answers the first of them give."""

    model = "scripted@000000000000"

    def __init__(self, gate, lives=()):
        self._gate, self._lives = gate, list(lives)

    def fresh(self):
        life = self._lives.pop(0) if self._lives else None
        return ScriptedBackend(self._gate.checker(Route.SCRIPTED), tell, life)


class Killed(Exception):
    """The process is gone."""


class Workshop:
    """Hands that write by script, learn nothing, and read as they are told.

    Args:
        site: Where they work.
        f1: Adapter to its F1.
        misread: Kinds of sentences that are all misread.
        lives: After so many pieces of work the process is killed, before it can go on; -1 never.
        answers: How many the backends give that are handed out first.
    """

    def __init__(self, site, f1=F1, misread=(), lives=-1, answers=()):
        self.site, self.f1, self.misread, self.lives = site, f1, misread, lives
        self.answers = answers
        self.gate = StampingGate(SystemClock(), site.policy_digest)
        self.done = []

    def hands(self):
        return Hands(self.write, self.train, self.read)

    def write(self, order):
        if (self.site.paths.corpora / order.out).exists():
            return workflow.synthesize_in(self.site, self.gate, order, Silent())
        prepared = prepare(self.site, order)
        prepared = replace(prepared, policy=replace(prepared.policy, routes=SCRIPTED))
        supplies = {Route.SCRIPTED: Supply(self.gate, self.answers)}
        made = workflow.synthesize_with(self.site, self.gate, supplies, order, prepared, Silent())
        return self._after(f"write {order.out}", made)

    def train(self, corpus, out):
        directory = self.site.paths.adapters / out
        if directory.exists():
            return read_adapter(directory)[0]
        digest = read_manifest(self.site.paths.corpora / corpus, "corpus").digest
        card = adapter_card(out, corpus, digest)
        write_adapter(directory, card, lambda to: (to / WEIGHTS).write_bytes(out.encode()))
        return self._after(f"train {out}", card)

    def read(self, examples, adapter):
        written = [x for x in examples if x.split is Split.DEV and x.origin is Origin.WRITTEN]
        kinds = {kind: KindErrors(20, 20 if kind in self.misread else 0, 0.1) for kind in KINDS}
        f1 = self.f1[adapter]
        found = HeldOut(Score(f1, f1, f1, f1, f1, 0, 0, len(written)), kinds)
        return self._after(f"read {adapter}", found)

    def _after(self, what, result):
        self.done.append(what)
        if len(self.done) == self.lives:
            raise Killed
        return result


def adapter_card(name, corpus, digest):
    return AdapterCard(
        name=name, task="disease", labels=("O", "B-Disease", "I-Disease"), corpus=corpus,
        corpus_digest=digest, base="tiny", base_digest="0" * 64, lora_rank=8, lora_alpha=16,
        learning_rate=1e-3, epochs=1, seed=0, max_tokens=128, examples=1, final_loss=0.0,
        dev_f1=0.0, made_at="2026-11-28T00:00:00+00:00",
    )  # fmt: skip


def make_site(root):
    made = init(root / "site", "air-gapped", FrozenClock())
    ModelStore(made.paths.models).import_directory(make_model(root / "model"), "tiny")
    text = made.paths.settings.read_text()
    base = f'base = "{made.settings.learning.base}"'
    assert base in text
    made.paths.settings.write_text(text.replace(base, 'base = "tiny"'))
    return open_site(made.paths.root, FrozenClock())


@pytest.fixture
def site(tmp_path):
    return make_site(tmp_path)


def order(**more):
    return RoundsOrder(**({"task": "disease", "count": 25, "rounds": 4, "out": "all"} | more))


def texts_of(site, name):
    _, examples = read_corpus(site.paths.corpora / name)
    return [one.text for one in examples]


def test_a_round_that_gains_too_little_is_the_last(site):
    """On the very sentences that this adapter and the last one read; and it is said why."""
    work = Workshop(site)

    done = run_with(site, order(), work.hands())

    assert (done.ending, done.adapter, done.corpus) == (Ending.PLATEAU, "all-3", "all")
    assert [point.gain for point in done.curve] == [
        None, pytest.approx(0.1), pytest.approx(0.005),
    ]  # fmt: skip
    assert [point.last_f1 for point in done.curve] == [None, 0.5, 0.6]
    assert not (site.paths.corpora / "all-4").exists()
    assert work.done[-2:] == ["read all-3", "read all-2"]
    assert verify(site.paths.root).is_intact


@pytest.mark.parametrize(("f1", "least"), [(F1, 0.004), (F1 | {"all-2": 0.5}, 0.01)])
def test_rounds_go_on_while_they_gain_and_two_points_are_no_plateau(site, f1, least):
    """Then all that were ordered are made."""
    done = run_with(site, order(least_gain=least), Workshop(site, f1).hands())

    assert done.ending is Ending.DONE
    assert [point.adapter for point in done.curve] == list(F1)


def test_what_is_read_worst_is_asked_for_more_in_the_next_round(site):
    """By the mix of the next round's prompts, which is on record with a seed of its own."""
    usual = asdict(load_task(site.paths.labels, "disease")[0].mix)

    done = run_with(site, order(rounds=2), Workshop(site, misread=["several"]).hands())

    first, second = (read_corpus(site.paths.corpora / point.part)[0] for point in done.curve)
    assert first.mix == {}
    assert second.mix == second.asked == asdict(done.curve[0].mix)
    assert second.mix["several"] > usual["several"]
    assert all(second.mix[kind] < usual[kind] for kind in KINDS if kind != "several")
    assert second.kinds["several"] > first.kinds["several"]
    assert [(one.seed, one.mix) for one in rounds_of(site)] == [(0, None), (1, done.curve[0].mix)]
    kept = site.paths.run / "rounds" / "all-1.json"
    assert read_mix(kept) == done.curve[0].mix


def test_killed_after_every_piece_of_work_it_ends_with_the_same(tmp_path):
    """Corpora to the byte, and the same curve; nothing that was finished is done twice."""
    calm, site = (make_site(tmp_path / name) for name in ("calm", "killed"))
    wanted = run_with(calm, order(), Workshop(calm, misread=["none"]).hands())
    done, kills, kills_by_server, lives, result = Counter(), 0, 0, 1, None

    while result is None:
        # The server of the second round dies in the middle of it, before anything else does.
        is_first = done["train all-1"] and not kills_by_server
        work = Workshop(site, misread=["none"], lives=lives, answers=DYING if is_first else ())
        try:
            result = run_with(site, order(), work.hands())
        except Killed:
            kills += 1
        except BackendUnavailable:
            kills_by_server += 1
        done.update(work.done)
        # What was read is kept once all of the round was: the next life lasts longer.
        is_reading = len(work.done) == lives and work.done[-1].startswith("read")
        lives = lives + 1 if is_reading else 1
        assert kills < 40

    assert kills_by_server == 1
    # Three rounds: written, learned from, read; the second and third by the last adapter as well.
    assert kills >= 9
    assert all(count == 1 for what, count in done.items() if not what.startswith("read"))
    for name in ("all", "all-1", "all-2", "all-3", "all-1to3"):
        for split in ("train.parquet", "dev.parquet"):
            paths = [one.paths.corpora / name / split for one in (calm, site)]
            assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [asdict(point) | UNLIKE for point in result.curve] == [
        asdict(point) | UNLIKE for point in wanted.curve
    ]
    assert result.ending is wanted.ending is Ending.PLATEAU


DYING = [9, 0, 0, 0]
# Manifests hold cards, and these the moment that they were made at.
UNLIKE = {"corpus_digest": "", "adapter_digest": ""}


def test_what_is_finished_is_not_made_again(site):
    """Called once more, it tells the same and nobody has anything to do."""
    first = run_with(site, order(), Workshop(site).hands())
    before = (site.paths.ledger / ENTRIES).read_bytes()
    work = Workshop(site)

    second = run_with(site, order(), work.hands())

    assert second == first
    assert not work.done
    assert (site.paths.ledger / ENTRIES).read_bytes() == before


def test_a_point_of_other_bytes_is_no_point(site):
    """What was read of another adapter of that name is read again; so is one half written."""
    done = run_with(site, order(rounds=2), Workshop(site).hands())
    places = [site.paths.run / "rounds" / f"all-{number}.json" for number in (1, 2)]
    fields = json.loads(places[0].read_text())
    places[0].write_text(json.dumps(fields | {"adapter_digest": "0" * 64, "f1": 1.0}))
    places[1].write_text(places[1].read_text()[:200])
    assert find_point(places[1]) is None
    work = Workshop(site)

    again = run_with(site, order(rounds=2), work.hands())

    assert work.done == ["read all-1", "read all-2", "read all-1"]
    assert again.curve == done.curve


def test_the_joined_card_is_the_sum_of_its_parts(site):
    """In counts and by digest; what is held out stays so, and each sentence stands there once."""
    done = run_with(site, order(rounds=3, least_gain=-1.0), Workshop(site).hands())

    card, examples = read_corpus(site.paths.corpora / "all")
    read = [read_corpus(site.paths.corpora / point.part) for point in done.curve]
    cards = [one for one, _ in read]
    assert card.joined == {
        one.name: read_manifest(site.paths.corpora / one.name, "corpus").digest for one in cards
    }
    for count in ("drafts", "denied", "completions", "cost_microusd"):
        assert getattr(card, count) == sum(getattr(one, count) for one in cards)
    assert card.completions == card.accepted + sum(card.dropped.values())
    assert sum(card.kinds.values()) == 75 >= card.accepted
    assert card.tokens == dict(sum((Counter(one.tokens) for one in cards), Counter()))
    assert "vocabulary" in card.gaps
    assert card.splits == Counter(one.split.value for one in examples)
    assert card.revision == {
        "kept": len(examples),
        "left_out": sum(len(members) for _, members in read) - len(examples),
    }
    assert sum(card.asked.values()) == pytest.approx(1, abs=0.001)
    held_out = {one.text for _, members in read for one in members if one.split is Split.DEV}
    assert {one.text for one in examples if one.split is Split.DEV} <= held_out
    assert not held_out & {one.text for one in examples if one.split is Split.TRAIN}
    texts = [one.text.casefold() for one in examples]
    assert len(texts) == len(set(texts))
    # A round more takes nothing away from what was there.
    assert (
        set(texts_of(site, "all-1"))
        <= set(texts_of(site, "all-1to2"))
        <= set(texts_of(site, "all-1to3"))
    )
    assert texts_of(site, "all") == texts_of(site, "all-1to3")
    assert card.accepted == done.curve[-1].written_in_all


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"rounds": 4}, "of 2 round"),
        ({"rounds": 1}, "of 2 round"),
        ({"rounds": 2, "count": 26}, "another corpus all-1"),
    ],
)
def test_another_order_does_not_take_the_name(site, more, complaint):
    """Before anything is written for it."""
    run_with(site, order(rounds=2), Workshop(site).hands())
    work = Workshop(site)

    with pytest.raises(BadInput, match=complaint):
        run_with(site, order(**more), work.hands())

    assert not work.done


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"task": "gene-disease"}, "about pairs"),
        ({"out": "../all"}, "no name"),
        ({"out": "x" * 62}, "no name"),
        ({"rounds": 0}, "one round"),
        ({"count": 0}, "one example"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_at_once(site, more, complaint):
    with pytest.raises(BadInput, match=complaint):
        plan_rounds(site.paths.root, order(**more))


def test_what_stands_in_the_way_is_told_before_the_work(site):
    """Also where only the third round would come upon it."""
    (site.paths.corpora / "all-1to3").mkdir()
    work = Workshop(site)

    with pytest.raises(BadInput, match="no finished corpus"):
        run_with(site, order(), work.hands())

    assert not work.done


def test_an_adapter_that_learned_from_notes_shapes_no_round(site):
    """Whoever put it under a name of ours: what it tells would go into prompts."""
    work = Workshop(site)

    def train(corpus, out):
        card = replace(work.train(corpus, out), site_only=True)
        directory = site.paths.adapters / out
        shutil.rmtree(directory)
        write_adapter(directory, card, lambda to: (to / WEIGHTS).write_bytes(b"w"))
        return card

    with pytest.raises(Denied, match="learned from notes"):
        run_with(site, order(), replace(work.hands(), train=train))

    assert work.done == ["write all-1", "train all-1"]


def test_two_runs_of_one_name_do_not_mix(site):
    """The second one is refused while the first is at work."""
    work = Workshop(site)

    def train(corpus, out):
        with pytest.raises(BadInput, match="Another run"):
            run_with(site, order(rounds=1), work.hands())
        return work.train(corpus, out)

    done = run_with(site, order(rounds=1), replace(work.hands(), train=train))

    assert done.adapter == "all-1"


def test_the_curve_is_drawn_in_words_that_can_be_read_aloud(site):
    """Of one round too, which has none to be compared with."""
    curve = run_with(site, order(rounds=2), Workshop(site).hands()).curve

    for drawn in (plot_curve(curve), plot_curve(curve[:1])):
        assert drawn.startswith("<svg")
        assert "written sentences in all rounds so far" in drawn


def test_people_see_a_plan_and_programs_too(site):
    """With the names of all that would be made, and what of it is there."""
    run_with(site, order(rounds=1), Workshop(site).hands())
    words = ["rounds", "--task", "disease", "--count", "25", "--out", "all", "--rounds", "2"]
    words += ["--dry-run", "--site", str(site.paths.root)]

    table = CliRunner().invoke(cli, words)
    document = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)

    assert table.exit_code == 0, table.output
    assert "Would write corpus all in rounds" in table.stdout
    assert document["corpora"] == ["all-1", "all-2", "all-1to2", "all"]
    assert document["adapters"] == ["all-1", "all-2"]
    assert document["finished"] == ["corpus all-1", "corpus all", "adapter all-1"]
    assert document["first"]["is_there"] is True
