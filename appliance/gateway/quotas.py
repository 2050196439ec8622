"""What each caller may use: requests a minute, tokens and dollars a day."""

from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta
from typing import Final

from appliance.errors import Exhausted
from appliance.gateway.reading import Asked
from appliance.gateway.refusals import Refused, Rule
from appliance.records.clock import Clock
from appliance.settings.gateway import CallerRule
from appliance.spending.purse import MICRO, Amount, Cap, Purse

_MINUTE: Final = timedelta(minutes=1)


class Quotas:
    """Keeps every caller within its policy.

    Args:
        purse: Where a day's use is kept; survives a restart.
        clock: The time.
    """

    def __init__(self, purse: Purse, clock: Clock) -> None:
        self._purse = purse
        self._clock = clock
        self._recent: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def admit(self, caller: CallerRule) -> None:
        """One more request of this caller is let in within the minute.

        Raises:
            Refused: Too many; says when there is room again.
        """
        now, recent = self._clock.now(), self._recent[caller.name]
        while recent and now - recent[0] >= _MINUTE:
            recent.popleft()
        if len(recent) >= caller.requests_per_minute:
            wait = (recent[0] + _MINUTE - now).total_seconds()
            raise Refused(Rule.BUSY, "requests-per-minute", max(0.1, round(wait, 1)))
        recent.append(now)

    def reserve(self, caller: CallerRule, asked: Asked) -> str:
        """The most that the request can cost is set aside for today.

        Raises:
            Refused: It could pass the day's quota.
        """
        most = Amount(caller.tokens_per_day, round(caller.usd_per_day * MICRO))
        account = f"gateway/{caller.name}/{self._clock.now().astimezone(UTC).date()}"
        try:
            return self._purse.reserve([Cap(account, most)], worst_case(asked))
        except Exhausted:
            raise Refused(Rule.QUOTA) from None

    def settle(self, reservation: str, actual: Amount) -> None:
        """What was set aside becomes what it cost."""
        self._purse.settle(reservation, actual)


def worst_case(asked: Asked) -> Amount:
    """The most that the request can cost."""
    tokens = asked.max_input_tokens + asked.max_output_tokens
    return Amount(tokens, asked.model.microusd(asked.max_input_tokens, asked.max_output_tokens))
