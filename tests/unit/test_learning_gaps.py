"""Gaps in labelled texts: one word of ten is the right one, and labels stay where they belong."""

import random

from hypothesis import given
from hypothesis import strategies as st

from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.gaps import OTHERS, make_gap, rank, words_labelled
from appliance.records.spans import Span

POOL = [f"disease{number}" for number in range(30)]
TEXT = "Seen for Crohn disease and asthma (mild); no gout today, and plan as before."


def _labelled(text, *surfaces):
    spans = sorted(Span(text.index(one), text.index(one) + len(one), "Disease") for one in surfaces)
    return LabelledText(text, tuple(spans))


@given(st.integers(0, 10**6))
def test_every_word_in_the_gap_leaves_all_other_labels_where_they_are(seed):
    text = _labelled(TEXT, "Crohn disease", "asthma", "gout")

    gap = make_gap(text, POOL, random.Random(seed))

    assert len(gap.filled) == OTHERS + 1
    right = gap.filled[0]
    assert right.text.lower() == TEXT.lower()
    for one in gap.filled:
        surfaces = [one.text[span.start : span.end].lower() for span in one.spans]
        expected = ["crohn disease", "asthma", "gout"]
        differing = [
            (found, wanted)
            for found, wanted in zip(surfaces, expected, strict=True)
            if found != wanted
        ]
        if one is right:
            assert not differing
        else:
            [(found, wanted)] = differing
            assert found.split()[0] in POOL
            assert found.split()[1:] == wanted.split()[1:]


def test_only_the_stretch_around_the_gap_is_kept():
    """What a window of training holds; labels that are cut off are gone."""
    text = _labelled(
        f"gout {'word ' * 100}asthma {'word ' * 100}sepsis", "gout", "asthma", "sepsis"
    )

    gap = make_gap(text, POOL, random.Random(1))

    assert all(len(one.spans) == 1 for one in gap.filled)
    assert all(len(one.text.split()) <= 49 for one in gap.filled)


def test_a_text_without_a_label_or_with_no_other_word_has_no_gap():
    chance = random.Random(0)

    assert make_gap(LabelledText("nothing here", ()), POOL, chance) is None
    assert make_gap(_labelled("has gout now", "gout"), POOL[: OTHERS - 1], chance) is None
    assert make_gap(_labelled("has antigout now", "gout"), POOL, chance) is None


def test_words_that_the_text_has_itself_are_not_put_into_its_gap():
    text = _labelled("asthma beside disease1 and disease2", "asthma")

    gap = make_gap(text, POOL[: OTHERS + 2], random.Random(3))

    assert gap is None or not any("disease1 beside" in one.text for one in gap.filled)
    assert words_labelled([text]) == ["asthma"]


def test_of_equal_scores_the_right_word_is_the_last():
    """An adapter that finds all alike has told nothing."""
    assert rank([0.5] * 10) == 10
    assert rank([0.9, 0.5, 0.1]) == 1
    assert rank([0.1, 0.5, 0.9]) == 3
