"""Time as a parameter."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Where a room gets the time from, so that tests can stop it."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
