"""Counts that must agree: what came in, what was let through, what was recorded, what was sent.

Each is counted by somebody else: the door counts rulings, the recorder what the ledger took, the
transport what it put on the wire. When they disagree, something went out that should not have, or
nobody knows: the door latches shut.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import sync_directory, write_atomically

LATCH: Final = "gateway.latch"
# Held by the gateway that serves: two could not reconcile each other's counts.
LOCK: Final = "gateway.lock"


@dataclass(slots=True)
class Counts:
    """Since the gateway started, or was opened again."""

    received: int = 0
    refused: int = 0
    accepted: int = 0
    recorded: int = 0
    sent: int = 0
    unsent: int = 0
    in_flight: int = 0

    def begin_anew(self) -> None:
        """An administrator opened the door: what was counted before is on record."""
        assert not self.in_flight, "requests inside are not counted yet"
        self.received = self.refused = self.accepted = 0
        self.recorded = self.sent = self.unsent = 0

    def find_mismatch(self) -> str:
        """The name of a rule that the counts break, or ""."""
        if self.sent > self.recorded:
            return "sent-without-record"
        if self.recorded > self.accepted:
            return "recorded-without-leave"
        if self.in_flight:
            return ""
        if self.received != self.refused + self.accepted:
            return "received-without-ruling"
        if self.accepted != self.sent + self.unsent:
            return "accepted-without-outcome"
        return ""


class Latch:
    """A file that shuts the door for as long as it is there, across restarts.

    Args:
        directory: `SITE/run`.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LATCH

    def is_shut(self) -> bool:
        """Whether the door is shut; a file that can't be looked at means yes."""
        try:
            self._path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def shut(self, rule: str, counts: Counts) -> None:
        """The door is shut, and stays so until `open`."""
        content = {
            "rule": rule,
            "received": counts.received,
            "refused": counts.refused,
            "accepted": counts.accepted,
            "recorded": counts.recorded,
            "sent": counts.sent,
            "unsent": counts.unsent,
        }
        write_atomically(self._path, json.dumps(content).encode())

    def open(self) -> str:
        """The door is open again; returns the rule that had shut it, "" where it was not shut."""
        try:
            rule = str(json.loads(self._path.read_bytes())["rule"])
        except FileNotFoundError:
            return ""
        except (ValueError, KeyError, TypeError, OSError):
            rule = "unreadable-latch"
        self._path.unlink()
        sync_directory(self._path.parent)
        return rule

    def breach(self) -> str:
        """The rule that shut it, "unknown" where it can't say; "" where it is open."""
        return (self.rule() or "unknown") if self.is_shut() else ""

    def rule(self) -> str:
        """The rule that shut it; "" where it is open or can't say."""
        try:
            return str(json.loads(self._path.read_bytes())["rule"])
        except (ValueError, KeyError, TypeError, OSError):
            return ""
