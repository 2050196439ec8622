"""`policies/routing.toml`, read and checked: which routes a profile may use, in order."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.records.prompts import Route

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """What one profile may use.

    Attributes:
        profile: The site's profile.
        routes: Allowed routes, the preferred one first.
    """

    profile: str
    routes: tuple[Route, ...]


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
    if set(raw) != {"version", "profiles"} or raw["version"] != _VERSION:
        raise _unclear(path, f"it must hold version = {_VERSION} and [profiles.*], nothing else")
    profiles = raw["profiles"]
    if not isinstance(profiles, Mapping) or profile not in profiles:
        raise _unclear(path, f"it has no profile {profile}")
    return RoutingPolicy(profile, _read_routes(path, profiles[profile]))


def _read_routes(path: Path, table: object) -> tuple[Route, ...]:
    if not isinstance(table, Mapping) or set(table) != {"routes"}:
        raise _unclear(path, "a profile must hold routes, nothing else")
    names = table["routes"]
    # The scripted route belongs to tests; no file may name it.
    known = {route.value for route in Route if route is not Route.SCRIPTED}
    if not isinstance(names, list) or not names or not known.issuperset(map(str, names)):
        raise _unclear(path, f"routes must be a list of {', '.join(sorted(known))}")
    return tuple(Route(name) for name in names)


def _unclear(path: Path, rule: str) -> BadInput:
    return BadInput(f"{path.name} is not clear: {rule}.", "Mend it; until then nothing is sent.")
