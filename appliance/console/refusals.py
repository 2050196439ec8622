"""Refusals counted by who was refused: told in the ledger once in a while, however many come."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.console.sessions import FAILURES, TooMany, is_too_many

TOLD_S: Final = 600.0
"""For how long the next ones of a kind are only counted."""


@dataclass(slots=True)
class _Told:
    """What the ledger was told last of one kind, and how many came since."""

    at: float
    more: int = 0


class Refusals:
    """Refusals of one server; threads may share it.

    The first of a kind is told at once, the rest as the count of the next one that is told. What
    was counted and not told yet goes with the process. There are no more kinds than users of the
    machine times verbs.

    Args:
        now: Seconds that never go back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._turn = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._told: dict[tuple[str, str], _Told] = {}

    def check(self, who: str) -> None:
        """They were not refused too often of late.

        Raises:
            TooMany: They were.
        """
        with self._turn:
            if is_too_many(self._recent.get(who, deque()), self._now()):
                raise TooMany

    def count(self, who: str, what: str) -> int:
        """One more refusal of theirs; how many the ledger is to be told of now, 0 for none."""
        with self._turn:
            now = self._now()
            self._recent.setdefault(who, deque(maxlen=FAILURES)).append(now)
            told = self._told.get((who, what))
            if told is not None and now - told.at < TOLD_S:
                told.more += 1
                return 0
            self._told[who, what] = _Told(now)
            return 1 + (told.more if told is not None else 0)
