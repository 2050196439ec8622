"""A stamp is good for one prompt, once, in time, under the policies that it was given under."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.errors import ClearanceInvalid
from appliance.gate.clearance import ClearanceChecker, Stamper
from appliance.gate.opening import open_checker, open_stamp_key
from appliance.gate.spending import SpentInMemory
from appliance.records.identifiers import Digest, DraftId
from appliance.records.prompts import Draft, DraftKind, Route

SEED, OTHER_SEED = b"\x01" * 32, b"\x02" * 32
DIGEST = Digest("a" * 64)
LIFE = timedelta(minutes=15)
DRAFT = Draft(DraftId("d-1"), "disease", DraftKind.SINGLE, ("asthma",), "note", "Write of asthma.")


class StoppedClock:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        return self.time


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def cleared(clock):
    return Stamper(SEED, clock, DIGEST, LIFE).stamp(DRAFT, Route.VLLM)


@pytest.fixture
def checker(clock):
    return ClearanceChecker(SEED, clock, DIGEST, LIFE, Route.VLLM, SpentInMemory())


def test_a_fresh_stamp_is_good_once(checker, cleared):
    """The second sending of the same stamp is refused."""
    checker.check(cleared)

    with pytest.raises(ClearanceInvalid, match="used before"):
        checker.check(cleared)


@pytest.mark.parametrize(
    "change",
    [
        {"draft": dataclasses.replace(DRAFT, prompt="Write of Jane Doe.")},
        {"draft": dataclasses.replace(DRAFT, draft_id=DraftId("d-2"))},
        {"route": Route.CHATGPT},
        {"policy_digest": Digest("b" * 64)},
        {"expires_at": datetime(2026, 1, 2, tzinfo=UTC)},
        {"nonce": "0" * 32},
        {"stamp": b"\x00" * 64},
        {"stamp": b""},
        {"stamp": None},
    ],
)
def test_a_changed_stamp_is_refused(checker, cleared, change):
    """Any part that was changed after stamping makes the stamp worthless, without its text."""
    with pytest.raises(ClearanceInvalid) as caught:
        checker.check(dataclasses.replace(cleared, **change))

    assert "Jane" not in repr(caught.value)


def test_of_many_stamps_each_is_judged_by_itself(checker, clock):
    """A bad one spoils no other, and spends nothing."""
    stamper = Stamper(SEED, clock, DIGEST, LIFE)
    good, other = stamper.stamp(DRAFT, Route.VLLM), stamper.stamp(DRAFT, Route.VLLM)
    changed = dataclasses.replace(other, nonce=good.nonce)

    first, second, third = checker.check_many([changed, good, good])

    assert "not the gate's" in first.what
    assert second is None
    assert "used before" in third.what
    checker.check(other)


def test_a_stamp_of_another_gate_is_refused(clock, checker):
    """Only the gate's own key makes stamps."""
    forged = Stamper(OTHER_SEED, clock, DIGEST, LIFE).stamp(DRAFT, Route.VLLM)

    with pytest.raises(ClearanceInvalid, match="not the gate's"):
        checker.check(forged)


def test_an_expired_stamp_is_refused(clock, checker, cleared):
    """From the minute of its expiry a stamp is worth nothing."""
    clock.time += timedelta(minutes=15)

    with pytest.raises(ClearanceInvalid, match="expired"):
        checker.check(cleared)


def test_a_stamp_from_the_future_is_refused(clock, checker, cleared):
    """A clock that jumped back does not give stamps a longer life."""
    clock.time -= timedelta(hours=1)

    with pytest.raises(ClearanceInvalid, match="future"):
        checker.check(cleared)


def test_a_stamp_is_good_at_one_door(clock):
    """Doors that remember apart take it no more than once between them, in either order."""
    stamper = Stamper(SEED, clock, DIGEST, LIFE)
    doors = {
        route: ClearanceChecker(SEED, clock, DIGEST, LIFE, route, SpentInMemory())
        for route in Route
    }
    for route in Route:
        cleared = stamper.stamp(DRAFT, route)
        for other in set(Route) - {route}:
            with pytest.raises(ClearanceInvalid, match="another route"):
                doors[other].check(cleared)
            with pytest.raises(ClearanceInvalid, match="not the gate's"):
                doors[other].check(dataclasses.replace(cleared, route=other))
        doors[route].check(cleared)


def test_a_stamp_under_other_policies_is_refused(clock, cleared):
    """When the policies change, what was cleared before is inspected again."""
    other = Digest("b" * 64)
    checker = ClearanceChecker(SEED, clock, other, LIFE, Route.VLLM, SpentInMemory())

    with pytest.raises(ClearanceInvalid, match="other policies"):
        checker.check(cleared)


def test_spent_stamps_stay_spent(clock, checker):
    """Forgetting long expired stamps never makes one good again."""
    stamper = Stamper(SEED, clock, DIGEST, LIFE)
    stamps = [stamper.stamp(DRAFT, Route.VLLM) for _ in range(1030)]
    for stamp in stamps:
        checker.check(stamp)
    clock.time += timedelta(minutes=14)

    for stamp in stamps[:3]:
        with pytest.raises(ClearanceInvalid):
            checker.check(stamp)


def test_the_checker_of_a_site_needs_only_its_key(clock, cleared):
    """`open_checker` checks what a gate with the same key stamped."""

    class Keys:
        def key(self, purpose):
            assert purpose == "clearance"
            return SEED

    open_checker(Keys(), clock, DIGEST, Route.VLLM, SpentInMemory()).check(cleared)


def test_a_stamp_does_not_show_the_prompt(cleared):
    """The repr of a cleared prompt is safe in a log."""
    assert "Write of asthma" not in repr(cleared)


def test_the_key_that_checks_stamps_on_record_makes_none():
    """An audit holds the public half; a stamp of another key is told."""

    class Keys:
        def key(self, purpose):
            assert purpose == "clearance"
            return SEED

    key = open_stamp_key(Keys())

    assert key == Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    assert key != Ed25519PrivateKey.from_private_bytes(OTHER_SEED).public_key()
