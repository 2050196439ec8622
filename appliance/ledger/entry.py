"""One entry: canonical JSON, sealed on its line by a keyed tag that chains it to the one before.

A line is 32 hex digits of tag, a space, the JSON, a newline. Only the JSON is the Merkle leaf,
so that an auditor without the key can recompute the tree. The tag is what tells an entry that
this site wrote and had no time to sign from one that somebody put at the end of the file, and
what names the very entry that was altered, which a root alone can't.
"""

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from appliance.records.events import Event, Fact, check_facts

TAG_DIGITS: Final = 32
FIRST_TAG: Final = "0" * TAG_DIGITS
# Longer lines are not ours: facts are short by their form.
MAX_LINE_BYTES: Final = 1 << 16
_KIND: Final = re.compile(r"[a-z][a-z0-9._-]{0,79}")
_FIELDS: Final = {"actor", "at", "facts", "index", "kind", "policy"}


class Malformed(ValueError):
    """A line is not an entry as this module writes them; says why, without the line."""


def derive_tag_key(key: bytes) -> bytes:
    """The key of the tags, apart from the signing key that comes from the same secret."""
    return hmac.digest(key, b"appliance ledger: entry tags", "sha256")


def check_event(kind: str, facts: Mapping[str, Fact]) -> None:
    """The event has a form that can't hold prose.

    Raises:
        ValueError: Names the kind's or the fact's rule, never a value.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError("an event's kind must be a plain dotted name")
    check_facts(facts)
    values: Mapping[str, object] = facts
    for name, value in values.items():
        if not isinstance(value, int | float | str):
            message = f"the fact {name!r} is a {type(value).__name__}, not a number or a string"
            raise ValueError(message)  # noqa: TRY004 - one error for every refused fact


def encode(index: int, event: Event) -> bytes:
    """The entry's canonical JSON: sorted keys, no spaces, ASCII, no newline."""
    body = {
        "actor": event.actor,
        "at": event.at,
        "facts": dict(event.facts),
        "index": index,
        "kind": event.kind,
        "policy": event.policy_digest,
    }
    return _canonical(body)


def decode(body: bytes) -> tuple[int, Event]:
    """Index and event of an entry's JSON.

    Raises:
        Malformed: Not JSON, not canonical, or not these fields.
    """
    try:
        raw = json.loads(body)
        if not isinstance(raw, dict) or set(raw) != _FIELDS or _canonical(raw) != body:
            raise Malformed("it is not a canonical entry")
        event = Event(raw["kind"], raw["at"], raw["actor"], raw["policy"], raw["facts"])
        index = raw["index"]
    except (ValueError, RecursionError):
        raise Malformed("it is not a canonical entry") from None
    if type(index) is not int or not isinstance(event.facts, dict):
        raise Malformed("its fields are not those of an entry")
    if not all(
        isinstance(part, str) for part in (event.kind, event.at, event.actor, event.policy_digest)
    ):
        raise Malformed("its fields are not those of an entry")
    return index, event


def seal(body: bytes, previous_tag: str, tag_key: bytes) -> tuple[bytes, str]:
    """The entry's line, newline included, and its tag."""
    tag = _tag(body, previous_tag, tag_key)
    return b"%s %s\n" % (tag.encode(), body), tag


def unseal(line: bytes, previous_tag: str, tag_key: bytes) -> tuple[bytes, str]:
    """The entry's JSON and its tag, from a line without its newline.

    Raises:
        Malformed: The tag does not fit the entry and the one before it.
    """
    body = line[TAG_DIGITS + 1 :]
    tag = _tag(body, previous_tag, tag_key)
    if not hmac.compare_digest(line[: TAG_DIGITS + 1], f"{tag} ".encode()):
        raise Malformed("its tag does not fit")
    return body, tag


def _tag(body: bytes, previous_tag: str, tag_key: bytes) -> str:
    return hmac.digest(tag_key, previous_tag.encode() + body, "sha256").hex()[:TAG_DIGITS]


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()
