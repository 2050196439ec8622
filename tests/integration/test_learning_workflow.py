"""From a corpus to a score by the operator's own commands, on a real Ray."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import BadInput
from appliance.records.progress import Silent
from appliance.settings.tasks import load_task
from appliance.workflows.evaluate import evaluate, plan_evaluation
from appliance.workflows.registry import choose_adapter
from appliance.workflows.site import init, open_site
from appliance.workflows.train import train
from tests.lib.tiny_corpora import make_examples, write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow


class Notes(Silent):
    """Keeps what a bar would show."""

    def __init__(self):
        self.steps = 0
        self.notes = []

    def advance(self, count=1, note=""):
        self.steps += count
        self.notes.append(note)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a tiny base model and a corpus of invented sentences."""
    root = tmp_path_factory.mktemp("s") / "site"
    init(root, "air-gapped")
    text = (root / "site.toml").read_text()
    for old, new in (
        ("learning_rate = 0.001", "learning_rate = 0.003"),
        ("epochs = 5", "epochs = 3"),
    ):
        assert old in text
        text = text.replace(old, new)
    (root / "site.toml").write_text(text)
    make_tiny_encoder(root.parent / "tiny")
    write_tiny_corpus(root / "corpora" / "first")
    run(root, "model", "import", str(root.parent / "tiny"), "--name", "tiny")
    return root


@pytest.fixture(scope="module")
def trained(site):
    progress = Notes()
    card = train(site, task="disease", corpus="first", base="tiny", out="reader", progress=progress)
    return card, progress


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    path = tmp_path_factory.mktemp("gold") / "gold.jsonl"
    lines = [
        json.dumps(
            {
                "id": example.example_id,
                "text": example.text,
                "spans": [
                    {"start": span.start, "end": span.end, "label": "DISEASE"}
                    for span in example.spans
                ],
            }
        )
        for example in make_examples()
    ]
    path.write_text("\n".join(lines))
    return path


def run(site, *arguments):
    outcome = CliRunner().invoke(cli, [*arguments, "--site", str(site), "--json"])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return json.loads(outcome.stdout)


def test_training_inside_ray_makes_a_whole_adapter(site, trained):
    card, progress = trained

    assert card.task == "disease"
    assert card.labels == ("O", "B-Disease", "I-Disease")
    assert card.base == "tiny"
    assert (site / "adapters" / "reader" / "manifest.json").is_file()
    assert progress.steps == card.epochs
    assert all("dev F1" in note for note in progress.notes)
    assert not list((site / "run").glob("train-*.jsonl"))


def test_the_same_command_again_returns_the_same_adapter(site, trained):
    again = train(
        site, task="disease", corpus="first", base="tiny", out="reader", progress=Silent()
    )

    assert again == trained[0]


def test_ctrl_c_in_the_middle_of_training_ends_with_130(site):
    """To the whole process group, as a terminal sends it: one sentence, and no adapter."""
    settings = site / "site.toml"
    before = settings.read_text()
    settings.write_text(before.replace("epochs = 3", "epochs = 5000"))
    words = ["train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "long"]
    # Where the tests themselves run in the background, they were told to ignore the signal.
    code = (
        "import signal, sys\n"
        "from appliance.cli.main import run\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--site", site],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        progress = site / "run" / "train-long.jsonl"
        until = time.monotonic() + 300
        while not progress.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        begun = progress.exists()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        settings.write_text(before)

    assert begun, errors
    assert process.returncode == 130, errors
    assert "Interrupted" in errors
    assert not list((site / "adapters").glob("*long*"))


def test_several_workers_end_after_the_same_epoch(site):
    """Only one of them measures; the others would wait for it, or it for them."""
    settings = site / "site.toml"
    before = settings.read_text()
    assert "workers = 1" in before
    assert "patience = 0" in before
    settings.write_text(
        before.replace("workers = 1", "workers = 2")
        .replace("patience = 0", "patience = 1")
        .replace("epochs = 3", "epochs = 30")
    )
    try:
        progress = Notes()
        train(site, task="disease", corpus="first", base="tiny", out="two", progress=progress)
    finally:
        settings.write_text(before)

    assert 1 < progress.steps < 30


@pytest.mark.usefixtures("trained")
def test_another_corpus_does_not_take_the_name(site):
    write_tiny_corpus(site / "corpora" / "second")

    with pytest.raises(BadInput, match="made of other parts"):
        train(site, task="disease", corpus="second", base="tiny", out="reader", progress=Silent())


@pytest.mark.usefixtures("trained")
def test_evaluation_prints_the_free_baseline_beside(site, gold, tmp_path):
    vocabulary = tmp_path / "names.tsv"
    vocabulary.write_text("name\nasthma\nCOPD\n")

    printed = run(
        site,
        "evaluate",
        "--adapter",
        "reader",
        "--gold",
        str(gold),
        "--vocabulary",
        str(vocabulary),
    )

    assert printed["documents"] == len(make_examples())
    assert set(printed["overall"]) >= {"precision", "recall", "f1", "ci_low", "ci_high"}
    assert printed["per_label"]["Disease"]["gold"] == printed["overall"]["gold"] == 20
    assert printed["baselines"]["dictionary"]["recall"] == pytest.approx(8 / 20)


@pytest.mark.usefixtures("trained")
def test_two_adapters_are_compared_on_the_same_gold(site, gold, tmp_path):
    """And the page is written beside, and what was known of the corpus is told apart."""
    train(site, task="disease", corpus="first", base="tiny", out="private", epsilon=8.0,
          progress=Silent())  # fmt: skip
    page = tmp_path / "page.html"

    printed = run(
        site, "evaluate", "--adapter", "reader", "--gold", str(gold), "--against", "private",
        "--report", str(page),
    )  # fmt: skip

    comparison = printed["comparison"]
    assert comparison["against"] == "private"
    assert 0 < comparison["p_value"] <= 1
    assert comparison["difference"]["value"] == pytest.approx(
        printed["overall"]["f1"] - comparison["other"]["f1"]
    )
    behind = printed["breakdown"]
    assert behind["seen"]["gold"] + behind["unseen"]["gold"] == 20
    assert "private" in page.read_text()
    assert run(site, "adapter", "show", "private")["card"]["epsilon"] <= 8.0


@pytest.mark.usefixtures("trained")
def test_what_was_evaluated_can_be_promoted_and_is_what_extract_takes(site, gold):
    evaluate(site, adapter="reader", gold=gold, progress=Silent())

    promoted = run(site, "adapter", "promote", "reader")

    assert promoted["standing"] == "promoted"
    assert promoted["evaluations"][-1]["measure"] == "strict F1"
    assert choose_adapter(open_site(site), "disease") == "reader"


@pytest.mark.usefixtures("trained")
def test_a_vocabulary_made_from_the_gold_is_refused(site, tmp_path):
    """The dictionary, and what was generated from it, would be scored on what they were told."""
    names = [f"madeupitis {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    rows = [
        {"id": name, "text": name, "spans": [{"start": 0, "end": len(name), "label": "Disease"}]}
        for name in names
    ]
    gold, vocabulary = tmp_path / "gold.jsonl", tmp_path / "names.tsv"
    gold.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    vocabulary.write_text("\n".join(["name", *names, "asthma"]))

    with pytest.raises(BadInput, match="26 of the vocabulary's 27 terms"):
        evaluate(site, adapter="reader", gold=gold, vocabulary=vocabulary, progress=Silent())
    with pytest.raises(BadInput, match="looks made from it"):
        plan_evaluation(site, adapter="reader", gold=gold, vocabulary=vocabulary)


@pytest.mark.usefixtures("trained")
def test_the_tasks_own_vocabulary_is_held_against_the_gold_whatever_the_dictionary(site, tmp_path):
    """What was generated from it learned the test's names; a person's word for it is on record."""
    _, shipped = load_task(site / "policies" / "labels", "disease")
    rows = [
        {
            "id": term.name,
            "text": term.name,
            "spans": [{"start": 0, "end": len(term.name), "label": "Disease"}],
        }
        for term in shipped.terms[:40]
    ]
    gold, other = tmp_path / "gold.jsonl", tmp_path / "names.tsv"
    gold.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    other.write_text("name\nmadeupitis\nothermadeupitis\n")

    with pytest.raises(BadInput, match="40 of this gold's 40 distinct mentions"):
        evaluate(site, adapter="reader", gold=gold, vocabulary=other, progress=Silent())
    vouched = run(
        site, "evaluate", "--adapter", "reader", "--gold", str(gold), "--vocabulary-is-independent"
    )

    assert vouched["vouched"] is True
    assert '"vocabulary_vouched":true' in (site / "ledger" / "entries.log").read_text().replace(
        ": ", ":"
    )


def test_the_ledger_says_what_was_made_from_what(site, trained, gold):
    card = trained[0]
    evaluate(site, adapter="reader", gold=gold, progress=Silent())

    written = "".join(path.read_text() for path in (site / "ledger").glob("entries.log"))
    assert {"model.imported", "adapter.trained", "adapter.evaluated"} <= set(
        re.findall(r'"kind":\s*"([^"]+)"', written)
    )
    assert card.corpus_digest in written
    assert card.base_digest in written


def test_a_dry_run_changes_nothing(site):
    planned = run(
        site, "train", "--task", "disease", "--corpus", "first", "--out", "other", "--dry-run"
    )

    assert planned["examples"] > 0
    assert not (site / "adapters" / "other").exists()


def test_a_handful_of_examples_is_told_beforehand(site):
    """Beside the figures, which do not show it; with what to do."""
    words = ("train", "--task", "disease", "--corpus", "first", "--out", "other", "--dry-run")

    told = CliRunner().invoke(cli, [*words, "--site", str(site)])

    assert told.exit_code == 0
    assert "are few" in told.stderr
    assert "appliance synthesize --count 600" in " ".join(told.stderr.split())


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["train", "--task", "nothing", "--corpus", "first", "--out", "x"], "no label sheet"),
        (["train", "--task", "disease", "--corpus", "gone", "--out", "x"], "no finished corpus"),
        (
            ["train", "--task", "disease", "--corpus", "first", "--out", "../x"],
            "no name for an adapter",
        ),
        (
            ["train", "--task", "disease", "--corpus", "first", "--base", "gone", "--out", "x"],
            "no base model",
        ),
        (["evaluate", "--adapter", "gone", "--gold", "gold.tsv"], "no adapter"),
        (["evaluate", "--adapter", "reader", "--gold", "gone.tsv"], "can't be read"),
        (["model", "import", "/nowhere", "--name", "x"], "not a directory"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(site, arguments, complaint):
    done = subprocess.run(
        [sys.executable, "-m", "appliance", *arguments, "--site", site],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
