"""What left and what was kept back, counted from the ledger for the report of an audit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from appliance.ledger import entry as entries
from appliance.ledger import files as ledger_files
from appliance.records.audits import Departure
from appliance.records.events import Event

_PLACES: Final = {
    "vllm": " (a model on this machine: nothing left the building)",
    "chatgpt": " (through the gateway, out of the building)",
}
_EXPORTS: Final = {
    "corpus.exported": "corpora written for other tools",
    "product.released": "corpora and adapters that were released",
    "ledger.exported": "stretches of the ledger written for an auditor",
    "support.bundled": "support bundles: counts, settings and words of a fixed list, no text",
    "backup.created": "backups, encrypted to those who may open them",
    "findings.exported": "findings written for other tools, kept in the site",
    "findings.extracted": "extractions, kept in the site",
}


def salvage_events(ledger: Path) -> list[Event]:
    """Every line of the ledger that is an entry, whatever else is wrong with it."""
    events = []
    path = ledger / ledger_files.ENTRIES
    if not path.exists():
        return []
    with path.open("rb") as file:
        for line in file:
            try:
                events.append(entries.decode(line[entries.TAG_DIGITS + 1 : -1])[1])
            except entries.Malformed:
                continue
    return events


def count_departures(events: Sequence[Event]) -> tuple[Departure, ...]:
    """By what went where: prompts, requests to a provider, exports, releases."""
    by_route = Counter(
        str(event.facts.get("route")) for event in events if event.kind == "prompt.sent"
    )
    rows = [
        Departure(f"prompts to {route}{_PLACES.get(route, '')}", count, "")
        for route, count in sorted(by_route.items())
    ]
    intents = [event.facts for event in events if event.kind == "egress.intended"]
    answers = [event.facts for event in events if event.kind == "egress.answered"]
    if intents:
        octets = _sum(intents, "bytes")
        tokens = _sum(answers, "prompt_tokens") + _sum(answers, "completion_tokens")
        rows.append(
            Departure(
                "requests out of the building, to the provider",
                len(intents),
                f"{octets} bytes, {tokens} tokens",
            )
        )
    for kind, what in _EXPORTS.items():
        # An export that needed a release is counted as what it is.
        count = sum(
            event.kind == kind and event.facts.get("how", "released") == "released"
            for event in events
        )
        if count:
            rows.append(Departure(what, count, ""))
    return tuple(rows)


def count_denials(events: Sequence[Event]) -> dict[str, int]:
    """By what was kept back, and the rule that did."""
    rooms = {
        "prompt.denied": "prompt",
        "text.denied": "scanned text",
        "answer.quarantined": "answer",
        "egress.denied": "request",
    }
    counts = Counter(
        f"{rooms[event.kind]}: {event.facts.get('rule', 'unknown')}"
        for event in events
        if event.kind in rooms
    )
    counts += Counter("reply kept back" for event in events if event.kind == "egress.incident")
    return dict(sorted(counts.items()))


def _sum(facts: Sequence[Mapping[str, Any]], name: str) -> int:
    """Of what are whole numbers: a line that was tampered with may hold anything."""
    return sum(value for one in facts if isinstance(value := one.get(name), int))
