"""Intervals, tests and bounds of the audit, against other ways to the same numbers."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audits.coins import (
    bound_by_coins,
    bound_by_lots,
    epsilon_lower_bound,
    surest_guesses,
)
from appliance.audits.statistics import (
    area_under_curve,
    bootstrap,
    fisher_greater,
    hit_rate_at,
    share,
)

SCORES = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12)


def test_none_of_n_is_not_zero():
    """The exact upper bound: what is as rare as 3.7 in n may well not be seen."""
    assert share("x", 0, 1000).high == pytest.approx(0.00368, abs=1e-5)
    assert share("x", 0, 0).value is None
    assert share("x", 5, 10).low < 0.5 < share("x", 5, 10).high


@given(st.integers(0, 5), st.integers(1, 5), st.integers(0, 5), st.integers(1, 5))
def test_fishers_test_counts_tables(hits, total, control_hits, control_total):
    """By going through every way to deal out the marks."""
    hits, control_hits = min(hits, total), min(control_hits, control_total)
    marked, size = hits + control_hits, total + control_total
    deals = [deal for deal in product((0, 1), repeat=size) if sum(deal) == marked]
    as_many = sum(sum(deal[:total]) >= hits for deal in deals)

    assert fisher_greater(hits, total, control_hits, control_total) == pytest.approx(
        as_many / len(deals)
    )


@pytest.mark.parametrize(
    ("right", "guesses", "bound"),
    [(20, 20, 1.82), (100, 100, 3.49), (1000, 1000, 5.81), (90, 100, 1.63), (600, 1000, 0.30)],
)
def test_the_bound_on_epsilon_is_that_of_the_paper(right, guesses, bound):
    assert epsilon_lower_bound(right, guesses) == pytest.approx(bound, abs=0.01)


def test_guessing_shows_nothing():
    assert epsilon_lower_bound(0, 0) == 0.0
    assert epsilon_lower_bound(50, 100) == 0.0
    assert epsilon_lower_bound(0, 100) == 0.0


def _of_the_paper(canaries, guesses, right, epsilon, delta):
    """`p_value_DP_audit` of the paper's appendix D, with its own names where they are words."""
    from scipy.stats import binom

    chance = 1 / (1 + math.exp(-epsilon))
    beta = binom.sf(right - 1, guesses, chance)
    alpha = total = 0.0
    for i in range(1, right + 1):
        total += binom.pmf(right - i, guesses, chance)
        alpha = max(alpha, total / i)
    return min(beta + alpha * delta * 2 * canaries, 1)


@pytest.mark.parametrize(
    ("right", "guesses", "more", "delta"),
    [(100, 100, 0, 1e-5), (90, 100, 100, 1e-4), (100, 100, 50, 1e-3)],
)
def test_a_delta_of_the_promise_is_allowed_for(right, guesses, more, delta):
    """At the bound the paper's own program gives just the chance that is allowed."""
    canaries = guesses + more

    bound = epsilon_lower_bound(right, guesses, delta=delta, canaries=canaries)

    assert 0 < bound < epsilon_lower_bound(right, guesses)
    assert _of_the_paper(canaries, guesses, right, bound, delta) == pytest.approx(0.05, abs=1e-6)


def test_a_promise_that_may_be_broken_often_is_refuted_by_nothing():
    assert epsilon_lower_bound(100, 100, delta=0.1) == 0.0


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 1e-2), st.integers(0, 40))
def test_no_bound_is_above_that_of_pure_privacy(right, guesses, delta, more):
    """Nor does abstaining from more canaries ever prove more."""
    right = min(right, guesses)
    pure = epsilon_lower_bound(right, guesses)
    bound = epsilon_lower_bound(right, guesses, delta=delta, canaries=guesses + more)

    assert bound <= epsilon_lower_bound(right, guesses, delta=delta) + 1e-6 <= pure + 2e-6


@given(SCORES, SCORES, st.integers(1, 6))
def test_the_surest_guesses_are_right_by_no_luck(members, others, half):
    """Against every order of equal scores: the worst of them is what counts."""
    half = min(half, (len(members) + len(others)) // 2)
    if not half:
        return

    right = surest_guesses(members, others, 2 * half)

    pooled = [*((score, True) for score in members), *((score, False) for score in others)]
    high = sorted(pooled, key=lambda one: (-one[0], one[1]))[:half]
    low = sorted(pooled, key=lambda one: (one[0], not one[1]))[:half]
    assert right == sum(inside for _, inside in high) + sum(not inside for _, inside in low)


@pytest.mark.parametrize("guesses", [2, 4, 8])
def test_where_coins_decide_guessing_is_right_as_often_as_the_proof_says(guesses):
    """Of an adapter that tells nothing, over every way that nine coins can fall."""
    coins = [
        [[at for at, coin in enumerate(fallen) if coin is side] for side in (True, False)]
        for fallen in product((True, False), repeat=9)
    ]

    right = [surest_guesses(*sides, guesses) for sides in coins]

    for least in range(guesses + 1):
        tail = sum(math.comb(guesses, k) for k in range(least, guesses + 1)) / 2**guesses
        assert sum(one >= least for one in right) / len(right) == tail


@pytest.mark.parametrize("seen", [5, 20, 35])
def test_how_many_guesses_are_made_does_not_follow_from_how_the_coins_fell(seen):
    """Nor which: an attacker who has the adapter does not know how many were in."""
    members, others = [1.0] * seen, [0.0] * (40 - seen)

    bound, guesses = bound_by_coins(members, others)

    assert guesses == 28
    looks = [
        (sum(min(one, guesses // 2) for one in (seen, 40 - seen)), guesses) for guesses in (28, 8)
    ]
    assert bound == max(epsilon_lower_bound(*look, 0.975, canaries=40) for look in looks)


def test_of_patients_shared_out_by_lot_one_text_more_is_no_more_evidence():
    """A patient is one canary, however many notes there are."""
    once = bound_by_lots([[1.0]] * 40, [[0.0]] * 40, 3)
    often = bound_by_lots([[1.0] * 9] * 40, [[0.0] * 9] * 40, 3)

    assert once == often
    assert 1 < once[0] < 2
    assert bound_by_lots([[1.0]] * 40, [[1.0]] * 40, 3)[0] == 0.0


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order(members, others):
    pairs = [(a > b) + (a == b) / 2 for a in members for b in others]

    assert area_under_curve(members, others) == pytest.approx(sum(pairs) / len(pairs))


@given(SCORES, SCORES, st.floats(0, 0.99))
def test_a_hit_rate_keeps_to_its_false_alarms(members, others, rate):
    """No bar that is lower would keep to them, and the rate is that of the bar."""
    hits = hit_rate_at(members, others, rate)

    bars = [
        bar for bar in {*others, -math.inf} if sum(o > bar for o in others) <= rate * len(others)
    ]
    assert hits == sum(one > min(bars) for one in members) / len(members)


def test_the_bootstrap_draws_patients():
    """A patient's notes go together: one who has many does not make the interval narrow."""
    alike = [[1.0] * 50, [0.0] * 50]
    low, high = bootstrap(alike, [[0.5]], area_under_curve)

    assert (low, high) == (0.0, 1.0)
