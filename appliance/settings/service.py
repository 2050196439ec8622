"""What a service manager tells a service it has started: where to report, and how often."""

import os
from dataclasses import dataclass
from typing import Final

_MICROSECONDS: Final = 1_000_000
# Reports come three times as often as they must, so that one may be late (sd_watchdog_enabled(3)
# asks for twice).
_SHARE: Final = 3


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Who wants to be told that this process works.

    Attributes:
        socket: Where; "" where nobody asks.
        every_s: How often a sign of life is to come; None where none is wanted.
    """

    socket: str
    every_s: float | None


def read_service_manager() -> ServiceManager:
    """As systemd says in the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID."""
    socket = os.environ.get("NOTIFY_SOCKET", "")
    period = os.environ.get("WATCHDOG_USEC", "")
    whose = os.environ.get("WATCHDOG_PID", "")
    is_ours = not whose or whose == str(os.getpid())
    if not socket or not is_ours or not period.isdecimal() or not int(period):
        return ServiceManager(socket, None)
    return ServiceManager(socket, int(period) / _MICROSECONDS / _SHARE)
