"""Word to the service manager: ready, alive, about to stop. Here because sockets live here.

One datagram to a UNIX socket on this machine (sd_notify(3)); it says nothing but the state.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from appliance.settings.service import ServiceManager

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"
_LOOK_EVERY_S: Final = 1.0


def notify(manager: ServiceManager, state: str) -> None:
    """The manager has been told, where there is one.

    What can't be told is not: the manager ends, in its time, a service it does not hear of.
    """
    if not manager.socket:
        return
    # An abstract name is written with "@" (sd_notify(3)).
    name = "\0" + manager.socket[1:] if manager.socket.startswith("@") else manager.socket
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_UNIX, kind) as link, suppress(OSError):
        link.sendto(state.encode("ascii"), name)


class Beat:
    """Signs of life at the pace that the manager asks for, from a loop that has work of its own.

    Args:
        manager: Who is told.
    """

    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager
        self._last = time.monotonic()

    def ready(self) -> None:
        """The service works from now on."""
        notify(self._manager, READY)

    def is_due(self) -> bool:
        """Whether it is time for the next sign."""
        every = self._manager.every_s
        return every is not None and time.monotonic() - self._last >= every

    def alive(self) -> None:
        """The service works still."""
        self._last = time.monotonic()
        notify(self._manager, ALIVE)

    def stopping(self) -> None:
        """It is about to end, as it was asked to."""
        notify(self._manager, STOPPING)


@asynccontextmanager
async def beating(
    manager: ServiceManager, is_sound: Callable[[], Awaitable[bool]]
) -> AsyncIterator[None]:
    """Inside the block the manager hears that the service is ready, and alive, while it is sound.

    Args:
        manager: Who is told.
        is_sound: Asked before each word; where it hangs, or says no, none is said.
    """
    if not manager.socket:
        yield
        return
    telling = asyncio.create_task(_tell(manager, is_sound))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        notify(manager, STOPPING)


async def _tell(manager: ServiceManager, is_sound: Callable[[], Awaitable[bool]]) -> None:
    while not await _ask(is_sound):  # noqa: ASYNC110 - nobody tells of a change
        await asyncio.sleep(_LOOK_EVERY_S)
    notify(manager, READY)
    while manager.every_s is not None:
        if await _ask(is_sound):
            notify(manager, ALIVE)
        await asyncio.sleep(manager.every_s)


async def _ask(is_sound: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await is_sound()
    except Exception:  # noqa: BLE001 - what can't be answered is a no
        return False
