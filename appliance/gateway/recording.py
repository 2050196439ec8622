"""The ledger, asked by many requests at once; one sync serves all that wait."""

from collections.abc import Mapping
from typing import Final

from appliance.artifacts.batching import Batcher
from appliance.gateway.counting import Counts
from appliance.records.events import Fact, ManyRecorder

INTENDED: Final = "egress.intended"
_MOST_EVENTS: Final = 256
Entry = tuple[str, Mapping[str, Fact]]


class Recording:
    """Writes events and counts the intents that the ledger has taken.

    Args:
        ledger: The ledger.
        counts: Told of every intent that is on disk.
    """

    def __init__(self, ledger: ManyRecorder, counts: Counts) -> None:
        self._ledger = ledger
        self._counts = counts
        self._batcher: Batcher[Entry, int] = Batcher(self._write, _MOST_EVENTS)

    async def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """The event is on disk, durably, under the returned index.

        Raises:
            ApplianceError: It is not.
        """
        return await self._batcher.ask((kind, facts))

    def _write(self, events: list[Entry]) -> range:
        indices = self._ledger.record_many(events)
        self._counts.recorded += sum(kind == INTENDED for kind, _ in events)
        # A clock that stepped back is an entry more, before ours.
        return range(indices[-1] + 1 - len(events), indices[-1] + 1)
