"""Who calls: the kernel's word on a UNIX socket, or a token."""

import hashlib
import hmac
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from appliance.errors import BadInput
from appliance.gateway.refusals import Refused, Rule
from appliance.records.egress import HEADER, NO_KEY
from appliance.settings.gateway import OWN_USER, CallerRule
from appliance.settings.secrets import read_caller_token

# unix(7): struct ucred is three 32-bit numbers: process, user, group.
_UCRED: Final = struct.Struct("3i")
_PEER: Final = "uid:"
_BEARER: Final = "Bearer "
# What HTTP itself and the official clients send. None of it is passed on.
_TAKEN: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        HEADER,
    }
)
_CLIENT_HEADERS: Final = ("x-stainless-",)
_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "gateway"})


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that puts the peer's user id where the application finds the client's address."""

    def connection_made(self, transport: object) -> None:
        """The connection stands; on a UNIX socket the kernel has said whose it is."""
        super().connection_made(transport)  # type: ignore[arg-type]
        peer: socket.socket | None = self.transport.get_extra_info("socket")
        if peer is not None and peer.family == socket.AF_UNIX:
            packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            process, user, _ = _UCRED.unpack(packed)
            self.client = (f"{_PEER}{user}", process)


class Callers:
    """The callers that the policy names.

    Args:
        rules: By name.
        keys: `SITE/keys`; tokens are under `callers`.

    Raises:
        BadInput: A user does not exist, or is named twice.
        SiteError, KeyMismatch: A token is missing or readable by others.
    """

    def __init__(self, rules: Mapping[str, CallerRule], keys: Path) -> None:
        self._by_user: dict[int, CallerRule] = {}
        self._by_token: list[tuple[bytes, CallerRule]] = []
        for rule in rules.values():
            for user in rule.users:
                number = _number_of(user)
                if number in self._by_user:
                    raise BadInput(
                        f"gateway.toml gives the user {user} to two callers.", "Mend it."
                    )
                self._by_user[number] = rule
            if rule.has_token:
                self._by_token.append((_digest(read_caller_token(keys, rule.name)), rule))

    def identify(self, client: str, authorization: str) -> CallerRule:
        """Whose request this is.

        Args:
            client: As `PeerProtocol` gives it.
            authorization: The header's value, "" without one.

        Raises:
            Refused: Nobody's; or it brings a key of its own.
        """
        key = authorization.removeprefix(_BEARER)
        if key not in {"", NO_KEY}:
            return self._holder(key)
        if client.startswith(_PEER):
            rule = self._by_user.get(int(client.removeprefix(_PEER)))
            if rule is not None:
                return rule
        raise Refused(Rule.CALLER)

    def _holder(self, token: str) -> CallerRule:
        given = _digest(token)
        # All are compared, so that the time taken tells nothing.
        found = [rule for known, rule in self._by_token if hmac.compare_digest(known, given)]
        if not found:
            raise Refused(Rule.CALLER)
        return found[0]


def check_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The request's headers, each once, none that could steer where or as whom it is sent.

    Raises:
        Refused: One of them is not taken from callers.
    """
    taken: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name.startswith(_CLIENT_HEADERS):
            continue
        if name not in _TAKEN or name in taken:
            raise Refused(Rule.HEADER, name if name in _TAKEN else "")
        taken[name] = value
    host = taken.get("host", "").partition(":")[0]
    if host not in _HOSTS:
        raise Refused(Rule.HEADER, "host")
    kind = taken.get("content-type", "application/json").partition(";")[0].strip()
    if kind != "application/json":
        raise Refused(Rule.HEADER, "content-type")
    return taken


def _number_of(user: str) -> int:
    if user == OWN_USER:
        return os.getuid()
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise BadInput(
            "gateway.toml names a user that this machine does not have.", "Mend it."
        ) from None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
