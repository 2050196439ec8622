"""One host's admission, sealed under a token that works once and not for long.

The sealed file lies in the site, which every host of a cluster mounts; the token is told to
whoever sets up the new host. The token without the file is worth nothing, and no host has to be
asked over the network for anything. Whoever reads the site as its own user needs no token: the
authority's key lies there too.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.artifacts.writing import disk_errors, write_atomically
from appliance.cluster.directories import private_directory
from appliance.cluster.membership import Admission, as_plain
from appliance.errors import BadInput, KeyMismatch

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_AGAIN: Final = "Ask for another: `appliance cluster token --host ADDRESS` where the head is."


@dataclass(frozen=True, slots=True)
class Invitation:
    """A token for one host.

    Attributes:
        number: Names it; no secret.
        token: What `join` asks for, once.
        expires: Until when.
    """

    number: str
    token: str
    expires: datetime


def invite(directory: Path, given: Admission, now: datetime, lasts: timedelta) -> Invitation:
    """The admission lies sealed in `directory`; what opens it is in the answer alone.

    Raises:
        NoSpace, BadInput: It can't be written.
    """
    private_directory(directory)
    number, secret = secrets.token_hex(_ID_BYTES), secrets.token_bytes(_SECRET_BYTES)
    expires = (now + lasts).replace(microsecond=0)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    head = {"version": 1, "number": number, "expires": expires.isoformat()}
    sealed = AESGCM(_key(secret)).encrypt(nonce, json.dumps(as_plain(given)).encode(), _bound(head))
    content = {**head, "sealed": base64.b64encode(nonce + sealed).decode("ascii")}
    write_atomically(directory / number, json.dumps(content).encode())
    token = f"{number}.{base64.urlsafe_b64encode(secret).decode('ascii').rstrip('=')}"
    return Invitation(number, token, expires)


def accept(
    directory: Path, token: str, now: datetime, *, dry_run: bool = False
) -> tuple[str, Admission]:
    """The invitation's number and what it held; it is used up, but by a dry run.

    Of two hosts that try at once one succeeds: the file is removed before anything is handed out.

    Raises:
        BadInput: There is no such invitation, or no longer.
        KeyMismatch: The token doesn't open it, or it was changed.
    """
    number, secret = _split(token)
    path = directory / number
    try:
        content = json.loads(path.read_bytes())
        head = {name: content[name] for name in ("version", "number", "expires")}
        sealed = base64.b64decode(content["sealed"], validate=True)
        expires = datetime.fromisoformat(str(head["expires"]))
    except FileNotFoundError:
        raise BadInput("That token was used, or never given.", _AGAIN) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise KeyMismatch("The invitation is damaged.", _AGAIN) from None
    try:
        opened = AESGCM(_key(secret)).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(head)
        )
        given = Admission(**json.loads(opened))
    except (InvalidTag, ValueError, TypeError):
        raise KeyMismatch("The token doesn't open this invitation.", _AGAIN) from None
    if not dry_run:
        _use_up(path)
    if now > expires:
        raise BadInput("The token is too old.", _AGAIN)
    return number, given


def clear_expired(directory: Path, now: datetime) -> int:
    """Invitations that nobody can use any more are gone; their count."""
    gone = 0
    for path in directory.glob("*") if directory.is_dir() else ():
        try:
            expires = datetime.fromisoformat(json.loads(path.read_bytes())["expires"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if now > expires:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _use_up(path: Path) -> None:
    with disk_errors(path):
        try:
            path.unlink()
        except FileNotFoundError:
            raise BadInput("That token was used just now.", _AGAIN) from None


def _split(token: str) -> tuple[str, bytes]:
    number, _, rest = token.strip().partition(".")
    try:
        bytes.fromhex(number)
        secret = base64.b64decode(rest + "=" * (-len(rest) % 4), altchars=b"-_", validate=True)
    except ValueError:
        secret = b""
    if len(number) != 2 * _ID_BYTES or len(secret) != _SECRET_BYTES:
        raise BadInput("That is no token of `cluster token`.", "Give all of it.")
    return number, secret


def _key(secret: bytes) -> bytes:
    # The secret is random and used for nothing else: a hash with a name of its own is enough.
    return hashlib.sha256(b"appliance cluster invitation\x00" + secret).digest()


def _bound(head: dict[str, object]) -> bytes:
    return json.dumps(head, sort_keys=True).encode()
