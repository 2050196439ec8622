"""What went where and what was kept back, counted from the ledger for those who look on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.locks import is_locked
from appliance.gateway.counting import LOCK, Latch
from appliance.records.audits import Departure
from appliance.records.events import Event
from appliance.workflows.audit_traffic import count_denials, count_departures
from appliance.workflows.site import open_site, read_events

_KEPT_BACK: Final = frozenset(
    {"prompt.denied", "text.denied", "answer.quarantined", "egress.denied", "egress.incident"}
)
_NEWEST: Final = 50


@dataclass(frozen=True, slots=True)
class Denial:
    """One thing that was kept back.

    Attributes:
        entry: Of the ledger.
        at: ISO 8601, UTC.
        kind: Of the event.
        rule: That denied.
        subject: Id of the draft, text or request; "" where the event names none.
    """

    entry: int
    at: str
    kind: str
    rule: str
    subject: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passed and what did not.

    Attributes:
        is_serving: Whether a gateway of this site runs.
        latch: The rule whose breach shut the door; "" where it is open.
        departures: What left, by where to.
        denials: Room and rule to count.
        newest: The newest denials, newest first.
    """

    is_serving: bool
    latch: str
    departures: tuple[Departure, ...]
    denials: dict[str, int]
    newest: tuple[Denial, ...]


def count_traffic(root: Path) -> Traffic:
    """Everything since the site was made.

    Raises:
        LedgerBroken: The ledger can't be read.
    """
    site = open_site(root)
    events = read_events(site)
    kept = [(index, event) for index, event in events if event.kind in _KEPT_BACK]
    return Traffic(
        is_serving=is_locked(site.paths.run / LOCK),
        latch=Latch(site.paths.run).breach(),
        departures=count_departures([event for _, event in events]),
        denials=count_denials([event for _, event in events]),
        newest=tuple(_denial(index, event) for index, event in reversed(kept[-_NEWEST:])),
    )


def _denial(index: int, event: Event) -> Denial:
    facts = event.facts
    subject = facts.get("draft") or facts.get("text") or facts.get("request") or ""
    return Denial(index, event.at, event.kind, str(facts.get("rule", "unknown")), str(subject))
