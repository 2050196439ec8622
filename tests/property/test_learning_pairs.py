"""Marked texts keep both markers at any length, and pair scores are what their definitions say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.learning.evaluation.pairs import correlation, macro_f1, positive_f1, score_pairs
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tokens.marking import focus, mark
from appliance.records.spans import Span
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

LABELS = st.integers(0, 2)
CHARACTERS = "ab @#$.,-\N{LATIN SMALL LETTER E WITH ACUTE}\n"


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request, tmp_path_factory):
    return Encoder.load(make_tiny_encoder(tmp_path_factory.mktemp("m") / "m", request.param))


@given(
    *(st.text(CHARACTERS, max_size=40) for _ in range(3)),
    st.booleans(),
)
def test_a_marker_stands_in_the_place_of_each_end(before, between, after, head_first):
    text = f"{before}HEAD{between}TAIL{after}"
    start = len(before) + 4 + len(between)
    first, last = Span(len(before), len(before) + 4, "GoodEnd"), Span(start, start + 4, "End")
    head, tail = (first, last) if head_first else (last, first)

    marked = mark(text, head, tail)

    signs = ("@", "#") if head_first else ("#", "@")
    wanted = (f"{signs[0]} good end {signs[0]}", f"{signs[1]} end {signs[1]}")
    assert marked.text == f"{before}{wanted[0]}{between}{wanted[1]}{after}"
    assert marked.text[slice(*marked.first)] == wanted[0]
    assert marked.text[slice(*marked.last)] == wanted[1]


@settings(max_examples=40)
@given(*(st.integers(0, 60) for _ in range(3)), st.integers(40, 90))
def test_a_long_text_is_cut_around_its_pair(encoder, before, between, after, size):
    words = ["asthma"] * before + ["ONE"] + ["fever"] * between + ["TWO"] + ["cough"] * after
    text = " ".join(words)
    one, two = text.index("ONE"), text.index("TWO")
    marked = mark(text, Span(one, one + 3, "Gene"), Span(two, two + 3, "Disease"))
    (encoded,) = encoder.encode([marked.text])

    ids = focus(encoded, marked, size).tolist()

    assert len(ids) == min(size, len(encoded.ids))
    for start, end in (marked.first, marked.last):
        inside = (encoded.words[:, 0] >= start) & (encoded.words[:, 0] < end)
        tokens = encoded.first[inside]
        marker = encoded.ids[tokens[0] : tokens[-1] + 1].tolist()
        assert any(ids[at : at + len(marker)] == marker for at in range(len(ids)))


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=60))
def test_scores_are_what_their_definitions_say(pairs):
    gold, found = np.array(pairs).T
    cells = np.bincount(gold * 3 + found, minlength=9).reshape(3, 3)

    def f1(label):
        hits = ((gold == label) & (found == label)).sum()
        total = (gold == label).sum() + (found == label).sum()
        return 2 * hits / total if total else 0.0

    one_hot = [np.eye(3)[side] for side in (gold, found)]
    centred = [side - side.mean(axis=0) for side in one_hot]
    spread = [(side**2).sum() for side in centred]
    product = math.sqrt(spread[0] * spread[1])
    mcc = (centred[0] * centred[1]).sum() / product if product > 1e-9 else 0.0
    hits = ((gold == found) & (gold > 0)).sum()
    total = (gold > 0).sum() + (found > 0).sum()

    assert macro_f1(cells) == pytest.approx(sum(map(f1, range(3))) / 3)
    assert correlation(cells) == pytest.approx(mcc, abs=1e-9)
    assert positive_f1(cells) == pytest.approx(2 * hits / total if total else 0.0)


def test_a_constant_answer_has_no_correlation():
    """It looks good by the F1 of what is related, and by nothing else."""
    gold = [[1], [1], [1], [0]] * 20

    score = score_pairs(gold, [[1]] * 80, 2)

    assert (score.mcc.value, score.mcc.ci_low, score.mcc.ci_high) == (0, 0, 0)
    assert score.positive_f1.value == pytest.approx(6 / 7)
    assert score.macro_f1.value == pytest.approx(3 / 7)
    assert score.macro_f1.ci_low < score.macro_f1.value < score.macro_f1.ci_high
    assert (score.pairs, score.positive, score.predicted) == (80, 60, 80)
