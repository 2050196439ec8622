"""The console's own client: asks at its socket for a token, which the kernel says who gets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.errors import BadInput, Forbidden, OperatorError

_OK: Final = 200
_FORBIDDEN: Final = 403
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Token:
    """What signs somebody in, once and soon.

    Attributes:
        token: To be pasted into the page.
        address: Of the page.
        seconds: For how long it is good.
    """

    token: str = field(repr=False)
    address: str
    seconds: int


def ask_token(socket_path: Path) -> Token:
    """A token for who runs this.

    Raises:
        BadInput: No console listens there, or none that this user can reach.
        Forbidden: The roles do not let this user in.
    """
    import httpx2

    transport = httpx2.HTTPTransport(uds=str(socket_path))
    try:
        with httpx2.Client(transport=transport, timeout=_TIMEOUT_S, trust_env=False) as client:
            answer = client.post("http://localhost/token")
            told = answer.json()
    except (httpx2.HTTPError, ValueError):
        raise BadInput(
            f"No console answers at {socket_path}.",
            "Start it with `appliance console serve`, or name its socket with --socket.",
        ) from None
    if answer.status_code == _FORBIDDEN:
        raise Forbidden(str(told.get("problem", "You may not sign in here.")))
    if answer.status_code != _OK:
        raise OperatorError(str(told.get("problem", "The console gave no token.")), "Try again.")
    return Token(str(told["token"]), str(told["address"]), int(told["seconds"]))
