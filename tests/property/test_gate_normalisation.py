"""Normalising: idempotent, and every finding leads back into the input."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.gate.normalisation import is_invisible, normalise

ODD = (
    "\u200b\u00ad\ufe0f\u0301\u0410\u0430\uff21\uff11\u2011\u2019\ufb01\u00bd\u00e9\u1e9b"
    "\u00b4\u0130\U0001f1e6\U0001d400\u2167\u3000\u212b\u037a"
)
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from(ODD), st.sampled_from("aZ09 -.'\t\n")))


@given(TEXTS)
def test_normalising_twice_changes_nothing(text):
    """A normalised text is its own reading."""
    once = normalise(text).text

    assert normalise(once).text == once


@given(TEXTS)
def test_every_stretch_leads_back_into_the_input(text):
    """Offsets map to non-empty stretches of the input, in order, that read the same."""
    reading = normalise(text)

    assert len(reading.text) == len(reading.starts) == len(reading.ends)
    assert list(reading.starts) == sorted(reading.starts)
    for at in range(len(reading.text)):
        start, end = reading.to_input(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert reading.text[at] in normalise(text[start:end]).text


@given(TEXTS)
def test_nothing_visible_is_lost(text):
    """What no stretch leads back to shows nothing."""
    reading = normalise(text)
    covered = {at for s, e in zip(reading.starts, reading.ends, strict=True) for at in range(s, e)}
    import unicodedata

    for at, character in enumerate(text):
        if at not in covered:
            assert is_invisible(character) or unicodedata.category(character) in {"Mn", "Me"}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays(text):
    """Printable ASCII is read as it stands."""
    assert normalise(text).text == text
