"""`policies/gateway.toml`: the one provider, its models and prices, who may ask, and how much."""

import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.settings.validation import explain

OWN_USER: Final = "@gateway"
_PLAIN: Final = r"^[a-z][a-z0-9-]{0,31}$"

Name = Annotated[str, Field(pattern=_PLAIN)]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Provider(_Strict):
    origin: str
    ca_file: str = ""


class _Limits(_Strict):
    body_bytes: int = Field(default=262_144, ge=1024, le=8_388_608)
    reply_bytes: int = Field(default=2_097_152, ge=1024, le=33_554_432)
    body_timeout_s: float = Field(default=10.0, gt=0, le=120)
    request_timeout_s: float = Field(default=120.0, gt=0, le=900)
    max_in_flight: int = Field(default=16, ge=1, le=1024)
    max_waiting: int = Field(default=64, ge=0, le=4096)


class _Model(_Strict):
    usd_per_million_input_tokens: float = Field(ge=0)
    usd_per_million_output_tokens: float = Field(ge=0)
    max_output_tokens: int = Field(ge=1, le=131_072)


class _Caller(_Strict):
    users: tuple[str, ...] = ()
    token: bool = False
    clearance: Literal["required", "not-required"]
    requests_per_minute: int = Field(ge=1)
    tokens_per_day: int = Field(ge=0)
    usd_per_day: float = Field(ge=0)


class _File(_Strict):
    version: Literal[1]
    provider: _Provider
    instruction: str = Field(min_length=1, max_length=2000)
    limits: _Limits = _Limits()
    models: dict[ModelName, _Model] = Field(default_factory=dict)
    callers: dict[Name, _Caller] = Field(default_factory=dict)


OWN_CALLER: Final = "appliance"
"""Name of the caller that this site's own programs are."""


@dataclass(frozen=True, slots=True)
class ModelRule:
    """One model that may be asked, and what it costs; prices in USD per million tokens."""

    name: str
    usd_per_million_input_tokens: float
    usd_per_million_output_tokens: float
    max_output_tokens: int

    def microusd(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost, in millionths of a dollar, rounded up."""
        cost = (
            input_tokens * self.usd_per_million_input_tokens
            + output_tokens * self.usd_per_million_output_tokens
        )
        return -int(-cost // 1)


@dataclass(frozen=True, slots=True)
class CallerRule:
    """One kind of caller.

    Attributes:
        name: As in the ledger and the metrics.
        users: Operating system users, known by the kernel's word on a UNIX socket.
        has_token: Whether a token under `keys/callers` names this caller too.
        needs_clearance: Whether every request must carry the gate's stamp.
        requests_per_minute: More are asked to wait.
        tokens_per_day: Input and output together; from midnight UTC.
        usd_per_day: From midnight UTC.
    """

    name: str
    users: tuple[str, ...]
    has_token: bool
    needs_clearance: bool
    requests_per_minute: int
    tokens_per_day: int
    usd_per_day: float


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """How much at once, how large and how long."""

    body_bytes: int
    reply_bytes: int
    body_timeout_s: float
    request_timeout_s: float
    max_in_flight: int
    max_waiting: int


@dataclass(frozen=True, slots=True)
class GatewayPolicy:
    """The whole of `gateway.toml`.

    Attributes:
        origin: Scheme, host and port of the one provider; nothing else is ever connected to.
        ca_file: The authority that vouches for it; None for the authorities that came along.
        instruction: The one fixed text beside a stamped prompt.
        limits: Sizes and times.
        models: By name; a model that is not here is refused, for its price is not known.
        callers: By name.
    """

    origin: str
    ca_file: Path | None
    instruction: str
    limits: GatewayLimits
    models: dict[str, ModelRule]
    callers: dict[str, CallerRule]


def load_gateway_policy(path: Path) -> GatewayPolicy:
    """The policy in `path`; anything that is not understood refuses.

    Raises:
        BadInput: Unreadable, not TOML, an unknown key, or an origin that is not safe.
    """
    try:
        parsed = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Restore it from the release."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadInput(f"{path} is not valid TOML.", "Restore it from the release.") from None
    except ValidationError as error:
        raise BadInput(
            f"{path}: {explain(error)}.", "Mend it; until then nothing is sent."
        ) from None
    return GatewayPolicy(
        origin=_check_origin(path, parsed.provider.origin),
        ca_file=Path(parsed.provider.ca_file) if parsed.provider.ca_file else None,
        instruction=parsed.instruction,
        limits=GatewayLimits(**parsed.limits.model_dump()),
        models={name: ModelRule(name, **one.model_dump()) for name, one in parsed.models.items()},
        callers={name: _to_caller(name, one) for name, one in parsed.callers.items()},
    )


def _to_caller(name: str, parsed: _Caller) -> CallerRule:
    return CallerRule(
        name=name,
        users=parsed.users,
        has_token=parsed.token,
        needs_clearance=parsed.clearance == "required",
        requests_per_minute=parsed.requests_per_minute,
        tokens_per_day=parsed.tokens_per_day,
        usd_per_day=parsed.usd_per_day,
    )


def _check_origin(path: Path, origin: str) -> str:
    """The origin without a final slash; TLS, or this machine itself."""
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    is_plain = host is not None and origin in {
        f"{parts.scheme}://{parts.netloc}",
        f"{parts.scheme}://{parts.netloc}/",
    }
    if not is_plain or host is None or "@" in parts.netloc or port == 0:
        raise BadInput(
            f"{path}: provider.origin is not a scheme, a host and perhaps a port.", "Mend it."
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise BadInput(
            f"{path}: provider.origin must begin with https://.",
            "Plain http is for a server on this machine only, by its loopback address.",
        )
    return origin.removesuffix("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
