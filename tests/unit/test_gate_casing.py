"""A text all in one case gets capitals that tell, and nothing else about it changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.gate.casing import recase


@pytest.mark.parametrize("change", [str.upper, str.lower])
@pytest.mark.parametrize(
    "text",
    [
        "John Smith has asthma.",
        "Seen by Dr. Brown in January for hypertension.",
        "The patient lives in Chicago with his wife Priya.",
        "Mary-Jane O'Brien takes lisinopril.",
        "Discussed with Okonkwo. No fever.",
        "Noted by Mr. Young, who is well.",
        "Noted by Mr Young, who is well.",
        "On HTN and COPD.",
    ],
)
def test_names_get_capitals_and_words_get_none(text, change):
    """Ordinary and medical words small, what is in no list with a capital, sentences as usual."""
    assert recase(change(text)) == text


@pytest.mark.parametrize("text", ["Seen by Anna Smith.", "", "\n\n", "5 mg\n10 mg"])
def test_a_line_with_telling_capitals_stays_as_it_is(text):
    """As does one without letters."""
    assert recase(text) == text


def test_each_line_is_judged_alone():
    """A heading in capitals in a note that has small letters."""
    assert recase("PAST HISTORY: ASTHMA\nSeen by Anna.") == "Past history: Asthma\nSeen by Anna."


@given(st.text(max_size=60))
def test_only_the_case_of_letters_changes(text):
    """Same length, so every offset stays what it is."""
    changed = recase(text)

    assert len(changed) == len(text)
    assert changed.lower() == text.lower()
