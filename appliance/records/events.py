"""What the ledger is told: a kind and facts that by their form can't hold prose."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

Fact = int | float | bool | str

ERASED: Final = "patient.erased"
"""The tombstone: the kind of the event that says that a patient is gone."""

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
# No space, so no sentence and no "First Last": ids, digests, names of files the operator chose,
# rule names. A digest is the longest thing that belongs here.
_VALUE: Final = re.compile(r"[A-Za-z0-9._:/@+=-]{0,160}")


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the ledger.

    Attributes:
        kind: Verb and noun, e.g. "notes.imported", "prompt.sent".
        at: ISO 8601, UTC.
        actor: The operating system's user name.
        policy_digest: Digest of the policies in force.
        facts: Ids, counts, rule names and digests.
    """

    kind: str
    at: str
    actor: str
    policy_digest: str
    facts: Mapping[str, Fact]


class Recorder(Protocol):
    """Where rooms write what they do; the ledger, or a list in a test."""

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """The event is on disk, durably, under the returned index (0-based).

        Raises:
            ValueError: A fact's key or value has a form that could hold prose.
        """


class ManyRecorder(Recorder, Protocol):
    """A recorder that takes many events for the price of one."""

    def record_many(self, events: Iterable[tuple[str, Mapping[str, Fact]]]) -> range:
        """All events are on disk, durably and next to each other, under the returned indices.

        Raises:
            ValueError: As `record`; then nothing was written.
        """


def check_facts(facts: Mapping[str, Fact]) -> None:
    """Every key and value has a form that can't hold prose.

    Raises:
        ValueError: Names the key, never the value.
    """
    for key, value in facts.items():
        if not _KEY.fullmatch(key):
            message = f"an event's fact has a key that is not a plain name ({len(key)} characters)"
            raise ValueError(message)
        if isinstance(value, str) and not _VALUE.fullmatch(value):
            message = f"the fact {key!r} holds a value that could be prose"
            raise ValueError(message)
