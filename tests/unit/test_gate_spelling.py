"""Unknown words of medicine are spelled like words, unknown names mostly are not."""

import pytest

from appliance.gate import lexicon
from appliance.gate.knowledge import find_lift, find_witnessed
from appliance.gate.spelling import is_spelled_like_a_word
from appliance.gate.vocabulary import Terms
from appliance.records.verdicts import Hit

# In none of the gate's lists, so that the model can't have seen them.
UNSEEN_WORDS = ["hypoperfusiveness", "transventricularly", "overoxygenation", "decannulations"]
UNSEEN_NAMES = ["Oyelarandu", "Brzozkowska", "Nakagawara", "Villalpandez", "Kjeldgard"]
TEXT = "There was Decannulations today."


@pytest.mark.parametrize("word", [*UNSEEN_WORDS, "Transventricularly", "over-oxygenation"])
def test_an_unseen_word_has_the_look_of_one(word):
    assert is_spelled_like_a_word(word)


@pytest.mark.parametrize("name", [*UNSEEN_NAMES, "Brzozkowska-Kjeldgard"])
def test_an_unseen_name_has_not(name):
    assert not is_spelled_like_a_word(name)


@pytest.mark.parametrize("text", ["", "-", "abc", "re-do", "x1y2z3", "l4-l5"])
def test_what_is_short_or_no_word_is_never_one(text):
    """Too few letters to tell by."""
    assert not is_spelled_like_a_word(text)


def test_the_words_are_unseen():
    """Else the tests above say nothing about words that no list has."""
    for word in map(str.lower, [*UNSEEN_WORDS, *UNSEEN_NAMES]):
        assert not lexicon.is_known_word(word)
        assert word not in lexicon.given_names()
        assert word not in lexicon.family_names()


def _lift(score, *others):
    hit = Hit(10, 24, "ORGANIZATION", score, "spacy")
    return find_lift(TEXT, hit, Terms([]), has_witness=hit in find_witnessed([hit, *others]))


def test_spelling_lifts_a_lonely_alarm():
    assert _lift(0.6) == "spelled-like-a-word"


@pytest.mark.parametrize("detector", ["tagger", "family-name", "unknown-words"])
def test_spelling_never_speaks_against_two(detector):
    """A second detector at the same place keeps the alarm standing."""
    assert _lift(0.6, Hit(8, 24, "PERSON", 0.5, detector)) is None


def test_an_alarm_elsewhere_is_no_witness():
    assert _lift(0.6, Hit(0, 5, "PERSON", 0.5, "tagger")) == "spelled-like-a-word"


def test_spelling_never_speaks_against_a_sure_model():
    assert _lift(0.95) is None
