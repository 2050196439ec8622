"""Where the gateway listens: a UNIX socket, or a port on loopback."""

import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from appliance.errors import BadInput
from appliance.gateway.callers import PeerProtocol

LOOPBACK: Final = "127.0.0.1"
# sun_path has 108 bytes, the last of them zero (unix(7)).
_LONGEST_PATH: Final = 107
_HEADERS_BYTES: Final = 16_384
_KEEP_ALIVE_S: Final = 30
_GRACE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for a server that shows a certificate and asks for one of `client_ca`'s, all PEM."""

    certificate: str
    key: str
    client_ca: str


@contextmanager
def unix_socket(path: Path, *, for_others: bool) -> Iterator[socket.socket]:
    """A listening socket at `path`, gone afterwards.

    Args:
        path: Where; a socket that a killed gateway left there is replaced.
        for_others: Whether other users may connect; the kernel says who they are.

    Raises:
        BadInput: The path is too long or is taken.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise BadInput(f"The socket's path has more than {_LONGEST_PATH} bytes.", "Use --socket.")
    if path.is_socket():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise BadInput(f"Can't listen at {path}: {error.strerror}.", "Use --socket.") from None
    finally:
        os.umask(before)
    let_connect(path, others=for_others)
    try:
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def let_connect(path: Path, *, others: bool) -> None:
    """Other users of the machine may connect to the socket at `path`, or may not."""
    path.chmod(0o666 if others else 0o600)


@contextmanager
def loopback_port(port: int, address: str = LOOPBACK) -> Iterator[socket.socket]:
    """A listening socket on 127.0.0.1, or another of this machine's addresses.

    Args:
        port: 0 takes a free one.
        address: Beyond loopback only for a server that asks its clients for certificates.

    Raises:
        BadInput: The port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise BadInput(
            f"Can't listen on {address}:{port}: {error.strerror}.", "Use another --port."
        ) from None
    with listener:
        yield listener


async def serve_on(
    listener: socket.socket,
    application: ASGIApp,
    when_ready: Callable[[], None],
    stop: threading.Event,
    tls: Tls | None = None,
) -> None:
    """Requests were answered until SIGINT, SIGTERM or `stop`, those inside to their end.

    Raises:
        BadInput: The files of `tls` can't be used.
    """
    # A traceback that uvicorn would log can quote what it was working on.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        application,
        http=PeerProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=_HEADERS_BYTES,
    )
    if tls is not None:
        config.ssl_certfile, config.ssl_keyfile = tls.certificate, tls.key
        config.ssl_ca_certs, config.ssl_cert_reqs = tls.client_ca, ssl.CERT_REQUIRED
    try:
        config.load()
    except OSError:
        # ssl's errors are of this kind too.
        raise BadInput(
            "Certificate, key or client_ca can't be used.", "Mend [console] in site.toml."
        ) from None
    await _Server(config, when_ready, stop).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it listens, and can be stopped by an event."""

    def __init__(
        self, config: uvicorn.Config, when_ready: Callable[[], None], stop: threading.Event
    ) -> None:
        super().__init__(config)
        self._when_ready = when_ready
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """It listens, and whoever waits for that knows."""
        await super().startup(sockets)
        self._when_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the serving, and not the process: it has a socket to remove."""
        with super().capture_signals():
            yield
            # uvicorn would raise them again now.
            self._captured_signals.clear()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is to end; asked ten times a second."""
        return await super().on_tick(counter) or self._stop.is_set()
