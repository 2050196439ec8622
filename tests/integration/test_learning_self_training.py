"""`train --teacher`: the site's own notes teach, and what comes of them stays on site."""

import json

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import BadInput, Denied
from appliance.learning.adapters import read_adapter, refuse_site_only
from appliance.workflows.site import init
from tests.lib.tiny_corpora import make_examples, write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
CANARY = "Quackenbush"


def run(site, *arguments):
    return CliRunner().invoke(cli, [*arguments, "--site", str(site), "--json"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a tiny encoder, an adapter, and notes in its vault."""
    root = tmp_path_factory.mktemp("s") / "site"
    init(root, "air-gapped")
    path = root / "site.toml"
    text = path.read_text()
    for old, new in (
        ("learning_rate = 0.002", "learning_rate = 0.003"),
        ("epochs = 5", "epochs = 2"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    make_tiny_encoder(root.parent / "tiny")
    write_tiny_corpus(root / "corpora" / "first")
    notes = root.parent / "notes.jsonl"
    lines = [
        {"id": f"note-{number}", "text": f"{CANARY} was seen. {one.text}"}
        for number, one in enumerate(make_examples()[:8])
    ]
    notes.write_text("\n".join(map(json.dumps, lines)))
    for words in (
        ("model", "import", str(root.parent / "tiny"), "--name", "tiny"),
        ("notes", "import", str(notes)),
        ("train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "reader"),
    ):
        outcome = run(root, *words)
        assert outcome.exit_code == 0, outcome.output
    return root


def learn(site, *more):
    return run(
        site,
        *("train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "ours"),
        *("--teacher", "reader", "--least", "0.2", *more),
    )


def test_an_adapter_that_learned_from_notes_says_so_and_stays(site):
    """On its card, and in the ledger, with whom it learned from; the notes' words are nowhere."""
    assert learn(site).exit_code == 0
    card, _ = read_adapter(site / "adapters" / "ours")
    teacher, teacher_digest = read_adapter(site / "adapters" / "reader")
    events = (site / "ledger").rglob("*")
    written = b"".join(path.read_bytes() for path in events if path.is_file())

    assert card.site_only
    assert not teacher.site_only
    assert card.switches["teachers"] == teacher_digest
    assert card.switches["own_notes"] == "8"
    assert card.examples == teacher.examples + 8
    with pytest.raises(Denied):
        refuse_site_only(card)
    assert b"self-training" in written
    for path in (site / "adapters" / "ours").rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()


def test_the_same_again_is_there_already_and_other_teachers_are_another_adapter(site):
    """As for every adapter."""
    assert learn(site).exit_code == 0
    again = learn(site)
    other = learn(site, "--own-notes", "3")

    assert (
        json.loads(again.stdout)["made_at"] == read_adapter(site / "adapters" / "ours")[0].made_at
    )
    assert isinstance(other.exception, BadInput)
    assert "made of other parts" in str(other.exception)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--teacher", "nobody"), "no adapter 'nobody'"),
        (("--dp", "--epsilon", "8"), "whole notes are not covered"),
    ],
)
def test_what_can_not_be_is_refused_with_the_next_step(site, more, words):
    """Before anything is read."""
    refusal = learn(site, *more).exception

    assert isinstance(refusal, BadInput)
    assert words in str(refusal)
