"""Numbers of texts: each is what its definition says, and none holds a word."""

import dataclasses
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.synthesis.curation.profiling import compare, profile
from tests.lib.small_task import small_vocabulary

VOCABULARY = small_vocabulary()
WORDS = st.sampled_from(["alpha", "beta", "gamma", "Warfarin", "ward", "2", "COPD"])
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=8).map(" ".join), min_size=1, max_size=8)


def _bleu(words, others):
    """By the definition, one smoothed count per order, without brevity penalty."""
    logs = 0.0
    for order in (1, 2, 3, 4):
        runs = Counter(tuple(words[at : at + order]) for at in range(len(words) - order + 1))
        counted = [
            Counter(tuple(one[at : at + order]) for at in range(len(one) - order + 1))
            for one in others
        ]
        most = {run: max((one[run] for one in counted), default=0) for run in runs}
        matched = sum(min(count, most[run]) for run, count in runs.items())
        logs += math.log((matched + 1) / (runs.total() + 1)) / 4
    return math.exp(logs)


@given(TEXTS)
def test_self_bleu_is_bleu_of_each_against_the_others(texts):
    """However the counts are kept."""
    words = [text.casefold().split() for text in texts]
    expected = [
        _bleu(own, [other for at, other in enumerate(words) if at != index])
        for index, own in enumerate(words)
    ]

    found = profile(texts, VOCABULARY).self_bleu

    assert found == pytest.approx(sum(expected) / len(expected) if len(words) > 1 else 0.0)


@given(TEXTS, TEXTS)
def test_a_gap_is_between_nothing_and_everything(corpus, reference):
    """Shares and the divergence lie in their ranges, and swap when the two do."""
    gap, back = compare(corpus, reference, VOCABULARY), compare(reference, corpus, VOCABULARY)

    assert -1e-9 <= gap.divergence <= 1 + 1e-9
    assert gap.divergence == pytest.approx(back.divergence)
    assert (gap.missing, gap.novel) == (back.novel, back.missing)
    assert all(0 <= share <= 1 for share in (*gap.missing, *gap.novel))


@given(TEXTS)
def test_nothing_lies_between_texts_and_themselves(texts):
    gap = compare(texts, texts, VOCABULARY)

    assert gap.divergence == pytest.approx(0)
    assert gap.missing == gap.novel == (0, 0, 0)
    assert gap.corpus == gap.reference


@given(TEXTS)
def test_a_profile_holds_numbers_only(texts):
    """So that one of real texts may be looked at."""
    fields = dataclasses.astuple(profile(texts, VOCABULARY))

    flat = [item for field in fields for item in (field if isinstance(field, tuple) else [field])]
    assert all(isinstance(item, int | float) for item in flat)


def test_texts_without_a_word_in_common_are_as_far_apart_as_can_be():
    gap = compare(["alpha beta"], ["gamma delta"], VOCABULARY)

    assert gap.divergence == pytest.approx(1)
    assert gap.missing == (1, 1, 0)


def test_mentions_short_forms_and_coverage_are_counted():
    """By hand: two of four texts name something, one of them two things."""
    texts = ["Warfarin and allopurinol.", "COPD since 2019.", "He had warfarin.", "Nothing seen."]

    found = profile(texts, VOCABULARY)

    assert (found.without_mention, found.several_mentions, found.mentions) == (0.5, 0.25, 0.75)
    assert found.short_forms == pytest.approx(1 / 11)
    assert found.numbers == pytest.approx(1 / 11)
    assert found.coverage == 2 / len(VOCABULARY.terms)
    assert found.distinct[0] == pytest.approx(10 / 11)
    assert found.words[1] == 3


@pytest.mark.parametrize("texts", [[], [""], ["...", " "]])
def test_no_word_is_no_profile(texts):
    with pytest.raises(ValueError, match="no text has a word"):
        profile(texts, VOCABULARY)
