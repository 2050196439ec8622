"""What teachers are sure of teaches; what they are unsure of, or at odds about, does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.learning.tokens.encoding import split_words
from appliance.learning.tuning.own import teach
from appliance.learning.tuning.rows import IGNORED, make_rows
from appliance.records.spans import Span
from tests.lib.tiny_models import make_tiny_encoder

TYPES = ("Disease",)
TEXT = "Mild asthma, no eczema."
OUTSIDE, BEGIN = [0.9, 0.05, 0.05], [0.05, 0.9, 0.05]


class Sure:
    """Says the same of each word of that kind, whatever the text."""

    def __init__(self, opinions):
        self.opinions = opinions

    def weigh(self, texts):
        return [
            np.array(
                [self.opinions.get(text[start:end], OUTSIDE) for start, end in split_words(text)],
                np.float32,
            ).reshape(-1, 3)
            for text in texts
        ]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    from appliance.learning.tokens.encoding import Encoder

    return Encoder.load(make_tiny_encoder(tmp_path_factory.mktemp("m") / "tiny"))


def test_what_all_are_sure_of_is_a_label():
    """Two teachers of one mind."""
    both = [Sure({"asthma": BEGIN, "eczema": BEGIN})] * 2

    [labelled] = teach([TEXT], both, TYPES, 0.8)

    assert labelled.spans == (Span(5, 11, "Disease"), Span(16, 22, "Disease"))
    assert labelled.unsure == ()


def test_what_they_are_at_odds_about_is_left_out(encoder):
    """The word is neither a disease nor none: nothing is learned from it."""
    [labelled] = teach([TEXT], [Sure({"asthma": BEGIN, "eczema": BEGIN}), Sure({"asthma": BEGIN})],
                       TYPES, 0.8)  # fmt: skip
    [row] = make_rows([labelled], encoder, TYPES, 128)
    words, targets = split_words(TEXT), []
    [encoded] = encoder.encode([TEXT])
    targets = [int(row.targets[first]) for first in encoded.first]

    assert [TEXT[start:end] for start, end in labelled.unsure] == ["eczema"]
    assert dict(zip((TEXT[a:b] for a, b in words), targets, strict=True)) == {
        "Mild": 0, "asthma": 1, ",": 0, "no": 0, "eczema": IGNORED, ".": 0,
    }  # fmt: skip


def test_a_text_of_which_nobody_is_sure_teaches_nothing():
    """It is no row, and no example that is counted."""
    assert teach([TEXT, ""], [Sure(dict.fromkeys(["Mild", "asthma"], BEGIN))], TYPES, 0.95) == []


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_surer_a_word_must_be_the_fewer_teach(first, second):
    """Whatever is left out at less is left out at more."""
    low, high = sorted((first, second))
    teacher = Sure({"asthma": [0.3, 0.6, 0.1], "eczema": [0.2, 0.75, 0.05]})

    def left_out(least):
        found = teach([TEXT], [teacher], TYPES, least)
        return set(found[0].unsure) if found else {*map(tuple, split_words(TEXT).tolist())}

    assert left_out(low) <= left_out(high)
