"""Ready means: a canary was blocked, just now, by the very door that requests go through."""

import json
import time
from typing import Final, Protocol

from appliance.gateway.refusals import Rule
from appliance.records.canary import CANARY

_GOOD_FOR_S: Final = 10.0


class Refuser(Protocol):
    """The door, as the check needs it."""

    async def would_refuse(self, raw: bytes) -> Rule | None:
        """The rule by which that body would be refused; None where it would not."""


class Readiness:
    """Asks the door about the canary; an answer is good for some seconds.

    Args:
        door: The door.
        model: A model that the policy lists; "" where it lists none.
    """

    def __init__(self, door: Refuser, model: str) -> None:
        self._door = door
        self._body = json.dumps(
            {"model": model, "messages": [{"role": "user", "content": CANARY}]}
        ).encode()
        self._asked_at = -_GOOD_FOR_S
        self._is_blocked = False

    async def is_ready(self) -> bool:
        """Whether the gate, as loaded, stops an identifier."""
        if time.monotonic() - self._asked_at >= _GOOD_FOR_S:
            self._is_blocked = await self._door.would_refuse(self._body) is Rule.IDENTIFIER
            self._asked_at = time.monotonic()
        return self._is_blocked
