"""Other readings of a text: each leads back into the input, and none is made up."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from appliance.gate.normalisation import normalise
from appliance.gate.unwrapping.readings import readings

MARKUP = ["&#74;", "%4A", "\\u004a", "=4A=6F", "<b>", "</b>", '{"a":"b"}', "SGVsbG8gSm9obg=="]
WORDS = "one two double four Z-e-b-u p4tient March fourth nineteen fifty alpha mike 4a6f686e"
SIGNS = ["J\u0301", "\uff21", "\u200b", "-\n", "0", "1", "2", ".", "-.-", ".-"]
PIECES = st.sampled_from([*MARKUP, *WORDS.split(), *SIGNS])
TEXTS = st.one_of(
    st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join), st.text(max_size=60)
)


@given(TEXTS)
def test_every_reading_leads_back_into_the_input(text):
    """Whatever was unwrapped, its offsets are stretches of the input, in order."""
    for reading in readings(text):
        assert len(reading.text) == len(reading.starts) == len(reading.ends)
        assert list(reading.starts) == sorted(reading.starts)
        assert list(reading.ends) == sorted(reading.ends)
        for at in range(len(reading.text)):
            start, end = reading.to_input(at, at + 1)
            assert 0 <= start < end <= len(text)


@given(TEXTS)
def test_the_plain_reading_comes_first_and_all_differ(text):
    """Nothing is read twice, and the text as it stands is always read."""
    found = [reading.text for reading in readings(text)]

    assert found[0] == normalise(text).text
    assert len(set(found)) == len(found)


@given(st.text(st.sampled_from("abcdefXYZ 0123,.-/"), max_size=80))
def test_what_is_encoded_is_read_again(text):
    """Base64 of any plain sentence is opened: the sentence is among the readings."""
    sentence = f"Known as {text} here"

    found = readings(base64.b64encode(sentence.encode()).decode())

    inner = {reading.text for reading in readings(sentence)}
    assert inner & {reading.text for reading in found}
