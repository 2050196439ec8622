"""What stands before every page: the host's name, headers, where a form came from.

Source: OWASP Application Security Verification Standard 4.0.3, V3 (sessions), V4.2.2 (CSRF), V14.4
(headers), V14.5 (host header); cheat sheets "DNS rebinding" and "Cross-site request forgery".
"""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.errors import BadInput, Forbidden

LONGEST_FORM: Final = 64 * 1024
_MOST_FIELDS: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"
_OURS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SHUT_IN: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""For a report: its own style, nothing else, and no script or form even if there were one."""
_HEADERS: Final = {
    "content-security-policy": _OURS,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # "no-referrer" would make browsers send forms without saying where they come from.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Shield:
    """Around the whole application: no answer without its headers, none to a name not ours.

    Args:
        app: What is inside.
        hosts: The names and addresses that this machine is called by.
        is_tls: Whether browsers come by TLS.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], is_tls: bool) -> None:
        self._app = app
        self._hosts = hosts
        self._headers = _HEADERS | (
            {"strict-transport-security": "max-age=31536000"} if is_tls else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or something that is none of the console's."""
        if scope["type"] != "http":
            return

        async def send_shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        inside: ASGIApp = self._app
        if not self._is_ours(Headers(scope=scope)):
            inside = PlainTextResponse("This machine is not called that.\n", 421)
        await inside(scope, receive, send_shielded)

    def _is_ours(self, headers: Headers) -> bool:
        # A page elsewhere that gave its own name our address (DNS rebinding) is told by the name.
        given = headers.getlist("host")
        return len(given) == 1 and _hostname(f"//{given[0]}") in self._hosts


def check_origin(request: Request) -> None:
    """The form was sent from one of our own pages, as far as the browser says.

    Raises:
        Forbidden: It was not.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if site == "same-origin" and (origin is None or urlsplit(origin).netloc == host):
        return
    raise Forbidden("The form was not sent from this page.", "Open the page here and try again.")


def check_csrf(expected: str, form: Mapping[str, str]) -> None:
    """The form holds what only the session's own pages hold.

    Raises:
        Forbidden: It does not.
    """
    if not hmac.compare_digest(expected.encode(), form.get("csrf", "").encode()):
        raise Forbidden(
            "The form is of another session, or none.", "Open the page again and fill it in there."
        )


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each once.

    Raises:
        BadInput: It is too long, no form, or has a field twice.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > LONGEST_FORM:
            raise BadInput("The form is too long.", "Send less at once.")
    if kind != _FORM:
        raise BadInput("That is no form.", "Use the form on the page.")
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(content),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise BadInput("The form can't be read.", "Use the form on the page.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise BadInput("The form has a field twice.", "Use the form on the page.")
    return form


def _hostname(address: str) -> str:
    try:
        parts = urlsplit(address)
        # A port that is none raises too.
        _ = parts.port
    except ValueError:
        return ""
    return "" if parts.username or parts.path else (parts.hostname or "")
