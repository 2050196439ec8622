"""Corpora on disk: whole or not there, the same when read, right in every export."""

import json

import pytest
from click.testing import CliRunner

from appliance.cli.corpus import corpus
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example, Split
from appliance.records.spans import Relation, Span
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.curator import example_id
from appliance.workflows.corpus import document_export, export_corpus, show_corpus
from appliance.workflows.site import init
from tests.lib.frozen_clock import FrozenClock


def example(text, spans, split=Split.TRAIN, relations=()):
    return Example(
        example_id(text, spans), text, tuple(spans), tuple(relations), "d-1", "m@1", split, 0.5
    )


EXAMPLES = (
    example(
        "Caf\u00e9 \U0001f9ea and aspirin, ASA.",
        [Span(11, 18, "Drug"), Span(20, 23, "Drug")],
        relations=[Relation(0, 1, "same")],
    ),
    example("Nothing is named here at all.", []),
    example("Warfarin-treated mice.", [Span(0, 8, "Drug")], Split.DEV),
)


def card(name="first", accepted=3):
    return CorpusCard(
        name=name,
        task="drug",
        sheet_digest="1" * 64,
        policy_digest="2" * 64,
        vocabulary_source="invented for tests",
        models={"m@1": accepted},
        routes={"vllm": 5},
        drafts=6,
        denied=1,
        completions=5,
        accepted=accepted,
        varied=0,
        composed=0,
        dropped={"length": 2},
        splits={"train": 2, "dev": 1},
        entities={"Drug": 3},
        without_entity=1,
        made_at="2026-03-01T06:00:00+00:00",
    )


@pytest.fixture
def site(tmp_path):
    opened = init(tmp_path / "site", "air-gapped", FrozenClock())
    write_corpus(opened.paths.corpora / "first", card(), EXAMPLES)
    return opened


def test_what_is_written_is_read(site):
    """Card and examples come back as they went, train before dev."""
    assert read_corpus(site.paths.corpora / "first") == (card(), EXAMPLES)


def test_the_columns_are_the_agreed_ones(site):
    """Other rooms read the Parquet by these names and types."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(site.paths.corpora / "first" / "train.parquet")

    assert {field.name: str(field.type) for field in schema} == {
        "example_id": "string",
        "text": "string",
        "spans": "list<element: struct<start: int32, end: int32, label: string>>",
        "relations": "list<element: struct<head: int32, tail: int32, label: string>>",
        "draft_id": "string",
        "model": "string",
        "weight": "float",
        "origin": "string",
    }


def test_an_empty_split_is_still_a_file(tmp_path):
    """A corpus of one example has a dev split without rows."""
    write_corpus(tmp_path / "one", card("one", 1), EXAMPLES[1:2])

    assert read_corpus(tmp_path / "one")[1] == EXAMPLES[1:2]


def test_a_corpus_is_never_overwritten(site):
    """The second one of a name is refused."""
    with pytest.raises(BadInput, match="already"):
        write_corpus(site.paths.corpora / "first", card(), EXAMPLES)


def test_a_write_that_fails_leaves_nothing(tmp_path):
    """An error in the middle leaves neither the name nor a hidden rest."""
    broken = (*EXAMPLES, example("text", [Span(0, 2**40, "Drug")]))

    with pytest.raises(Exception, match="large"):
        write_corpus(tmp_path / "broken", card(), broken)

    assert not list(tmp_path.iterdir())


def test_a_changed_file_is_noticed(site):
    """A corpus that is not what was written is not read."""
    path = site.paths.corpora / "first" / "train.parquet"
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ManifestMismatch):
        read_corpus(path.parent)


def test_jsonl_loses_nothing(site):
    """Every field of every example is in its line; offsets hold in code points."""
    lines = [json.loads(line) for line in export_corpus(site.paths.root, "first", "jsonl")]

    assert [line["id"] for line in lines] == [one.example_id for one in EXAMPLES]
    first = lines[0]
    surfaces = [first["text"][span["start"] : span["end"]] for span in first["spans"]]
    assert surfaces == ["aspirin", "ASA"]
    assert first["relations"] == [{"head": 0, "tail": 1, "label": "same"}]
    assert first["weight"] == 0.5


def test_conll_tags_tokens(site):
    """IOB2: a token and its tag, an empty line after each text, a comment above."""
    lines = list(export_corpus(site.paths.root, "first", "conll"))

    assert lines[0].startswith("# example = {")
    assert [line for line in lines if not line.startswith("# ")][:9] == [
        "Caf\u00e9\tO",
        "\U0001f9ea\tO",
        "and\tO",
        "aspirin\tB-Drug",
        ",\tO",
        "ASA\tB-Drug",
        ".\tO",
        "",
        "Nothing\tO",
    ]
    assert "Warfarin\tB-Drug" in lines


def test_an_export_can_go_to_a_file(site, tmp_path):
    """The file holds what stdout would."""
    target = tmp_path / "out.jsonl"

    assert not list(export_corpus(site.paths.root, "first", "jsonl", target))
    assert len(target.read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["none", "..", "../first", ".", "a/b", ""])
def test_an_unknown_corpus_is_named_with_those_there_are(site, name):
    """Neither a missing one nor a path leads anywhere."""
    with pytest.raises(BadInput, match="Corpora: first"):
        show_corpus(site.paths.root, name)


def test_show_prints_the_card_and_a_few_examples(site):
    """On a terminal as tables, for programs as JSON."""
    runner = CliRunner()
    place = ["--site", str(site.paths.root)]

    table = runner.invoke(corpus, ["show", "first", *place])
    document = runner.invoke(corpus, ["show", "first", "--json", "--examples", "1", *place])

    assert table.exit_code == 0, table.output
    assert "aspirin; ASA" in table.output
    parsed = json.loads(document.output)
    assert parsed["card"]["accepted"] == 3
    assert len(parsed["examples"]) == 1


def test_export_prints_lines(site, tmp_path):
    """To stdout, to a file, or, on a dry run, nowhere."""
    runner = CliRunner()
    place = ["--site", str(site.paths.root)]
    target = tmp_path / "file"

    printed = runner.invoke(corpus, ["export", "first", "--format", "conll", *place])
    dry = runner.invoke(corpus, ["export", "first", "--out", str(target), "--dry-run", *place])

    assert printed.output.splitlines()[1] == "Caf\u00e9\tO"
    assert dry.exit_code == 0
    assert not target.exists()
    written = runner.invoke(corpus, ["export", "first", "--out", str(target), "--json", *place])
    assert json.loads(written.output)["format"] == "jsonl"
    assert target.exists()


def test_json_is_json_wherever_the_export_goes(site, tmp_path):
    """One document on stdout: with the lines, with the file's name, or with what would be."""
    runner = CliRunner()
    place = ["--json", "--site", str(site.paths.root)]
    target = tmp_path / "file"

    def call(*words):
        return json.loads(runner.invoke(corpus, ["export", "first", *words, *place]).stdout)

    printed = call()
    assert [json.loads(line)["text"] for line in printed["lines"]] == [e.text for e in EXAMPLES]
    assert call("--format", "conll")["lines"][1] == "Caf\u00e9\tO"
    dry = call("--out", str(target), "--dry-run")
    assert (dry["examples"], dry["file"], dry["lines"]) == (3, str(target), None)
    assert not target.exists()
    with pytest.raises(BadInput, match="can't be written: No such file"):
        document_export(site.paths.root, "first", "jsonl", target / "x", dry_run=True)
    assert call("--out", str(target))["file"] == str(target)
    assert len(target.read_text().splitlines()) == 3
