"""The console served: at a UNIX socket for the people of this machine, at a port for browsers."""

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from appliance.artifacts.locks import held_alone
from appliance.console.application import Console
from appliance.console.refusals import Refusals
from appliance.console.sessions import Sessions
from appliance.gateway.listening import LOOPBACK, Tls, loopback_port, serve_on, unix_socket
from appliance.gateway.notifying import beating
from appliance.settings.roles import load_roles
from appliance.settings.service import read_service_manager
from appliance.settings.site_file import ConsoleSettings
from appliance.workflows.site import open_site

SOCKET: Final = "console.sock"
_LOCK: Final = "console.lock"


@dataclass(frozen=True, slots=True)
class Listening:
    """A console that listens.

    Attributes:
        address: For browsers.
        socket: Where `appliance console token` asks.
    """

    address: str
    socket: Path


def serve(
    root: Path,
    announce: Callable[[Listening], None],
    *,
    socket_path: Path | None = None,
    port: int | None = None,
    stop: threading.Event | None = None,
) -> None:
    """The console answered until SIGINT or SIGTERM.

    Args:
        root: The site.
        announce: Called once, when it listens.
        socket_path: The UNIX socket; `SITE/run/console.sock` where it is left out.
        port: In place of the settings'; 0 takes a free one.
        stop: Ends it too, where a thread serves and no signal reaches it.

    Raises:
        BadInput: A place is taken, another console serves this site, or the certificates can't be
            used.
    """
    site = open_site(root)
    settings, end = site.settings.console, stop or threading.Event()
    tls = None
    if settings.certificate:
        tls = Tls(settings.certificate, settings.key, settings.client_ca)
    with ExitStack() as stack:
        what = "Another console serves this site already."
        stack.enter_context(held_alone(site.paths.run / _LOCK, what, "Stop it first."))
        chosen = settings.port if port is None else port
        door = stack.enter_context(loopback_port(chosen, settings.address))
        # Where roles count others of this machine have their part; what they may do the roles say.
        by_roles = load_roles(site.paths.policies).by_roles
        place = socket_path or site.paths.run / SOCKET
        local = stack.enter_context(unix_socket(place, for_others=by_roles))
        scheme = "http" if tls is None else "https"
        shown = settings.name or settings.address
        address = f"{scheme}://{shown}:{door.getsockname()[1]}"
        console = Console(
            root,
            Sessions(time.monotonic),
            Refusals(time.monotonic),
            address=address,
            hosts=_hosts(settings),
            is_tls=tls is not None,
        )
        site.ledger.record("console.started", {"tls": tls is not None})
        application = console.application()
        told = Listening(address, place)
        doors = ((local, None), (door, tls))
        asyncio.run(_serve_on_both(doors, application, lambda: announce(told), end))


async def _serve_on_both(
    doors: Sequence[tuple[socket.socket, Tls | None]],
    application: ASGIApp,
    announce: Callable[[], None],
    stop: threading.Event,
) -> None:
    opened: list[socket.socket] = []

    async def serve_one(listener: socket.socket, tls: Tls | None) -> None:
        def note() -> None:
            opened.append(listener)
            if len(opened) == len(doors):
                announce()

        try:
            await serve_on(listener, application, note, stop, tls)
        finally:
            # Whichever a signal ended, the other ends too.
            stop.set()

    async def is_listening() -> bool:
        return len(opened) == len(doors)

    async with beating(read_service_manager(), is_listening):
        await asyncio.gather(*(serve_one(listener, tls) for listener, tls in doors))


def _hosts(settings: ConsoleSettings) -> frozenset[str]:
    hosts = {LOOPBACK, "localhost", settings.name}
    if not ipaddress.ip_address(settings.address).is_unspecified:
        hosts.add(settings.address)
    return frozenset(hosts - {""})
