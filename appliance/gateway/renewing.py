"""What answers now: made anew when policies or the gate's knowledge change, shut meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from appliance.errors import ApplianceError
from appliance.gateway.application import Front
from appliance.gateway.freshness import Freshness

_LOOK_EVERY_S: Final = 0.2
# An import changes several files, one after the other.
_SETTLED_S: Final = 1.0
# What keeps a gate from opening may be mended elsewhere than in the files that are watched.
_TRY_AGAIN_S: Final = 300.0
_EMPTY_YET_S: Final = 0.05


class Renewal:
    """Keeps the front that answers; one that is no longer fresh refuses by itself.

    Args:
        first: The front to begin with.
        look: Takes note of what is on disk.
        make: A front from what is on disk, given the note that was taken before; slow.
    """

    def __init__(
        self,
        first: Front,
        look: Callable[[], Freshness],
        make: Callable[[Freshness], Front],
    ) -> None:
        self._front = first
        self._look = look
        self._make = make
        self._retiring: set[asyncio.Task[None]] = set()

    def now(self) -> Front:
        """The front for a request that comes now."""
        return self._front

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The front is looked after inside the block."""
        looking = asyncio.create_task(self._look_after())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self._front.door.is_fresh():
                await self._renew()

    async def close(self) -> None:
        """Nothing is held open any more; nobody is inside."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._front.provider.aclose()

    async def _renew(self) -> None:
        noted = await self._settle()
        try:
            front = await asyncio.to_thread(self._make, noted)
            front.recorder.record("gateway.renewed", {})
        except Exception as error:  # noqa: BLE001 - whatever it is, the door stays shut
            with suppress(ApplianceError):
                self._front.recorder.record("gateway.not-renewed", {"error": type(error).__name__})
            await self._wait_for_change(noted)
            return
        old, self._front = self._front, front
        task = asyncio.create_task(_retire(old))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _settle(self) -> Freshness:
        """What is on disk, once it has not changed for a while."""
        noted = self._look()
        while True:
            await asyncio.sleep(_SETTLED_S)
            if noted.is_fresh():
                return noted
            noted = self._look()

    async def _wait_for_change(self, noted: Freshness) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_TRY_AGAIN_S):
                while noted.is_fresh():  # noqa: ASYNC110 - nobody tells of a change
                    await asyncio.sleep(_LOOK_EVERY_S)


async def _retire(front: Front) -> None:
    """Those inside are served to their end."""
    try:
        while front.counts.in_flight:  # noqa: ASYNC110 - the counts tell nobody
            await asyncio.sleep(_EMPTY_YET_S)
    finally:
        await front.provider.aclose()
