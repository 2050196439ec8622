"""Breaker, pace and budget: what is known of the route chatgpt."""

import heapq
import math
import multiprocessing
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Exhausted
from appliance.records.prompts import (
    QUARANTINED,
    Completion,
    DraftKind,
    Route,
    SamplingParameters,
)
from appliance.settings.gateway import ModelRule
from appliance.spending.purse import Amount, Cap, Purse
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.routing.breaker import Breaker
from appliance.synthesis.routing.budget import Budget
from appliance.synthesis.routing.concurrency import Pace
from appliance.synthesis.routing.policy import CloudPolicy
from tests.lib.frozen_clock import FrozenClock

DRAFT = make_draft("drug", DraftKind.NONE, (), "note", "A prompt of some length." * 20)
PARAMETERS = SamplingParameters()
PRICE = ModelRule("m", 1.0, 4.0, 100)


def test_a_breaker_opens_after_failures_in_a_row():
    """One success in between and it counts anew."""
    breaker = Breaker(3, 10.0)
    for outcome in (False, False, True, False, False):
        breaker.succeeded() if outcome else breaker.failed(0.0)
    assert breaker.is_usable(0.0)

    breaker.failed(1.0)

    assert not breaker.is_usable(1.0)
    assert not breaker.is_usable(10.9)


def test_after_the_cool_down_one_request_tries():
    """If it fails, everybody waits again; if not, all go on."""
    breaker = Breaker(1, 10.0)
    breaker.failed(0.0)
    assert breaker.is_usable(10.0)
    breaker.began()
    assert not breaker.is_usable(10.0)
    breaker.failed(11.0)
    assert not breaker.is_usable(20.0)

    assert breaker.is_usable(21.0)
    breaker.began()
    breaker.succeeded()
    assert breaker.is_usable(21.0)


def drive(allowed_per_s: float, seconds: float, *, round_up: bool, slots: int = 32):
    """Answered and refused requests of a pace against a server that allows so many a second."""
    pace, credit, last, answered, refused = Pace(), 1.0, 0.0, 0, 0
    # When each slot looks whether it may start.
    looks = [0.0] * slots
    while (now := heapq.heappop(looks)) < seconds:
        if wait := pace.wait(now):
            heapq.heappush(looks, now + wait + 1e-6)
            continue
        pace.take(1)
        credit, last = min(allowed_per_s, credit + (now - last) * allowed_per_s), now
        if credit >= 1:
            credit -= 1
            answered += 1
            pace.succeeded(1, now)
        else:
            refused += 1
            retry_after = (1 - credit) / allowed_per_s
            pace.refused(math.ceil(retry_after) if round_up else retry_after, now)
        heapq.heappush(looks, now + 0.02)
    return answered, refused


@pytest.mark.parametrize("round_up", [False, True], ids=["fraction", "whole-seconds"])
@pytest.mark.parametrize("allowed", [5.0, 40.0, 150.0])
def test_a_limited_provider_is_used_and_not_stormed(allowed, round_up):
    """Of what it allows at least 85 % is used, and few requests are refused."""
    seconds = 60.0

    answered, refused = drive(allowed, seconds, round_up=round_up)

    assert answered >= 0.85 * allowed * seconds
    assert refused <= 0.1 * answered + 32


def test_nothing_starts_before_the_server_said():
    """Retry-After is honoured by all."""
    pace = Pace()
    assert pace.wait(0.0) == 0

    pace.refused(7.0, 1.0)

    assert pace.wait(1.5) > 0
    assert pace.wait(7.99) > 0
    assert pace.wait(8.0) == 0


def completion(prompt_tokens=10, completion_tokens=5, reason="stop"):
    return Completion(
        DRAFT.draft_id, Route.CHATGPT, "m", "x", reason, prompt_tokens, completion_tokens
    )


@pytest.fixture
def purse(tmp_path):
    opened = Purse.open(tmp_path / "p")
    yield opened
    opened.close()


def test_a_reservation_is_the_worst_case_and_settles_to_what_it_was(purse):
    """In between it counts in full."""
    policy = CloudPolicy(usd_per_month=1.0, tokens_per_month=100_000)
    budget, now = Budget(purse, PRICE, policy, "Go on.", "c", None), FrozenClock().now()
    worst = budget.worst_case(DRAFT, PARAMETERS)

    reservation = budget.reserve(DRAFT, PARAMETERS, now)
    assert purse.held("month/2026-03") == purse.held("corpus/c") == worst
    budget.settle(reservation, completion())

    assert purse.held("month/2026-03") == purse.held("corpus/c") == Amount(15, 30)
    budget.settle(reservation, completion())
    assert purse.held("month/2026-03") == Amount(15, 30)


def test_what_nobody_can_price_stays_reserved(purse):
    """A quarantined reply was paid for."""
    policy = CloudPolicy(usd_per_month=1.0, tokens_per_month=100_000)
    budget = Budget(purse, PRICE, policy, "Go on.", "c", None)
    reservation = budget.reserve(DRAFT, PARAMETERS, FrozenClock().now())

    budget.settle(reservation, completion(0, 0, QUARANTINED))

    assert purse.held("corpus/c") == budget.worst_case(DRAFT, PARAMETERS)


def test_a_budget_refuses_before_it_is_passed(purse):
    """In dollars or in tokens, of the month or of the corpus; the refusal reserves nothing."""
    now = FrozenClock().now()
    rich = CloudPolicy(usd_per_month=100.0, tokens_per_month=10_000_000)
    for policy, usd in (
        (CloudPolicy(usd_per_month=100.0, tokens_per_month=100), None),
        (CloudPolicy(usd_per_month=0.0001, tokens_per_month=10_000_000), None),
        (rich, 0.0001),
        (rich, 0.0),
    ):
        budget = Budget(purse, PRICE, policy, "Go on.", "c", usd)
        with pytest.raises(Exhausted, match="account"):
            budget.reserve(DRAFT, PARAMETERS, now)

    assert purse.held("month/2026-03") == Amount(0, 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=40))
@settings(max_examples=25)
def test_no_order_of_reservations_passes_a_cap(tmp_path_factory, steps):
    """Whatever is asked and settled, the account never holds more than its cap."""
    purse = Purse.open(tmp_path_factory.mktemp("purse") / "p")
    cap = Cap("a", Amount(100, 10_000))
    rng, open_ = random.Random(len(steps)), []
    for worst, actual in steps:
        with suppress(Exhausted):
            open_.append((purse.reserve([cap], Amount(worst, worst)), min(actual, worst)))
        if open_ and rng.random() < 0.5:
            reservation, cost = open_.pop(rng.randrange(len(open_)))
            purse.settle(reservation, Amount(cost, cost))
        assert purse.held("a").tokens <= 100
    purse.close()


def spend(path, most, spent):
    """A worker that spends until the purse says no, and dies now and then with a reservation."""
    purse, rng = Purse.open(path), random.Random()
    while True:
        try:
            reservation = purse.reserve([Cap("a", Amount(10**9, most))], Amount(10, 100))
        except Exhausted:
            return
        cost = rng.randint(20, 100)
        with spent.get_lock():
            spent.value += cost
        if rng.random() < 0.95:
            purse.settle(reservation, Amount(5, cost))


def test_four_workers_never_pass_the_cap(tmp_path):
    """What they really spent, together, stays within it; and they use most of it."""
    context = multiprocessing.get_context("fork")
    spent = context.Value("l", 0)
    workers = [
        context.Process(target=spend, args=(tmp_path / "p", 10_000, spent)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)

    assert [worker.exitcode for worker in workers] == [0] * 4
    assert 8_000 < spent.value <= 10_000


def test_answers_that_come_after_the_first_refusals_set_the_pace():
    """A no comes at once, an answer takes seconds: the first refusals knew of no answer yet."""
    pace = Pace()
    for _ in range(13):
        pace.refused(0.2, 1.0)
    slowest = pace.rate
    for _ in range(3):
        pace.succeeded(1, 1.5)

    assert slowest < 1 < pace.rate
    pace.refused(0.2, 3.0)
    known = pace.rate
    pace.succeeded(1, 3.1)
    assert pace.rate == known
