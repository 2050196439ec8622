"""Scores agree with two other implementations, and intervals hold the estimate."""

import warnings

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.learning.evaluation.score import score, score_labels
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span

LABELS = ("Disease", "Gene")


@st.composite
def tag_pairs(draw):
    """Gold and predicted IOB2 tags of a few sentences, valid by construction."""
    sentences = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    return [(draw(iob2(length)), draw(iob2(length))) for length in sentences]


@st.composite
def iob2(draw, length):
    tags = []
    while len(tags) < length:
        kind = draw(st.sampled_from(("O", *LABELS)))
        size = draw(st.integers(1, 3))
        tags += ["O"] if kind == "O" else [f"B-{kind}"] + [f"I-{kind}"] * (size - 1)
    return tags[:length]


def spans_of(tags):
    spans = []
    for position, tag in enumerate(tags):
        if tag[0] == "B":
            spans.append(Span(position, position + 1, tag[2:]))
        elif tag[0] == "I":
            spans[-1] = Span(spans[-1].start, position + 1, spans[-1].label)
    return tuple(spans)


def score_tags(pairs):
    gold = [
        GoldDocument(str(number), "", spans_of(right)) for number, (right, _) in enumerate(pairs)
    ]
    return gold, [spans_of(found) for _, found in pairs]


@settings(max_examples=60)
@given(tag_pairs())
def test_scores_are_those_of_seqeval_in_strict_mode(pairs):
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    right, found = [list(pair[0]) for pair in pairs], [list(pair[1]) for pair in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, _ = precision_recall_fscore_support(
            right, found, scheme=IOB2, average="micro", zero_division=0
        )

    ours = score(*score_tags(pairs))

    assert abs(ours.precision - precision) < 1e-9
    assert abs(ours.recall - recall) < 1e-9
    assert abs(ours.f1 - f1) < 1e-9


@settings(max_examples=60)
@given(tag_pairs())
def test_scores_are_those_of_nervaluate_in_strict_mode(pairs):
    from nervaluate import Evaluator

    right, found = [list(pair[0]) for pair in pairs], [list(pair[1]) for pair in pairs]
    strict = Evaluator(right, found, tags=list(LABELS), loader="list").evaluate()["overall"][
        "strict"
    ]

    ours = score(*score_tags(pairs))

    assert ours.true_positives == strict.correct
    assert abs(ours.precision - strict.precision) < 1e-9
    assert abs(ours.recall - strict.recall) < 1e-9


@settings(max_examples=60)
@given(tag_pairs(), st.integers(0, 3))
def test_labels_sum_up_to_the_whole(pairs, seed):
    gold, found = score_tags(pairs)

    whole = score(gold, found, seed=seed)
    parts = score_labels(gold, found, LABELS, seed=seed).values()

    assert whole.true_positives == sum(part.true_positives for part in parts)
    assert whole.gold == sum(part.gold for part in parts)
    assert 0 <= whole.ci_low <= whole.ci_high <= 1
    assert whole == score(gold, found, seed=seed)


@given(tag_pairs())
def test_gold_against_itself_is_perfect(pairs):
    gold, _ = score_tags(pairs)

    perfect = score(gold, [document.spans for document in gold])

    assert perfect.f1 == (1.0 if perfect.gold else 0.0)


def test_the_interval_holds_the_estimate_and_narrows_with_documents():
    hit, miss = (Span(0, 1, "Disease"),), (Span(1, 2, "Disease"),)

    def interval(count):
        gold = [GoldDocument(str(number), "", hit) for number in range(count)]
        return score(gold, [hit if number % 3 else miss for number in range(count)])

    few, many = interval(30), interval(3000)

    assert few.ci_low < few.f1 < few.ci_high
    assert many.ci_high - many.ci_low < few.ci_high - few.ci_low
    # The normal approximation, f1 +- 1.96 sqrt(p (1 - p) / n), for a proportion of 2/3.
    assert abs((many.ci_high - many.ci_low) - 2 * 1.96 * (2 / 9 / 3000) ** 0.5) < 0.004


def test_no_document_scores_nothing():
    assert score([], []).f1 == 0
