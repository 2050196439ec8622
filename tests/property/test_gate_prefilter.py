# ruff: noqa: SIM905 - word lists read best whole
"""A prefilter saves time and changes nothing that is found."""

from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.gate import lexicon
from appliance.gate.recognizers import names, places
from appliance.gate.recognizers.sieve import Search

LISTS = [lexicon.institutions(), lexicon.places("city"), lexicon.places("state")]
NAMES = [
    name for known in LISTS for name in [*sorted(known.clear)[::5], *sorted(known.doubtful)[::2]]
]
WORDS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(
        ["at", "from", "Clinic", "Heart", "TX", "St", "new", "pain", "mass", "general"]
    ),
    st.text(st.sampled_from("abehoK\u0130\u017f\u212a'-.2\n"), min_size=1, max_size=6),
)
TEXTS = st.lists(
    st.tuples(WORDS, st.sampled_from([str, str.title, str.upper]), st.sampled_from(" ,'-")),
    max_size=12,
).map(lambda parts: "".join(change(word) + gap for word, change, gap in parts))


SOMEBODY = st.one_of(
    *(
        st.sampled_from(sorted(one)[::200])
        for known in (lexicon.given_names(), lexicon.family_names())
        for one in (known.clear, known.doubtful)
    ),
    st.sampled_from(
        "dr. mr ms. nurse md ph.d. jr K. j the and with named patient fever pain s a parkinson's qu"
        " zorro tystberga lindqvist o'brien smith-jones".split()
    ),
    st.text(st.sampled_from("abehoK\u017f\u00e9'-.2"), min_size=1, max_size=6),
)
PEOPLE = st.lists(
    st.tuples(
        SOMEBODY,
        st.sampled_from([str, str.title, str.title, str.upper]),
        st.sampled_from([" ", " ", ", ", ". ", "'s ", "\n"]),
    ),
    max_size=10,
).map(lambda parts: "".join(change(word) + gap for word, change, gap in parts))


def everywhere(_search, text):
    """Each place of the text."""
    return list(range(len(text)))


class Everything:
    """Lets every text and every word through."""

    def stand_in(self, _text):
        return True

    def __contains__(self, _word):
        return True


@settings(max_examples=300)
@given(TEXTS)
def test_places_are_found_with_prefilters_as_without(text):
    """Institutions by their literals, towns by their first words, both where they can begin."""
    found = list(places.find(text))

    with (
        mock.patch.object(places, "_institution_literals", Everything),
        mock.patch.object(places, "_first_words_of_towns", Everything),
        mock.patch.object(Search, "find_places", everywhere),
    ):
        assert list(places.find(text)) == found


@settings(max_examples=300)
@given(PEOPLE)
def test_names_are_found_with_prefilters_as_without(text):
    """Whatever a name begins with, the word is looked at."""
    found = list(names.find(text))

    with (
        mock.patch.object(names, "_is_telling", return_value=True),
        mock.patch.object(Search, "find_places", everywhere),
    ):
        assert list(names.find(text)) == found
