"""`policies/phi.toml`: what the gate holds for an identifier, and how sure it must be to pass."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from appliance.errors import BadInput
from appliance.records.identifiers import Digest

# A threshold above this would be a bypass by another name.
_MAX_THRESHOLD: Final = 0.9
_MAX_TIMEOUT_S: Final = 600.0
_MAX_CLEARANCE_MINUTES: Final = 24 * 60
_COVERED_LANGUAGES: Final = frozenset({"en"})
_DETECTORS: Final = frozenset({"presidio", "tagger", "patient-index", "note-overlap"})
# A policy may add a detector; it can't do without these.
_NEEDED: Final = frozenset({"presidio", "patient-index", "note-overlap"})
_MENDING: Final = "Mend that line; the shipped policies/phi.toml shows every key."


@dataclass(frozen=True, slots=True)
class PhiPolicy:
    """The rules of the gate.

    Attributes:
        languages: ISO 639-1 codes; a text in any other language is denied.
        detectors: Names of those that must all be loaded and must all answer.
        max_characters: A longer text is denied unread.
        timeout_s: Time one detector has for one text, in seconds.
        clearance_minutes: Life of a stamp.
        require_patient_index: Deny everything while no patient is registered.
        default_threshold: Lowest score that denies, for entities not in `thresholds`.
        thresholds: Entity to lowest score that denies.
        digest: SHA-256 over the file's bytes.
    """

    languages: tuple[str, ...]
    detectors: tuple[str, ...]
    max_characters: int
    timeout_s: float
    clearance_minutes: float
    require_patient_index: bool
    default_threshold: float
    thresholds: Mapping[str, float]
    digest: Digest

    def threshold(self, entity: str) -> float:
        """The lowest score of `entity` that denies; unknown kinds get the default."""
        return self.thresholds.get(entity, self.default_threshold)


def load_phi_policy(path: Path) -> PhiPolicy:
    """The policy in `path`, every key known and every value in range.

    Raises:
        BadInput: Unreadable, not TOML, an unknown or missing key, a value out of range.
    """
    try:
        content = path.read_bytes()
        raw = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Copy the product's own back to that place."
        ) from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not valid TOML: {error}.", "Mend the line it names.") from None
    reader = _Reader(path, raw)
    if reader.whole("version", 1, 1) != 1 or reader.text("unsure") != "deny":
        raise BadInput(f"{path}: unsure must be 'deny'.", _MENDING)
    policy = PhiPolicy(
        languages=reader.choice("languages", _COVERED_LANGUAGES, _COVERED_LANGUAGES),
        detectors=reader.choice("detectors", _DETECTORS, _NEEDED),
        max_characters=reader.whole("max_characters", 1, 10_000_000),
        timeout_s=reader.number("timeout_s", 0.01, _MAX_TIMEOUT_S),
        clearance_minutes=reader.number("clearance_minutes", 0.01, _MAX_CLEARANCE_MINUTES),
        require_patient_index=reader.flag("require_patient_index"),
        default_threshold=reader.number("default_threshold", 0.0, _MAX_THRESHOLD),
        thresholds=MappingProxyType(reader.shares("thresholds")),
        digest=Digest(hashlib.sha256(content).hexdigest()),
    )
    reader.check_empty()
    return policy


def find_looser(policy: PhiPolicy, floor: PhiPolicy) -> tuple[str, ...]:
    """Keys in which `policy` would let pass what `floor`, the product's own, does not.

    Time limits are no part of it: a detector that needs longer than its limit denies either way.
    """
    entities = sorted({*policy.thresholds, *floor.thresholds})
    looser = {
        "languages": not set(policy.languages) <= set(floor.languages),
        "detectors": not set(policy.detectors) >= set(floor.detectors),
        "max_characters": policy.max_characters > floor.max_characters,
        "clearance_minutes": policy.clearance_minutes > floor.clearance_minutes,
        "require_patient_index": floor.require_patient_index and not policy.require_patient_index,
        "default_threshold": policy.default_threshold > floor.default_threshold,
    }
    looser |= {
        f"thresholds.{entity}": policy.threshold(entity) > floor.threshold(entity)
        for entity in entities
    }
    return tuple(key for key, is_looser in looser.items() if is_looser)


def check_strict(policy: PhiPolicy, floor: PhiPolicy) -> None:
    """The policy lets nothing pass that the product's own does not.

    Raises:
        BadInput: It would; names the keys.
    """
    looser = find_looser(policy, floor)
    if looser:
        raise BadInput(
            f"phi.toml is looser than the product's own: {', '.join(looser)}.",
            "Take these from the shipped policies/phi.toml; a site may only be stricter.",
        )


class _Reader:
    """Takes keys out of a parsed file one by one; what is left over was unknown."""

    def __init__(self, path: Path, raw: dict[str, object]) -> None:
        self._path = path
        self._raw = dict(raw)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._complaint(key, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        return self._number(key, self._take(key), low, high)

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._complaint(key, "true or false")
        return value

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str):
            raise self._complaint(key, "a string")
        return value

    def choice(self, key: str, known: frozenset[str], needed: frozenset[str]) -> tuple[str, ...]:
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._complaint(key, "a list of strings")
        chosen = set(value)
        if chosen - known or needed - chosen or len(chosen) != len(value):
            rule = f"out of {', '.join(sorted(known))}, with {', '.join(sorted(needed))}"
            raise self._complaint(key, rule)
        return tuple(value)

    def shares(self, key: str) -> dict[str, float]:
        table = self._take(key)
        if not isinstance(table, dict):
            raise self._complaint(key, "a table of entity = number")
        return {
            str(entity): self._number(f"{key}.{entity}", value, 0.0, _MAX_THRESHOLD)
            for entity, value in table.items()
        }

    def check_empty(self) -> None:
        if self._raw:
            unknown = ", ".join(sorted(self._raw))
            raise BadInput(f"{self._path}: unknown key(s) {unknown}.", "Remove them.")

    def _take(self, key: str) -> object:
        if key not in self._raw:
            raise BadInput(f"{self._path}: the key {key} is missing.", _MENDING)
        return self._raw.pop(key)

    def _number(self, key: str, value: object, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._complaint(key, "a number")
        if not low <= value <= high:
            raise self._complaint(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def _complaint(self, key: str, rule: str) -> BadInput:
        return BadInput(f"{self._path}: {key} must be {rule}.", _MENDING)
