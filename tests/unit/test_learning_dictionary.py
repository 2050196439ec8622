"""The free baseline finds names of the vocabulary, the longest first."""

import os
from pathlib import Path

import pytest

from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.score import score
from appliance.records.identifiers import Digest
from appliance.records.tasks import Term, Vocabulary
from appliance.settings.tasks import load_vocabulary


def labeller(*names):
    terms = tuple(Term(name, (), (), "Disease") for name in names)
    return DictionaryLabeller(Vocabulary("invented", terms, Digest("0" * 64)))


def found(text, *names):
    return [text[s.span.start : s.span.end] for s in labeller(*names).label([text])[0]]


def test_the_longest_name_wins():
    assert found("Acute breast cancer today", "cancer", "breast cancer") == ["breast cancer"]


def test_case_and_punctuation_are_set_aside():
    assert found("CROHN'S disease, asthma.", "Crohn s disease", "Asthma") == [
        "CROHN'S disease",
        "asthma",
    ]


def test_a_name_inside_a_word_is_not_found():
    assert found("gastritis", "gas", "astri") == []


def test_a_match_neither_begins_nor_ends_with_punctuation():
    assert found("(asthma)", "asthma") == ["asthma"]


def test_names_of_two_letters_are_left_out():
    assert found("a PE was seen", "PE") == []


def test_abbreviations_and_synonyms_count():
    term = Term("chronic obstructive pulmonary disease", ("chronic bronchitis",), ("COPD",), "D")
    vocabulary = Vocabulary("invented", (term,), Digest("0" * 64))

    spans = DictionaryLabeller(vocabulary).label(["COPD or chronic bronchitis", ""])

    assert [len(document) for document in spans] == [2, 0]
    assert spans[0][0].span.label == "D"


@pytest.mark.skipif(
    "APPLIANCE_CORPORA" not in os.environ, reason="APPLIANCE_CORPORA names no public corpora"
)
def test_mesh_names_alone_reach_46_15_on_ncbi_disease():
    """What the paper's adapters are measured against: strict F1 46.15 on the test split."""
    corpora = Path(os.environ["APPLIANCE_CORPORA"])
    vocabulary = load_vocabulary(corpora / "vocab/diseases_mesh.tsv", ("Disease",), "MeSH")
    gold = read_gold(corpora / "ner/ncbi-disease/test.tsv", ("Disease",))

    labelled = DictionaryLabeller(vocabulary).label([document.text for document in gold])
    result = score(gold, [[scored.span for scored in document] for document in labelled])

    assert round(100 * result.f1, 2) == 46.15
