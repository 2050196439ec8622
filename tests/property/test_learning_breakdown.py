"""What lies behind an F1 adds up, and agrees with other ways to count the same."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.learning.evaluation.breakdown import (
    break_down,
    count_faults,
    count_relaxed,
    count_surfaces,
    list_mistakes,
)
from appliance.learning.evaluation.calibration import calibrate
from appliance.learning.evaluation.matching import pair_spans
from appliance.learning.evaluation.permutation import paired_difference, permutation_test
from appliance.learning.evaluation.score import count_matches, f1_score
from appliance.records.breakdown import Fault
from appliance.records.gold import GoldDocument
from appliance.records.spans import ScoredSpan, Span
from appliance.workflows.report.cells import HIDDEN, hide_small
from tests.property.test_learning_scores import LABELS, iob2, score_tags, spans_of, tag_pairs


@st.composite
def one_document(draw):
    length = draw(st.integers(1, 14))
    return spans_of(draw(iob2(length))), spans_of(draw(iob2(length)))


@settings(max_examples=200)
@given(one_document())
def test_every_span_is_in_exactly_one_place(document):
    gold, found = document

    pairs = pair_spans(gold, found)

    right = [*pairs.exact, *(one for _, one, _ in pairs.faults if one is not None)]
    said = [*pairs.exact, *(two for _, _, two in pairs.faults if two is not None)]
    assert sorted(right) == sorted(gold)
    assert sorted(said) == sorted(found)
    for fault, one, two in pairs.faults:
        if fault is Fault.MISSED:
            assert two is None
        elif fault is Fault.SPURIOUS:
            assert one is None
        else:
            assert one.overlaps(two)
            assert (one.label == two.label) is (fault is Fault.BOUNDARY)


@settings(max_examples=200)
@given(one_document())
def test_no_other_pairing_has_more_overlaps_of_one_label(document):
    """Against the Hungarian algorithm over all pairs."""
    from scipy.optimize import linear_sum_assignment

    gold, found = document
    fits = np.array(
        [[one.label == two.label and one.overlaps(two) for two in found] for one in gold]
    ).reshape(len(gold), len(found))
    rows, columns = linear_sum_assignment(fits, maximize=True)
    best = int(fits[rows, columns].sum())

    hits, said, right = count_relaxed([GoldDocument("a", "", gold)], [found])[0]

    assert (hits, said, right) == (best, len(found), len(gold))


@settings(max_examples=200)
@given(tag_pairs())
def test_mistakes_are_those_of_nervaluate_where_each_span_has_one_partner(pairs):
    """Where three spans overlap in a chain, nervaluate pairs the first it meets."""
    from nervaluate import Evaluator

    kept = [
        (right, found)
        for right, found in pairs
        if not _is_chain(spans_of(right), spans_of(found))
        and not _is_chain(spans_of(found), spans_of(right))
    ]
    if not kept:
        return
    right, found = [list(pair[0]) for pair in kept], [list(pair[1]) for pair in kept]
    theirs = Evaluator(right, found, tags=list(LABELS), loader="list").evaluate()["overall"]

    gold, spans = score_tags(kept)
    faults, relaxed = count_faults(gold, spans), count_relaxed(gold, spans).sum(axis=0)

    assert relaxed[0] == theirs["ent_type"].correct
    assert faults["missed"] == theirs["strict"].missed
    assert faults["spurious"] == theirs["strict"].spurious
    assert faults["type"] + faults["boundary"] + faults["boundary and type"] == (
        theirs["strict"].incorrect
    )
    assert faults["type"] == theirs["exact"].correct - theirs["strict"].correct


def _is_chain(some, others):
    return any(sum(one.overlaps(two) for two in others) > 1 for one in some)


@given(tag_pairs())
def test_mistakes_and_hits_add_up_to_gold_and_to_what_was_found(pairs):
    gold, found = score_tags(pairs)
    hits, said, right = count_matches(gold, found).sum(axis=0)

    faults = count_faults(gold, found)

    paired = faults["boundary"] + faults["type"] + faults["boundary and type"]
    assert hits + paired + faults["missed"] == right
    assert hits + paired + faults["spurious"] == said
    assert len(list(list_mistakes(gold, found))) == sum(faults.values())


@given(tag_pairs(), st.sets(st.integers(0, 7)))
def test_seen_and_unseen_names_are_all_names(pairs, known):
    gold, found = score_tags(pairs)
    gold = [GoldDocument(one.document_id, "abcdefgh", one.spans) for one in gold]
    surfaces = frozenset("abcdefgh"[place] for place in known)

    seen, unseen = (count_surfaces(gold, found, surfaces, seen=which) for which in (True, False))

    assert np.array_equal(seen + unseen, count_matches(gold, found))


def test_a_name_is_seen_whatever_its_case():
    gold = [GoldDocument("a", "Asthma, COPD", (Span(0, 6, "Disease"), Span(8, 12, "Disease")))]
    found = [(ScoredSpan(Span(0, 6, "Disease"), 0.9),)]

    behind = break_down(gold, found, ("Disease",), frozenset({"asthma"}))

    assert (behind.seen.f1, behind.unseen.f1, behind.unseen.gold) == (1.0, 0.0, 1)


def test_without_the_corpus_nobody_says_what_was_seen():
    behind = break_down([GoldDocument("a", "x", ())], [()], ("Disease",), None)

    assert behind.seen is None
    assert behind.unseen is None


counts = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=7
)


@settings(max_examples=25, deadline=None)
@given(counts, st.integers(0, 2**31))
def test_p_is_that_of_all_exchanges(rows, seed):
    """Ten thousand draws come within five standard errors of every one of the 2^n exchanges."""
    one = np.array([(min(hits, 3), hits + a, hits + 1) for hits, a, _ in rows], dtype=np.int64)
    two = np.array([(min(hits, 3), hits + 1, hits + b) for _, b, hits in rows], dtype=np.int64)
    observed = abs(float(f1_score(one.sum(axis=0)) - f1_score(two.sum(axis=0))))
    as_large = 0
    for exchange in itertools.product((False, True), repeat=len(rows)):
        picked = np.array(exchange)[:, None]
        mixed, rest = np.where(picked, two, one), np.where(picked, one, two)
        drawn = abs(float(f1_score(mixed.sum(axis=0)) - f1_score(rest.sum(axis=0))))
        as_large += drawn >= observed - 1e-12
    exact = as_large / 2 ** len(rows)

    drawn = permutation_test(one, two, f1_score, seed=seed)

    assert abs(drawn - exact) <= 5 * (exact * (1 - exact) / 10_000) ** 0.5 + 2e-4


def test_two_that_are_alike_do_not_differ_and_two_that_are_not_do():
    generator = np.random.default_rng(0)
    gold = np.full((200, 1), 3)
    good, bad = (generator.binomial(3, p, size=(200, 1)) for p in (0.8, 0.6))
    one, two = (np.hstack([hits, gold, gold]) for hits in (good, bad))

    assert permutation_test(one, one, f1_score) == 1.0
    assert permutation_test(one, two, f1_score) < 0.001
    difference = paired_difference(one, two, f1_score)
    assert difference.ci_low < difference.value < difference.ci_high
    assert difference.ci_low > 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_the_calibration_error_is_the_mean_distance_of_its_bins(pairs):
    spans = [Span(number, number + 1, "Disease") for number in range(len(pairs))]
    gold = [GoldDocument("a", "", tuple(s for s, (_, ok) in zip(spans, pairs, strict=True) if ok))]
    found = [tuple(ScoredSpan(s, p) for s, (p, _) in zip(spans, pairs, strict=True))]

    outcome = calibrate(gold, found)

    assert sum(one.count for one in outcome.bins) == len(pairs)
    assert sum(one.right for one in outcome.bins) == sum(ok for _, ok in pairs)
    assert 0 <= outcome.ece <= 1
    expected = sum(abs(one.right - one.confidence * one.count) for one in outcome.bins)
    assert abs(outcome.ece - expected / max(1, len(pairs))) < 1e-9
    for one in outcome.bins:
        inside = [p for p, _ in pairs if one.low < p <= one.high or p == one.low == 0]
        assert one.count == len(inside)


def test_who_is_always_sure_and_half_right_is_off_by_a_half():
    spans = [Span(number, number + 1, "Disease") for number in range(10)]
    gold = [GoldDocument("a", "", tuple(spans[:5]))]

    assert calibrate(gold, [tuple(ScoredSpan(span, 1.0) for span in spans)]).ece == 0.5


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 12))
def test_no_small_count_is_shown_or_can_be_worked_out(cells, smallest):
    """Of a table with a known sum, a single hidden cell would be no secret."""
    shown = hide_small(cells, smallest)

    for count, text in zip(cells, shown, strict=True):
        assert text in (HIDDEN, str(count))
        if 0 < count < smallest:
            assert text == HIDDEN
    hidden = [count for count, text in zip(cells, shown, strict=True) if text == HIDDEN]
    assert len(hidden) != 1 or not any(count >= smallest for count in cells)
