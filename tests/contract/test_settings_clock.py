"""What every clock keeps, the frozen one of the tests included."""

from datetime import UTC, timedelta

import pytest

from appliance.settings.clock import SystemClock
from tests.lib.frozen_clock import FrozenClock


@pytest.fixture(params=[SystemClock, FrozenClock])
def clock(request):
    return request.param()


def test_a_clock_tells_an_aware_moment_in_utc(clock):
    """No moment without its zone, and the zone is UTC."""
    moment = clock.now()

    assert moment.tzinfo is UTC
    assert moment.utcoffset() == timedelta(0)


def test_a_clock_that_nobody_moves_does_not_step_back(clock):
    """Two readings are in order."""
    first, second = clock.now(), clock.now()

    assert first <= second


def test_the_frozen_clock_stands_until_it_is_moved():
    """The fake's own promise: time is what the test says it is."""
    clock = FrozenClock()
    before = clock.now()

    clock.advance(90)

    assert clock.now() - before == timedelta(seconds=90)
