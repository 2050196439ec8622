"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta
from typing import Final

DAWN: Final = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


class FrozenClock:
    """Shows the same moment, by default 1 March 2026, 06:00 UTC, until it is moved."""

    def __init__(self, moment: datetime = DAWN) -> None:
        self._moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it stands at, aware, in UTC."""
        return self._moment

    def advance(self, seconds: float) -> None:
        """It stands `seconds` later, or earlier where they are negative."""
        self._moment += timedelta(seconds=seconds)
