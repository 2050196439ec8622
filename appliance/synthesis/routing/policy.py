"""`policies/routing.toml`, read and checked: which routes a profile may use, and how far."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.records.prompts import Route
from appliance.records.tasks import Sensitivity

AIR_GAPPED: Final = "air-gapped"
_VERSION: Final = 1
_REROUTES: Final = ("cloud_to_local", "local_to_cloud")


@dataclass(frozen=True, slots=True)
class CloudPolicy:
    """How far the route chatgpt goes.

    Attributes:
        classes: Of label sheets whose prompts may go.
        model: As `gateway.toml` lists it; "" for none.
        usd_per_month: Cap of a calendar month, UTC.
        tokens_per_month: The same in tokens, in and out.
        max_concurrent: Requests at once, at most.
        failures_to_open: So many in a row are an outage.
        cool_down_s: Nobody asks for so long after an outage began.
    """

    classes: frozenset[Sensitivity] = frozenset({Sensitivity.PUBLIC})
    model: str = ""
    usd_per_month: float = 0.0
    tokens_per_month: int = 0
    max_concurrent: int = 16
    failures_to_open: int = 5
    cool_down_s: float = 30.0


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """What one profile may use.

    Attributes:
        profile: The site's profile.
        routes: Allowed routes, the preferred one first.
        cloud_to_local: Whether vllm may take the place of chatgpt.
        local_to_cloud: Whether chatgpt may take the place of vllm.
        cloud: How far chatgpt goes.
    """

    profile: str
    routes: tuple[Route, ...]
    cloud_to_local: bool = False
    local_to_cloud: bool = False
    cloud: CloudPolicy = field(default_factory=CloudPolicy)

    def allows(self, route: Route, sensitivity: Sensitivity) -> bool:
        """Whether a prompt of that class may take that route at all."""
        if route not in self.routes:
            return False
        if route is not Route.CHATGPT:
            return True
        # An air-gapped site never names a cloud, whatever its routing.toml says.
        return self.profile != AIR_GAPPED and sensitivity in self.cloud.classes


def load_routing(path: Path, profile: str) -> RoutingPolicy:
    """The policy of that profile; anything that is not understood refuses.

    Raises:
        BadInput: Unreadable, not TOML, an unknown key or route, or no such profile.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Restore it from the release."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadInput(f"{path} is not valid TOML.", "Restore it from the release.") from None
    if not {"version", "profiles"} <= set(raw) <= {"version", "profiles", "cloud"}:
        raise _unclear(path, "it must hold version, [profiles.*] and perhaps [cloud]")
    if raw["version"] != _VERSION:
        raise _unclear(path, f"its version must be {_VERSION}")
    profiles = raw["profiles"]
    if not isinstance(profiles, Mapping) or profile not in profiles:
        raise _unclear(path, f"it has no profile {profile}")
    table = profiles[profile]
    if not isinstance(table, Mapping) or not {"routes"} <= set(table) <= {"routes", *_REROUTES}:
        raise _unclear(path, f"a profile must hold routes and perhaps {' and '.join(_REROUTES)}")
    flags = {name: table.get(name, False) for name in _REROUTES}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise _unclear(path, f"{' and '.join(_REROUTES)} must be true or false")
    cloud = _read_cloud(path, raw.get("cloud", {}))
    return RoutingPolicy(profile, _read_routes(path, table["routes"]), cloud=cloud, **flags)


def _read_routes(path: Path, names: object) -> tuple[Route, ...]:
    # The scripted route belongs to tests; no file may name it.
    known = {route.value for route in Route if route is not Route.SCRIPTED}
    if not isinstance(names, list) or not names or not known.issuperset(map(str, names)):
        raise _unclear(path, f"routes must be a list of {', '.join(sorted(known))}")
    return tuple(Route(name) for name in names)


def _read_cloud(path: Path, table: object) -> CloudPolicy:
    default = CloudPolicy()
    names = CloudPolicy.__slots__
    if not isinstance(table, Mapping) or not set(table) <= set(names):
        raise _unclear(path, f"[cloud] must hold {', '.join(names)}, nothing else")
    values = {name: table.get(name, getattr(default, name)) for name in names}
    known = {one.value for one in Sensitivity}
    classes = values.pop("classes")
    if not isinstance(classes, list | frozenset) or not known.issuperset(map(str, classes)):
        raise _unclear(path, f"cloud.classes must be a list of {', '.join(sorted(known))}")
    if not isinstance(values["model"], str):
        raise _unclear(path, "cloud.model must be a name")
    for name in set(values) - {"model"}:
        kinds = (int, float) if isinstance(getattr(default, name), float) else (int,)
        if not isinstance(values[name], kinds) or isinstance(values[name], bool):
            raise _unclear(path, f"cloud.{name} must be a number")
        if values[name] < (1 if name in {"max_concurrent", "failures_to_open"} else 0):
            raise _unclear(path, f"cloud.{name} is too small")
    return CloudPolicy(classes=frozenset(map(Sensitivity, classes)), **values)


def _unclear(path: Path, rule: str) -> BadInput:
    return BadInput(f"{path.name} is not clear: {rule}.", "Mend it; until then nothing is sent.")
