"""A corpus beside a reference: numbers for a person, and a mix for the label sheet."""

import json

import pytest
from click.testing import CliRunner

from appliance.cli.corpus import corpus as command
from appliance.errors import BadInput
from appliance.records.examples import Example, Origin, Split
from appliance.records.spans import Span
from appliance.synthesis.curation.corpus import write_corpus
from appliance.synthesis.curation.curator import example_id
from appliance.workflows.profile import report_corpus
from appliance.workflows.site import init
from tests.lib.frozen_clock import FrozenClock
from tests.lib.tiny_corpora import make_card

IOB2 = "# text = x\nAsthma\tB-Disease\nand\tO\ngout\tB-Disease\n\nNothing\tO\nhere\tO\n\n"


def _example(text, surfaces, origin):
    spans = [Span(text.index(one), text.index(one) + len(one), "Disease") for one in surfaces]
    identity = example_id(text, spans)
    return Example(identity, text, tuple(spans), (), "d", "m@1", Split.TRAIN, 1.0, origin)


@pytest.fixture
def site(tmp_path):
    opened = init(tmp_path / "site", "air-gapped", FrozenClock())
    examples = [
        _example("Asthma was seen again.", ["Asthma"], Origin.WRITTEN),
        _example("Gout was seen.", ["Gout"], Origin.WRITTEN),
        _example("PMH: gout, asthma", ["gout", "asthma"], Origin.COMPOSED),
    ]
    card = make_card("first", "disease", examples)
    write_corpus(opened.paths.corpora / "first", card, examples)
    return opened


def _reference(tmp_path, name="reference.iob2", content=IOB2):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_mix_follows_the_reference(site, tmp_path):
    """Half of its texts name nothing, half name two; the labels of the file are not looked at."""
    report = report_corpus(site.paths.root, "first", _reference(tmp_path))

    assert report.gap.reference.texts == 2
    assert (report.mix.several, report.mix.none) == (0.45, 0.45)
    assert report.mix.single >= 0.05
    shares = (report.mix.single, report.mix.several, report.mix.abbreviation, report.mix.none)
    assert sum(shares) == pytest.approx(1)
    assert set(report.origins) == {"written", "composed"}
    assert report.origins["composed"].several_mentions == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "Asthma and gout\n\nNothing here\n"),
        ("a.jsonl", '{"text": "Asthma and gout"}\n{"text": "Nothing here"}\n'),
        ("a.tsv", IOB2),
    ],
)
def test_a_reference_may_have_several_forms(site, tmp_path, name, content):
    """The same two texts give the same numbers."""
    expected = report_corpus(site.paths.root, "first", _reference(tmp_path)).gap

    found = report_corpus(site.paths.root, "first", _reference(tmp_path, name, content)).gap

    assert found == expected


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.pdf", "x", "no suffix of texts"),
        ("a.txt", "", "holds no word"),
        ("a.txt", b"\xff", "not UTF-8"),
        ("a.jsonl", '{"text": "x"}\n{"words": "Zebedee"}\n', "line 2"),
        ("a.jsonl", '{"text": 7}\n', "line 1"),
    ],
)
def test_what_is_no_reference_is_said_so(site, tmp_path, name, content, complaint):
    with pytest.raises(BadInput, match=complaint) as refusal:
        report_corpus(site.paths.root, "first", _reference(tmp_path, name, content))

    assert "Zebedee" not in str(refusal.value)


def test_the_report_is_a_table_and_json(site, tmp_path):
    """With and without a reference."""
    runner = CliRunner()
    words = ["report", "first", "--site", str(site.paths.root)]
    beside = ["--reference", str(_reference(tmp_path))]

    alone = runner.invoke(command, words)
    table = runner.invoke(command, [*words, *beside])
    document = json.loads(runner.invoke(command, [*words, *beside, "--json"]).stdout)

    assert alone.exit_code == table.exit_code == 0, table.output
    assert "self-BLEU" in alone.output
    assert "reference" not in alone.output
    assert "several 0.45" in table.output
    assert document["gap"]["reference"]["texts"] == 2
