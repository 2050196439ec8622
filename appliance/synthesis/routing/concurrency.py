"""The pace: how fast to ask a provider that says 429 when it is too fast.

A rate that falls by a factor and climbs back (Chiu & Jain 1989), as CUBIC does for windows (RFC
9438): quickly to just below the last rate that was too fast, slowly past it, and ever quicker
where that one turns out to be long ago. Halving, as TCP Reno does, would use three quarters of
what is allowed. Requests and tokens have a rate each.
"""

import math
from collections import deque
from typing import Final

_DECREASE: Final = 0.9
# Growth per second of the rate itself: at the start, below the last ceiling, and past it.
_START: Final = 0.7
_CLIMB: Final = 0.08
_PROBE: Final = 0.02
_FASTEST: Final = 0.7
_NEAR: Final = 0.97
# Past the ceiling the growth doubles every second, after these many.
_PATIENCE_S: Final = 2.0
# The longer the server makes us wait, the more rarely it is put to the test.
_PER_RETRY_S: Final = 4.0
# Several refusals of one moment are one message.
_ONE_MESSAGE_S: Final = 0.5
_MEASURED_OVER_S: Final = 2.0
_SHORTEST_SPAN_S: Final = 0.25
_SLOWEST: Final = 0.2
_LONGEST_STEP_S: Final = 1.0
# How much faster than what is let through a rate may be.
_UNPROVEN: Final = 2.0
_BURST_S: Final = 0.05
_LOOK_AGAIN_S: Final = 0.25


class Pace:
    """A rate of units per second; without a limit until the first refusal.

    Times are seconds of any clock that does not step back.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._credit = 0.0
        self._looked_at = 0.0
        self._not_before = 0.0
        self._ceiling = 0.0
        self._stretch = 1.0
        self._is_starting = True
        self._refused_at = float("-inf")
        self._done: deque[tuple[float, float]] = deque()
        self._let_through = 0.0

    def wait(self, now: float) -> float:
        """Seconds until it is worth asking again; 0 where a request may start now."""
        self._advance(now)
        if now < self._not_before:
            return min(_LOOK_AGAIN_S, self._not_before - now)
        if self.rate is None or self._credit >= 0:
            return 0.0
        return min(_LOOK_AGAIN_S, -self._credit / self.rate)

    def take(self, units: float) -> None:
        """A request of so many units starts; what it takes too much, others wait for."""
        if self.rate is not None:
            self._credit -= units

    def succeeded(self, units: float, now: float) -> None:
        """So many units were let through."""
        self._done.append((now, units))
        self._let_through += units
        while self._done and now - self._done[0][0] > _MEASURED_OVER_S:
            self._let_through -= self._done.popleft()[1]
        if self._is_starting and self.rate is not None:
            # A no comes at once and an answer takes its time: the first refusals were judged
            # before anything could have been let through.
            self.rate = max(self.rate, self._measure(now) * _DECREASE)

    def refused(self, retry_after_s: float | None, now: float) -> None:
        """Too fast: the rate falls, and nothing starts before the server said."""
        wait = retry_after_s or 0.0
        self._not_before = max(self._not_before, now + wait)
        if now - self._refused_at < max(_ONE_MESSAGE_S, wait):
            return
        self._advance(now)
        # While the rate is not known, what was let through lately says more than what was tried.
        before = self._measure(now) if self._is_starting or self.rate is None else self.rate
        self._is_starting = self.rate is None
        self._refused_at = now
        self._stretch = 1.0 + _PER_RETRY_S * wait
        self._ceiling = before
        self.rate = max(_SLOWEST, before * _DECREASE)

    def _measure(self, now: float) -> float:
        """Units per second that were let through lately."""
        if not self._done:
            return _SLOWEST / _DECREASE
        span = max(now - self._done[0][0], _SHORTEST_SPAN_S)
        return self._let_through / span

    def _advance(self, now: float) -> None:
        """Credit and rate grow with the time that passed."""
        seconds = max(0.0, now - self._looked_at)
        self._looked_at = max(now, self._looked_at)
        if self.rate is None:
            return
        self._credit = min(self._credit + seconds * self.rate, _BURST_S * self.rate)
        # A rate that is not used proves nothing, so it does not grow.
        if self.rate < _UNPROVEN * self._measure(now) + _SLOWEST:
            self.rate *= 1.0 + min(seconds, _LONGEST_STEP_S) * self._growth(now)

    def _growth(self, now: float) -> float:
        if self._is_starting:
            return _START
        if self.rate is not None and self.rate < self._ceiling * _NEAR:
            return _CLIMB / self._stretch
        waited = (now - self._refused_at) / self._stretch - _PATIENCE_S
        return min(_FASTEST, _PROBE * math.exp2(max(0.0, waited))) / self._stretch
