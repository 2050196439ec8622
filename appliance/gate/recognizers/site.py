"""`policies/identifiers.toml`: the formats of the site's own numbers, as rules.

Comes from the operator, so it is held to a part of regular expressions that can't run for ever:
no endless repetition, no look-around, no back-reference, few ways to match. Should one be slow all
the same, its time-out denies like that of any other rule.
"""

import math
import re
import tomllib
from pathlib import Path
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no types

from appliance.errors import BadInput
from appliance.gate.recognizers.rules import Rule

_SCORE: Final = 0.95
_KEYS: Final = frozenset({"name", "entity", "pattern"})
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,40}")
_ENTITY: Final = re.compile(r"[A-Z][A-Z_]{2,40}")
_MAX_LENGTH: Final = 200
# Ways to match from one place; a search tries at most this many before it moves on.
_MAX_WAYS: Final = 1_000
_COUNT: Final = re.compile(r"\?|\{(\d{1,2})(?:,(\d{1,2}))?\}|\|")
_SAFE: Final = re.compile(
    r"(?:"
    r"(?:\\[dws]|\\[-.\\/()\[\]+#*]|\[(?:[A-Za-z0-9_ /.#:-]|\\d)+\]|[A-Za-z0-9_ #:/-])"
    r"(?:\?|\{\d{1,2}(?:,\d{1,2})?\})?"
    r"|\(\?:|\)\??|\|"
    r")+"
)


def load_site_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of the file, each checked; none where it lists no format.

    Raises:
        BadInput: Unreadable, not TOML, an unknown key, or a pattern outside the safe part.
    """
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _COPY) from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not valid TOML: {error}.", "Mend the line it names.") from None
    formats = raw.get("formats", [])
    if raw.get("version") != 1 or raw.keys() - {"version", "formats"}:
        raise BadInput(f"{path} must hold version = 1 and [[formats]] only.", _COPY)
    if not isinstance(formats, list) or not all(isinstance(entry, dict) for entry in formats):
        raise BadInput(f"{path}: formats must be written as [[formats]].", _COPY)
    return tuple(_to_rule(path, number, entry) for number, entry in enumerate(formats, start=1))


_COPY: Final = "The shipped policies/identifiers.toml shows how it is written."


def _to_rule(path: Path, number: int, entry: dict[str, object]) -> Rule:
    values = [entry.get(key) for key in ("name", "entity", "pattern")]
    if entry.keys() != _KEYS or not all(isinstance(value, str) for value in values):
        raise _complaint(path, number, "needs name, entity and pattern, and nothing else")
    name, entity, pattern = map(str, values)
    if not _NAME.fullmatch(name) or not _ENTITY.fullmatch(entity):
        raise _complaint(
            path, number, "needs a name like our-mrn and an entity like ACCOUNT_NUMBER"
        )
    if not is_safe(pattern):
        raise _complaint(path, number, "has a pattern outside the part that the file's head allows")
    return _make_rule(name, entity, pattern)


def _make_rule(name: str, entity: str, pattern: str) -> Rule:
    compiled = regex.compile(rf"(?<!\w)(?:{pattern})(?!\w)", regex.IGNORECASE)
    return Rule(f"site-{name}", entity, _SCORE, compiled)


def is_safe(pattern: str) -> bool:
    r"""Whether every search with the pattern ends soon, and finds more than nothing.

    >>> is_safe(r"H\d{3}-?\d{3}"), is_safe(r"(a+)+"), is_safe(r"\d{0,9}")
    (True, False, False)
    """
    if len(pattern) > _MAX_LENGTH or not _SAFE.fullmatch(pattern):
        return False
    ways = math.prod(
        int(match[2]) - int(match[1]) + 1 if match[2] else (1 if match[1] else 2)
        for match in _COUNT.finditer(pattern)
    )
    if not 0 < ways <= _MAX_WAYS:
        return False
    try:
        return regex.fullmatch(f"(?:{pattern})", "") is None
    except regex.error:
        return False


def _complaint(path: Path, number: int, what: str) -> BadInput:
    return BadInput(f"{path}: format {number} {what}.", _COPY)
