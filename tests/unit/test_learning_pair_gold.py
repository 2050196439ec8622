"""Gold pairs are read from spans and from masks alike, or refused by line without their text."""

import json

import pytest

from appliance.errors import BadInput
from appliance.learning.evaluation.pair_gold import read_pair_gold
from appliance.records.cards import PairTypes
from appliance.records.spans import UNRELATED, Relation

CAUSES = (PairTypes("causes", "Drug", "Event"),)
BOTH = (PairTypes("raises", "Drug", "Drug"), PairTypes("lowers", "Drug", "Drug"))


def write(tmp_path, name, *rows):
    path = tmp_path / name
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def ends(document):
    (pair,) = document.relations
    spans = (document.spans[pair.head], document.spans[pair.tail])
    return [document.text[span.start : span.end] for span in spans], pair.label


@pytest.mark.parametrize("name", ["text", "sentence"])
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".ndjson"])
def test_a_masked_pair_is_a_pair_of_spans(tmp_path, name, suffix):
    rows = [
        {"id": "0", name: "A @EVENT$ came from @DRUG$.", "label": "1"},
        {name: "No @drug$ for a @Event$.", "label": 0},
    ]

    first, second = read_pair_gold(write(tmp_path, f"gold{suffix}", *rows), CAUSES)

    assert ends(first) == (["@DRUG$", "@EVENT$"], "causes")
    assert ends(second) == (["@drug$", "@Event$"], UNRELATED)
    assert [span.label for span in first.spans] == ["Event", "Drug"]


def test_a_table_has_the_same_columns(tmp_path):
    path = write(tmp_path, "gold.tsv", "index\tsentence\tlabel", "0\t@DRUG$ and @EVENT$\tcauses")

    (document,) = read_pair_gold(path, CAUSES)

    assert ends(document) == (["@DRUG$", "@EVENT$"], "causes")


def test_of_two_masks_of_one_type_the_first_is_the_head(tmp_path):
    path = write(tmp_path, "g.json", {"text": "@DRUG$ lowers @DRUG$.", "label": "lowers"})

    (document,) = read_pair_gold(path, BOTH)

    assert document.relations == (Relation(0, 1, "lowers"),)


def test_pairs_that_gold_does_not_name_are_in_no_relation(tmp_path):
    """Indices are those of the file, whatever the order of its spans."""
    text = "aspirin, rash, codeine"
    spans = [
        {"start": 15, "end": 22, "label": "drug"},
        {"start": 0, "end": 7, "label": "Drug"},
        {"start": 9, "end": 13, "label": "EVENT"},
    ]
    relations = [{"head": 1, "tail": 2, "label": "causes"}]
    row = {"id": "a", "text": text, "spans": spans, "relations": relations}

    (document,) = read_pair_gold(write(tmp_path, "g.jsonl", row), CAUSES)

    assert document.relations == (Relation(0, 1, "causes"), Relation(2, 1, UNRELATED))


SECRET = "Mrs Kowalczyk"


@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        ("g.jsonl", {"text": f"{SECRET} @DRUG$", "label": "1"}, "line 1: the two ends"),
        ("g.jsonl", {"text": f"{SECRET} @DRUG$ @EVENT$", "label": SECRET}, "line 1: its label"),
        ("g.jsonl", {"text": f"{SECRET} @DRUG$ @EVENT$"}, "line 1: no text, or no label"),
        ("g.jsonl", f"{SECRET}", "line 1: not a JSON object"),
        ("g.tsv", f"{SECRET}\t1", "no columns"),
        ("g.csv", SECRET, "no suffix"),
        ("g.jsonl", "", "holds no pair"),
        (
            "g.jsonl",
            {"id": "a", "text": SECRET, "spans": [], "relations": [{"head": 0, "tail": 1}]},
            "line 1: a relation is not",
        ),
    ],
)
def test_what_is_wrong_is_told_by_line_and_without_its_text(tmp_path, name, row, told):
    with pytest.raises(BadInput) as caught:
        read_pair_gold(write(tmp_path, name, row), CAUSES)

    assert told in str(caught.value)
    assert "Kowalczyk" not in str(caught.value)


def test_one_and_zero_need_a_task_with_one_relation(tmp_path):
    path = write(tmp_path, "g.json", {"text": "@DRUG$ and @DRUG$.", "label": "1"})

    with pytest.raises(BadInput, match="line 1: its label"):
        read_pair_gold(path, BOTH)
