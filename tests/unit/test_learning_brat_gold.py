"""A folder of brat's is read exactly, or refused without a word of its texts or file names."""

import pytest

from appliance.errors import BadInput
from appliance.learning.evaluation.gold import read_gold
from appliance.records.spans import Span
from appliance.synthesis.curation.formats import brat
from tests.lib.tiny_corpora import make_examples

TEXT = "Miss Secretname has breast\ncancer and COPD.\n"


def write(tmp_path, annotations, text=TEXT):
    folder = tmp_path / "gold"
    folder.mkdir(exist_ok=True)
    (folder / "Secretname.txt").write_bytes(text.encode())
    (folder / "Secretname.ann").write_bytes(annotations.encode())
    return folder


def test_entities_are_read_and_all_else_is_set_aside(tmp_path):
    folder = write(
        tmp_path,
        "T1\tDISEASE 20 26;27 33\tbreast cancer\n"
        "T2\tdisease 38 42\tCOPD\n"
        "R1\tWith Arg1:T1 Arg2:T2\t\nA1\tNegated T2\n#1\tAnnotatorNotes T1\tsure\n*\tEquiv T1 T2\n",
    )

    (document,) = read_gold(folder, ("Disease",))

    assert document.spans == (Span(20, 33, "Disease"), Span(38, 42, "Disease"))
    assert "Secret" not in document.document_id


def test_offsets_count_the_line_ends_of_windows_too(tmp_path):
    folder = write(tmp_path, "T1\tDisease 7 11\tCOPD\n", text="First\r\nCOPD\r\n")

    (document,) = read_gold(folder, ("Disease",))

    assert document.text[7:11] == "COPD"


def test_what_the_product_exports_is_gold(tmp_path):
    examples = make_examples()
    brat.write(examples, tmp_path)

    documents = read_gold(tmp_path, ("Disease",))

    wanted = sorted((one.text, one.spans) for one in examples)
    assert sorted((one.text, one.spans) for one in documents) == wanted


@pytest.mark.parametrize(
    ("annotations", "complaint"),
    [
        ("T1\tDisease 0 4 Miss\n", "no entity"),
        ("T1\tDisease 20 26\tbreast cancer\n", "line 1 of its .ann: its words do not stand"),
        ("T1\tDisease 20 26;27 33\tbreast  lancer\n", "line 1 of its .ann: its words do not"),
        ("T1\tPerson 0 4\tMiss\n", "not one of the task's"),
        ("T1\tDisease 0 999\tMiss\n", "past the text"),
        ("T1\tDisease 0 4;20 26\tMiss breast\n", "words of no entity inside"),
        ("T1\tDisease 0 4\tMiss\nT2\tDisease 2 6\tss S\n", "overlap"),
        ("Secretname\n", "no entity"),
    ],
)
def test_what_is_wrong_is_told_by_number(tmp_path, annotations, complaint):
    with pytest.raises(BadInput, match=complaint) as refused:
        read_gold(write(tmp_path, annotations), ("Disease",))

    assert "text 1" in str(refused.value)
    assert "Secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_text_without_annotations_is_refused(tmp_path):
    folder = write(tmp_path, "")
    (folder / "Secretname.ann").unlink()

    with pytest.raises(BadInput, match="no \\.ann file") as refused:
        read_gold(folder, ("Disease",))
    assert "Secret" not in str(refused.value)


def test_annotations_without_a_text_are_refused(tmp_path):
    folder = write(tmp_path, "")
    (folder / "Secretname2.ann").write_text("")

    with pytest.raises(BadInput, match="have no") as refused:
        read_gold(folder, ("Disease",))

    assert "Secret" not in str(refused.value)
