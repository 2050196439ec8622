"""Gold files are read exactly, or refused by line number and without a word of their text."""

import json

import pytest

from appliance.errors import BadInput
from appliance.learning.evaluation.gold import read_gold
from appliance.records.spans import Span

CONLL = "BRCA1\tO\nbreast\tB-disease\ncancer\tI-disease\n.\tO\n\nNo\tO\nCOPD\tB-disease\n"
OVERLAPPING = json.dumps(
    {
        "id": "a",
        "text": "Secret",
        "spans": [{"start": start, "end": start + 3, "label": "disease"} for start in (0, 2)],
    }
)


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".tsv", ".conll", ".iob"])
def test_conll_tokens_are_joined_by_spaces(tmp_path, suffix):
    documents = read_gold(write(tmp_path, f"gold{suffix}", CONLL), ("Disease",))

    assert [document.text for document in documents] == ["BRCA1 breast cancer .", "No COPD"]
    assert documents[0].spans == (Span(6, 19, "Disease"),)
    assert documents[1].spans == (Span(3, 7, "Disease"),)
    assert len({document.document_id for document in documents}) == 2


def test_columns_may_be_split_by_spaces_and_more_than_two(tmp_path):
    content = "-DOCSTART- -X- O O\n\nCOPD NN B-NP B-Disease\n"

    documents = read_gold(write(tmp_path, "gold.conll", content), ("Disease",))

    assert documents[0].spans == (Span(0, 4, "Disease"),)


def test_two_entities_side_by_side_stay_two(tmp_path):
    content = "asthma\tB-Disease\nCOPD\tB-Disease\n"

    assert len(read_gold(write(tmp_path, "gold.tsv", content), ("Disease",))[0].spans) == 2


def test_jsonl_offsets_count_code_points(tmp_path):
    text = "🫀 Herzinsuffizienz"
    row = {"id": "a", "text": text, "spans": [{"start": 2, "end": 18, "label": "DISEASE"}]}

    documents = read_gold(write(tmp_path, "gold.jsonl", json.dumps(row)), ("Disease",))

    assert text[documents[0].spans[0].start : documents[0].spans[0].end] == "Herzinsuffizienz"
    assert documents[0].spans[0].label == "Disease"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("gold.tsv", "", "holds no document"),
        ("gold.tsv", "Secret\n", "line 1: not a token and a tag"),
        ("gold.tsv", "O\tO\nSecret\tSecret\n", "line 2: its last column is not O"),
        ("gold.tsv", "Secret\tB-Secret\n", "line 1: its label is not one of the task's: Disease"),
        ("gold.tsv", "Secret\tI-Disease\n", "line 1: an I- tag continues no entity"),
        ("gold.txt", "Secret", "no suffix of a gold format"),
        ("gold.jsonl", "{Secret", "line 1: not an object"),
        ("gold.jsonl", '{"id": "a", "text": "Secret"}', "line 1: not an object"),
        ("gold.jsonl", '{"id": 1, "text": "Secret", "spans": []}', "must be strings"),
        ("gold.jsonl", '{"id": "a", "text": "Secret \\ud83e", "spans": []}', "surrogate"),
        (
            "gold.jsonl",
            '{"id": "a", "text": "Secret", "spans": [{"start": 0, "end": 9, "label": "Disease"}]}',
            "ends after its text",
        ),
        (
            "gold.jsonl",
            '{"id": "a", "text": "Secret", "spans": [{"start": 3, "end": 3, "label": "Disease"}]}',
            "line 1: not an object",
        ),
        (
            "gold.jsonl",
            '{"id": "a", "text": "Secret", "spans": [{"start": 0, "end": 2, "label": "Gene"}]}',
            "its label is not one of",
        ),
        (
            "gold.jsonl",
            OVERLAPPING,
            "two spans overlap",
        ),
        (
            "gold.jsonl",
            '{"id": "a", "text": "", "spans": []}\n{"id": "a", "text": "", "spans": []}',
            "document id",
        ),
    ],
)
def test_malformed_gold_is_refused_without_its_text(tmp_path, name, content, complaint):
    with pytest.raises(BadInput, match=complaint) as refusal:
        read_gold(write(tmp_path, name, content), ("Disease",))

    assert "Secret" not in str(refusal.value)
    assert refusal.value.next_step
    assert refusal.value.__cause__ is None


def test_gold_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "gold.tsv"
    path.write_bytes(b"na\xefve\tO\n")

    with pytest.raises(BadInput, match="not UTF-8"):
        read_gold(path, ("Disease",))


def test_missing_gold_is_refused(tmp_path):
    with pytest.raises(BadInput, match="can't be read"):
        read_gold(tmp_path / "gold.tsv", ("Disease",))
