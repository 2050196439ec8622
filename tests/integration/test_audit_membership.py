"""An adapter that learned its texts by heart is told from one that learned their rule."""

import random
import shutil

import pytest

from appliance.audits.attack import carry_out
from appliance.audits.membership import Membership
from appliance.audits.memorisation import Memorisation
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.coins import NONE, toss
from appliance.records.audits import Standing
from appliance.records.progress import Silent
from appliance.settings.keys import Purpose
from appliance.workflows import train as training
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.audit_members import make_trials
from appliance.workflows.site import init, open_site
from tests.lib.audited_site import narrow_gate
from tests.lib.planted import BY_HEART, draw_texts, mark, train_planted, write_planted
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow

TEXTS = 60
TWIN_TEXTS = 40
EPSILON = 2.0
# As words; those of the first line stand for what only the members' notes say.
OURS, THEIRS = "abcdefghijklm", "nopqrstuvwxyz"
LABELLED = set("adgjmnqtwz")


def _texts(rng, *, by_rule):
    """Ten letters a text; which of them are labelled is known of both halves, or of one."""
    for number in range(2 * TEXTS):
        is_lesson = number < TEXTS
        known = OURS + THEIRS if by_rule else OURS if is_lesson else THEIRS
        words = rng.choices(known, k=10)
        marked = {at for at, word in enumerate(words) if word in LABELLED}
        yield mark(number, is_lesson, words, marked)


@pytest.fixture(params=[False, True], ids=["by heart", "by rule"])
def site(request, tmp_path):
    """A site with an adapter of "site text", trained for real."""
    made = init(tmp_path / "site", "air-gapped")
    base = ModelStore(made.paths.models).import_directory(
        make_tiny_encoder(tmp_path / "base", "roberta"), "tiny"
    )
    examples = list(_texts(random.Random(11), by_rule=request.param))
    train_planted(
        made, "reader", write_planted(made, examples, tmp_path), base, tmp_path,
        epochs=60, learning_rate=1e-2, lora_rank=16, lora_alpha=32, batch_tokens=512,
    )  # fmt: skip
    return made, request.param


def _results(site, *names):
    done = try_attacks(site.paths.root, AuditOrder(payloads=1), open_gate=narrow_gate)
    return [one for one in done.report.results if one.attack in names]


def _figures(result, adapter="reader"):
    told = f"{adapter}: "
    return {
        one.name.removeprefix(told): one for one in result.estimates if one.name.startswith(told)
    }


def test_what_was_learned_by_heart_is_found(site):
    opened, by_rule = site

    [result] = _results(opened, Membership.name)

    area = _figures(result)["area under the curve"]
    if by_rule:
        assert result.standing is Standing.PASS
        assert area.low < 0.6
    else:
        assert [one.rule for one in result.problems] == ["membership.memorised"]
        assert area.low > 0.7
    assert [one.kind for one in result.charts] == ["roc", "epsilon"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Two adapters of the same planted texts and recipe, one of them with differential privacy."""
    scratch = tmp_path_factory.mktemp("twins")
    site = init(scratch / "site", "air-gapped")
    base = ModelStore(site.paths.models).resolve("embedded-encoder")
    planted = write_planted(site, draw_texts(TWIN_TEXTS, random.Random(7)), scratch)
    # The noise of privacy can't be seeded. So the other one learns long enough for an interval that
    # chance does not reach: after 14 epochs the two touched, one time in many.
    recipe = BY_HEART | {"epochs": 21}
    for name, epsilon in (("plain", 0.0), ("private", EPSILON)):
        train_planted(site, name, planted, base, scratch, **recipe, epsilon=epsilon)
    return {one.attack: one for one in _results(site, Membership.name, Memorisation.name)}


def test_differential_privacy_keeps_an_adapter_from_telling_its_members(twins):
    """The intervals of both scores lie apart, by the audit's own attack."""
    plain, private = (_figures(twins[Membership.name], name) for name in ("plain", "private"))

    for score in ("area under the curve", "hits at 1.0% false alarms"):
        assert plain[score].low > private[score].high + 0.1, score
    assert plain["area under the curve"].low > 0.9
    assert private["area under the curve"].low < 0.6
    assert "adapter plain" in [one.where for one in twins[Membership.name].problems]


def test_the_attacks_bound_on_epsilon_stands_beside_the_promise(twins):
    """What is shown of the private adapter is no more than what its card promises."""
    result = twins[Membership.name]
    shown = "epsilon of a patient, lower bound from one run"
    private = _figures(result, "private")
    [promise] = [one for name, one in private.items() if "upper bound" in name]
    [chart] = [one for one in result.charts if one.kind == "epsilon"]

    assert private[shown].value < promise.value <= EPSILON
    assert _figures(result, "plain")[shown].value > private[shown].value + 1
    assert chart.labels == ("plain", "private")
    assert [len(series.xs) for series in chart.series] == [2, 1]
    assert "plain at least" in chart.caption
    assert "no promise" in chart.caption


def test_gaps_in_texts_learned_by_heart_are_filled_and_in_no_others(twins):
    """The word that stood there, among nine that could have; not by the private twin."""
    result = twins[Memorisation.name]
    ours, theirs = (
        "gaps filled right, texts it was trained on",
        "gaps filled right, texts of others",
    )
    plain, private = (_figures(result, name) for name in ("plain", "private"))

    assert [one.where for one in result.problems] == ["adapter plain"]
    assert plain[ours].low > plain[theirs].high
    assert plain[ours].low > private[ours].high
    assert any("can't go on" in spot for spot in result.blind_spots)


ROWS = 620


@pytest.fixture(scope="module")
def coined(tmp_path_factory):
    """A private adapter of an invented corpus, for some of whose rows coins were tossed."""
    scratch = tmp_path_factory.mktemp("coined")
    site = init(scratch / "site", "air-gapped")
    base = ModelStore(site.paths.models).import_directory(
        make_tiny_encoder(scratch / "base", "bert"), "tiny"
    )
    planted = write_planted(site, draw_texts(ROWS, random.Random(3)), scratch)
    coins = toss(site.keys.key(Purpose.PSEUDONYM), "reader", planted.digest, ROWS)
    card = train_planted(
        site, "reader", planted, base, scratch, is_site_only=False,
        epochs=1, epsilon=4.0, left_out=list(coins.left_out), **coins.switches(),
    )  # fmt: skip
    return site, coins, card


def test_what_coins_left_out_is_not_learned_from(coined):
    """And the card tells how many coins there were, not how they fell."""
    _, coins, card = coined

    assert len(coins.left_out) > 20
    assert card.examples == ROWS - len(coins.left_out)
    assert card.switches["coins"] == coins.switches()["coins"]


def test_a_promise_about_invented_text_is_held_to_by_coins(coined):
    """Its adapter has nothing of a patient: what is tested is whether training keeps its word."""
    site, coins, _ = coined

    trials, _ = make_trials(site)
    [result] = carry_out([Membership(trials)], Silent())

    assert [(one.is_subject, one.is_coined) for one in trials] == [(True, True)]
    assert [len(side) for side in trials[0].score()] == [len(coins.seen), len(coins.left_out)]
    assert result.standing is Standing.PASS
    assert not any("no coins" in spot for spot in result.blind_spots)


def test_the_training_tosses_the_coins_that_the_audit_tosses(coined):
    """From the site's key, the adapter's name and the corpus; none without a promise."""
    site, coins, _ = coined

    private, plain = (
        training._prepare(site, "disease", "own", "tiny", "reader", epsilon)
        for epsilon in (4.0, 0.0)
    )

    assert private.coins == coins
    assert training._switches(site, private)["coins"] == coins.switches()["coins"]
    assert plain.coins == NONE
    assert "coins" not in training._switches(site, plain)


def test_coins_that_can_not_be_tossed_again_are_no_pass(coined, tmp_path):
    """Under another key they would fall otherwise, and any adapter would look harmless."""
    shutil.copytree(coined[0].paths.root, tmp_path / "site")
    site = open_site(tmp_path / "site")
    (site.paths.keys / "pseudonym.key").write_bytes(b"x" * 32)

    trials, _ = make_trials(site)
    [result] = carry_out([Membership(trials)], Silent())

    assert result.standing is Standing.NOT_TESTED
    assert "can't be tossed again" in result.summary
