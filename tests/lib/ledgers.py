"""Ledgers for tests: opened, filled and tampered with."""

from pathlib import Path
from typing import Final

from appliance.ledger import files
from appliance.ledger.store import Ledger
from appliance.records.clock import Clock
from tests.lib.frozen_clock import FrozenClock

KEY: Final = bytes(range(32))
POLICY: Final = "0" * 64


def open_ledger(directory: Path, clock: Clock | None = None, *, create: bool = True) -> Ledger:
    """The ledger in `directory`, under the test key and a clock that stands still."""
    return Ledger.open(
        directory,
        key=KEY,
        clock=clock or FrozenClock(),
        actor="tester",
        policy_digest=POLICY,
        create=create,
    )


def filled(directory: Path, count: int) -> Ledger:
    """A ledger of `count` events in `directory`."""
    ledger = open_ledger(directory)
    ledger.record_many([("thing.done", {"number": number}) for number in range(count)])
    return ledger


def lines(directory: Path) -> list[bytes]:
    """The ledger's lines as they stand, newlines included."""
    return (directory / files.ENTRIES).read_bytes().splitlines(keepends=True)


def rewrite(directory: Path, content: list[bytes]) -> None:
    """Somebody wrote these lines over the ledger's entries."""
    (directory / files.ENTRIES).write_bytes(b"".join(content))
