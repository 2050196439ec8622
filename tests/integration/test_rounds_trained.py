"""`appliance rounds` with real training and reading: only the sentences are scripted."""

import json
from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import BadInput
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.records.progress import Silent
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus
from appliance.workflows import rounds_run
from appliance.workflows.held_out import read_held_out
from appliance.workflows.site import init, open_site
from appliance.workflows.train import train
from tests.lib.tiny_models import make_tiny_encoder
from tests.unit.test_rounds_loop import Workshop

pytestmark = pytest.mark.slow
ORDER = rounds_run.RoundsOrder("disease", 40, 2, "all")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site whose base model is tiny and learns for two epochs."""
    root = tmp_path_factory.mktemp("r")
    made = init(root / "site", "air-gapped")
    base = made.settings.learning.base
    ModelStore(made.paths.models).import_directory(make_tiny_encoder(root / "tiny"), "tiny")
    text = made.paths.settings.read_text()
    for old, new in ((f'base = "{base}"', 'base = "tiny"'), ("epochs = 5", "epochs = 2")):
        assert old in text
        text = text.replace(old, new)
    made.paths.settings.write_text(text)
    return open_site(made.paths.root)


@pytest.fixture(scope="module")
def done(site):
    """Two rounds: Ray trains, and the adapters read."""
    sheet, _ = load_task(site.paths.labels, "disease")

    def learn(corpus, out):
        return train(
            site.paths.root, task="disease", corpus=corpus, base=None, out=out, progress=Silent()
        )

    def read(examples, adapter):
        return read_held_out(site.paths, examples, sheet, adapter)

    hands = replace(Workshop(site).hands(), train=learn, read=read)
    return rounds_run.run_with(site, ORDER, hands)


def test_each_adapter_learned_from_all_rounds_so_far(site, done):
    """By the digests on its card; the first from its own, the second from both."""
    cards = [read_adapter(site.paths.adapters / point.adapter)[0] for point in done.curve]

    assert [card.corpus for card in cards] == ["all-1", "all-1to2"]
    assert [card.corpus_digest for card in cards] == [one.corpus_digest for one in done.curve]
    assert cards[1].examples > cards[0].examples
    assert not any(card.site_only for card in cards)


def test_both_adapters_read_the_same_sentences(site, done):
    """Those that all rounds so far hold out; what the curve says is what they say."""
    sheet, _ = load_task(site.paths.labels, "disease")
    _, examples = read_corpus(site.paths.corpora / "all")
    found = [read_held_out(site.paths, examples, sheet, one.adapter) for one in done.curve]
    last = done.curve[-1]

    assert (last.last_f1, last.f1) == tuple(one.score.f1 for one in found)
    assert last.held_out == sum(one.texts for one in found[1].kinds.values()) > 0
    assert last.kinds == found[1].kinds


def test_the_command_takes_what_is_finished_and_shows_the_curve(site, done, tmp_path):
    """No model is asked and nothing is trained: the tables and the document are the run's own."""
    words = ["rounds", "--task", "disease", "--count", "40", "--rounds", "2", "--out", "all"]
    words += ["--site", str(site.paths.root)]

    plot = tmp_path / "curve.svg"
    table = CliRunner().invoke(cli, [*words, "--plot", str(plot)])
    document = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)

    assert table.exit_code == 0, table.output
    for told in ("The curve, on invented sentences", "What is read worst", "all rounds done"):
        assert told in table.stdout
    assert "round 2: of 2 at most" in table.stderr
    assert plot.read_text().startswith("<svg")
    assert document["adapter"] == "all-2"
    assert document["digest"] == done.digest
    assert document["curve"] == json.loads(json.dumps([asdict(one) for one in done.curve]))


@pytest.mark.usefixtures("done")
@pytest.mark.parametrize("name", ["all-1", "all"])
def test_an_adapter_of_the_rounds_weighs_none_of_them(site, name):
    """It believes what it was taught, under whatever name the same sentences lie."""
    words = ["corpus", "weigh", name, "--adapter", "all-2", "--out", "weighed", "--dry-run"]

    outcome = CliRunner().invoke(cli, [*words, "--site", str(site.paths.root)])

    assert isinstance(outcome.exception, BadInput)
    assert "learned from corpus" in str(outcome.exception)
