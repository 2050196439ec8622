"""What the skimmer leaves unread could raise no alarm that counts."""

import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appliance.gate import lexicon
from appliance.gate.explaining import is_explained
from appliance.gate.knowledge import find_lift
from appliance.gate.recognizers.words import uses_capitals
from appliance.gate.skimming import split_stretches
from appliance.gate.vocabulary import Terms
from appliance.records.verdicts import Hit

NOTHING = Terms([])
LISTED = [
    *sorted(lexicon.english_words())[::400],
    *sorted(lexicon.medical_words())[::60],
    *sorted(lexicon.given_names().clear)[::400],
    *sorted(lexicon.given_names().doubtful)[::40],
    *sorted(lexicon.family_names().clear)[::600],
    *sorted(lexicon.family_names().doubtful)[::60],
    *sorted(lexicon.eponyms())[::40],
    *sorted(lexicon.places("city").clear)[::100],
]
ODD = [
    "follow-up",
    "x-ray",
    "55-year-old",
    "mg",
    "PVCs",
    "mRNA",
    "CD4",
    "q.d.",
    "6.7",
    "120/80",
    "II",
]
WORDS = st.one_of(
    st.sampled_from(LISTED),
    st.sampled_from(LISTED).map(str.title),
    st.sampled_from(LISTED).map(str.upper),
    st.sampled_from(ODD),
    st.from_regex(r"[A-Za-z]{1,9}(?:['.-][A-Za-z0-9]{1,4})?", fullmatch=True),
)
GAPS = st.sampled_from([" ", " ", " ", ", ", "/", " (", ") ", ": ", "; ", "\t", " - ", "'s "])
TEXTS = st.lists(st.tuples(WORDS, GAPS), min_size=1, max_size=12).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
EDGE = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?![A-Za-z0-9])")


@settings(max_examples=150)
@given(TEXTS, TEXTS, st.sampled_from(["spacy", "tagger"]), st.data())
def test_every_alarm_in_what_is_left_unread_would_be_lifted(stretch, rest, detector, data):
    """Whichever words were taken for a name or place there, a rule explains them."""
    text = f"{stretch.strip()}\n{rest}"
    stretch = stretch.strip()
    explained = is_explained(stretch, has_capitals=uses_capitals(text), with_numbers=True)
    assume(explained)

    places = [match.start() for match in EDGE.finditer(stretch)]
    start, end = sorted(
        data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True))
    )
    assume(any(map(str.isalnum, stretch[start:end])))
    entity = data.draw(st.sampled_from(["PERSON", "LOCATION", "ORGANIZATION"]))
    assert (
        find_lift(text, Hit(start, end, entity, 0.9, detector), NOTHING, has_witness=True)
        is not None
    )


@settings(max_examples=100)
@given(TEXTS, st.data())
def test_a_number_in_what_is_left_unread_has_few_digits(stretch, data):
    """The tagger's numbers with fewer than four digits are lifted, so it may leave them unread."""
    assume(is_explained(stretch, has_capitals=uses_capitals(stretch), with_numbers=True))

    start = data.draw(st.integers(0, len(stretch) - 1))
    end = data.draw(st.integers(start + 1, len(stretch)))
    hit = Hit(start, end, "LICENSE_NUMBER", 0.9, "tagger")
    assert find_lift(stretch, hit, NOTHING) == "few-digits"


@given(st.text(st.sampled_from("abcd Efgh.!?\n\t"), max_size=80))
def test_stretches_are_the_text(text):
    """Each stands where it says it stands, in order, and only blanks are between them."""
    stretches = list(split_stretches(text))

    rest = list(text)
    for start, stretch in stretches:
        assert text[start : start + len(stretch)] == stretch
        rest[start : start + len(stretch)] = " " * len(stretch)
    assert not "".join(rest).strip()
    assert stretches == sorted(stretches)
