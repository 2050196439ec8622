"""The one way out: fixed origin, verified TLS, our key, no proxy, no redirect."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

import certifi
import httpx2

from appliance.errors import BadInput
from appliance.gateway.refusals import Refused, Rule
from appliance.records.clock import Clock

PATH: Final = "/v1/chat/completions"
_LONGEST_WAIT_S: Final = 300.0
_MAY_PASS: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT)

# At DEBUG these would write addresses and headers, the key among them.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the provider said with status 200."""

    body: bytes = field(repr=False)


class CountingTransport(httpx2.AsyncBaseTransport):
    """Counts what is put on the wire, and lets nothing out to another origin.

    Args:
        inner: What really sends.
        origin: The only one.
        count: Called before each sending.
    """

    def __init__(
        self, inner: httpx2.AsyncBaseTransport, origin: str, count: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._origin = httpx2.URL(origin)
        self._count = count

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the one origin."""
        there, here = request.url, self._origin
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise httpx2.UnsupportedProtocol("another origin")
        self._count()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Connections are closed."""
        await self._inner.aclose()


class Provider:
    """Asks the provider.

    Args:
        origin: Where it is.
        ca_file: Who vouches for it; None for the authorities that came along.
        key: Our key.
        clock: The time, for a Retry-After that is a date.
        count: Called before each sending.
        reply_bytes: A longer reply is refused.

    Raises:
        BadInput: The authorities' file can't be used.
    """

    def __init__(
        self,
        origin: str,
        ca_file: Path | None,
        key: str,
        clock: Clock,
        count: Callable[[], None],
        reply_bytes: int,
    ) -> None:
        inner = httpx2.AsyncHTTPTransport(verify=_trust(ca_file), trust_env=False, retries=0)
        self._client = httpx2.AsyncClient(
            transport=CountingTransport(inner, origin, count),
            trust_env=False,
            follow_redirects=False,
            # The deadline is the door's; one of httpx's own would only blur which one it was.
            timeout=None,
            headers={
                "authorization": f"Bearer {key}",
                "content-type": "application/json",
                "user-agent": "appliance-gateway",
                # A compressed reply could be larger than its bytes say.
                "accept-encoding": "identity",
            },
        )
        self._url = origin + PATH
        self._clock = clock
        self._reply_bytes = reply_bytes

    async def aclose(self) -> None:
        """Connections are closed."""
        await self._client.aclose()

    async def ask(self, body: bytes) -> Reply:
        """The provider's reply to that body.

        Raises:
            Refused: There is none; the provider's own words are never told.
        """
        try:
            async with self._client.stream("POST", self._url, content=body) as response:
                if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    raise Refused(Rule.PROVIDER_LIMIT, retry_after_s=self._wait(response))
                if response.status_code != HTTPStatus.OK:
                    # A timeout or a fault there may pass; a refusal or a redirect won't.
                    may_pass = response.is_server_error or response.status_code in _MAY_PASS
                    rule = Rule.PROVIDER if may_pass else Rule.PROVIDER_REFUSED
                    raise Refused(rule, str(response.status_code))
                return Reply(await self._read(response))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            raise Refused(Rule.PROVIDER, "no-answer") from None
        except asyncio.CancelledError:
            raise
        except RuntimeError:
            raise Refused(Rule.PROVIDER, "closed") from None

    async def _read(self, response: httpx2.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Refused(Rule.PROVIDER, "encoded")
        content = bytearray()
        async for piece in response.aiter_raw():
            content += piece
            if len(content) > self._reply_bytes:
                raise Refused(Rule.PROVIDER, "too-large")
        return bytes(content)

    def _wait(self, response: httpx2.Response) -> float | None:
        """Seconds to wait, as RFC 9110, 10.2.3 has it: a number or a date."""
        given = response.headers.get("retry-after", "")
        try:
            seconds = float(given)
        except ValueError:
            try:
                until: datetime = parsedate_to_datetime(given)
                seconds = (until - self._clock.now()).total_seconds()
            except (ValueError, TypeError):
                return None
        return min(max(0.0, seconds), _LONGEST_WAIT_S)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are verified; nothing that the environment names is read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file or certifi.where())
    except (OSError, ssl.SSLError):
        raise BadInput("provider.ca_file of gateway.toml can't be used.", "Mend it.") from None
    return context
