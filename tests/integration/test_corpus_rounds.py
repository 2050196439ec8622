"""`corpus report --adapter`: the next round asks for more of what is read worst."""

import json
import shutil
from dataclasses import asdict, replace
from itertools import permutations

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import BadInput, Denied
from appliance.learning.adapters import read_adapter, write_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.examples import Origin, Split
from appliance.records.spans import Span
from appliance.settings.mixes import read_mix
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.workflows.held_out import KindErrors
from appliance.workflows.self_training import load_teacher
from appliance.workflows.site import find_entries, init
from tests.lib.tiny_corpora import make_card, make_examples, write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
EXAMPLES = [
    replace(one, split=Split.DEV) if n % 3 == 2 else one for n, one in enumerate(make_examples())
]
HELD_OUT = [one for one in EXAMPLES if one.split is Split.DEV]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a corpus and an adapter that has not learned much."""
    root = tmp_path_factory.mktemp("rounds")
    opened = init(root / "site", "air-gapped")
    ModelStore(opened.paths.models).import_directory(make_tiny_encoder(root / "tiny"), "tiny")
    varied = replace(HELD_OUT[0], example_id="x-copy", origin=Origin.VARIED)
    corpus = opened.paths.corpora / "first"
    write_corpus(corpus, make_card("first", "disease", EXAMPLES), [*EXAMPLES, varied])
    learn(opened, "reader", "first", epochs=2)
    return opened


def learn(site, name, corpus, epochs):
    """An adapter of that corpus."""
    base = ModelStore(site.paths.models).resolve("tiny")
    config = {
        "corpus": str(site.paths.corpora / corpus), "base": str(base.path), "base_name": "tiny",
        "out": str(site.paths.adapters / name), "name": name, "task": "disease",
        "corpus_name": corpus, "base_digest": base.digest, "types": ["Disease"],
        "made_at": "2026-11-28T00:00:00+00:00", "epochs": epochs, "learning_rate": 3e-3,
        "base_dropout": False, "batch_tokens": 128, "lora_rank": 8, "lora_alpha": 16,
    }  # fmt: skip
    fit(config, InProcessWorker())


def report(site, *more):
    words = ("corpus", "report", "first", "--site", str(site.paths.root), *more)
    return CliRunner().invoke(cli, [*words, "--json"])


def test_the_mix_asks_for_what_is_misread(site, tmp_path):
    """Only sentences of the model count, and the worse a kind is read, the more of it is asked."""
    outcome = report(site, "--adapter", "reader")
    found = json.loads(outcome.stdout)
    asked, held_out = found["mix"], found["held_out"]
    usual = asdict(load_task(site.paths.labels, "disease")[0].mix)
    reader = load_teacher(
        site.paths.adapters / "reader", ModelStore(site.paths.models).resolve("tiny").path, "cpu",
        "float32",
    )  # fmt: skip
    spans = [{one.span for one in text} for text in reader.label([one.text for one in HELD_OUT])]
    wrong = sum(read != set(one.spans) for read, one in zip(spans, HELD_OUT, strict=True))
    need = {kind: KindErrors(**one).need for kind, one in held_out.items()}

    assert sum(one["texts"] for one in held_out.values()) == len(HELD_OUT)
    assert held_out["none"]["texts"] == sum(not one.spans for one in HELD_OUT) > 0
    assert sum(one["misread"] for one in held_out.values()) == wrong
    assert all(0 <= one["doubt"] <= 1 for one in held_out.values())
    for one, other in permutations(held_out, 2):
        if need[one] > need[other]:
            assert asked[one] / usual[one] >= 0.99 * asked[other] / usual[other]
    (tmp_path / "asked.json").write_text(outcome.stdout)
    assert asdict(read_mix(tmp_path / "asked.json")) == asked


def test_people_see_it_as_a_table(site):
    words = ("corpus", "report", "first", "--site", str(site.paths.root), "--adapter", "reader")

    printed = CliRunner().invoke(cli, words).stdout

    assert "As reader reads it" in printed
    assert "misread" in printed


def test_what_learned_from_notes_shapes_no_prompt(site):
    """Its card says so; the mix of a report goes into prompts."""
    reader = site.paths.adapters / "reader"
    card = replace(read_adapter(reader)[0], name="ours", site_only=True)
    write_adapter(
        site.paths.adapters / "ours",
        card,
        lambda draft: shutil.copy(reader / "adapter_model.safetensors", draft),
    )

    outcome = report(site, "--adapter", "ours")

    assert isinstance(outcome.exception, Denied)
    assert "learned from notes" in str(outcome.exception)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--adapter", "nobody"), "no adapter"),
        (("--adapter", "../reader"), "--adapter"),
        (("--adapter", "reader", "--reference", "x.txt"), "a mix each"),
    ],
)
def test_bad_orders_are_refused(site, more, complaint):
    outcome = report(site, *more)

    assert isinstance(outcome.exception, BadInput)
    assert complaint in str(outcome.exception)


def weigh(site, name, adapter, out, *more):
    words = ("corpus", "weigh", name, "--adapter", adapter, "--out", out)
    return CliRunner().invoke(cli, [*words, "--site", str(site.paths.root), "--json", *more])


@pytest.fixture(scope="module")
def second(site):
    """A corpus that `taught` did not learn from, with one label on the wrong word."""
    write_tiny_corpus(site.paths.corpora / "whole")
    learn(site, "taught", "whole", epochs=60)
    start = EXAMPLES[0].text.index("patient")
    wrong = replace(
        EXAMPLES[0],
        example_id="x-wrong",
        text=f"{EXAMPLES[0].text} Again.",
        spans=(Span(start, start + 7, "Disease"),),
    )
    composed = replace(EXAMPLES[1], example_id="x-composed", origin=Origin.COMPOSED)
    examples = [wrong, composed, *EXAMPLES[1:]]
    write_corpus(site.paths.corpora / "second", make_card("second", "disease", examples), examples)
    return examples


def test_a_label_that_another_corpus_contradicts_weighs_less(site, second):
    """What a model wrote for training has a weight; what is composed or held out is as it was."""
    outcome = weigh(site, "second", "taught", "weighed")
    told = json.loads(outcome.stdout)
    card, examples = read_corpus(site.paths.corpora / "weighed")
    weights = {one.example_id: one.weight for one in examples}
    weighed = [one for one in second if one.split is Split.TRAIN and one.origin is Origin.WRITTEN]
    right = [weights[one.example_id] for one in weighed if one.example_id != "x-wrong"]

    assert {*examples} == {replace(one, weight=weights[one.example_id]) for one in second}
    assert told["weighed"] == len(weighed) == card.revision["weighed"]
    assert all(0 <= weights[one.example_id] <= 1 for one in weighed)
    assert weights["x-wrong"] < 0.5 < sum(right) / len(right)
    assert all(weights[one.example_id] == one.weight for one in second if one not in weighed)
    assert card.parent.startswith("second@")
    assert card.weighed_by == f"taught@{read_adapter(site.paths.adapters / 'taught')[1]}"
    assert any(
        entry["facts"].get("digest") == told["digest"] and entry["facts"]["weighed"] == len(weighed)
        for entry in find_entries(site, told["digest"])
    )


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize(
    ("name", "adapter", "out", "error", "complaint"),
    [
        ("first", "reader", "new", BadInput, "learned from corpus first"),
        ("second", "nobody", "new", BadInput, "no adapter"),
        ("nothing", "reader", "new", BadInput, "no corpus"),
        ("second", "reader", "first", BadInput, "already"),
        ("second", "theirs", "new", Denied, "learned from notes"),
    ],
)
def test_who_may_not_weigh_does_not(site, name, adapter, out, error, complaint):
    if adapter == "theirs" and not (site.paths.adapters / adapter).exists():
        reader = site.paths.adapters / "reader"
        write_adapter(
            site.paths.adapters / adapter,
            replace(read_adapter(reader)[0], name=adapter, site_only=True),
            lambda draft: shutil.copy(reader / "adapter_model.safetensors", draft),
        )

    outcome = weigh(site, name, adapter, out)

    assert isinstance(outcome.exception, error)
    assert complaint in str(outcome.exception)
    assert not (site.paths.corpora / "new").exists()
