"""A denial as the ledger keeps it: what was ruled and where, never the words.

Each finding is one fact, `ENTITY:detector:start:end:score`. `appliance gate explain` reads it back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appliance.records.events import Fact
from appliance.records.verdicts import Hit, Verdict

# More findings than that explain nothing more; the count of all is a fact of its own.
_KEPT: Final = 16
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._/@+=-]+")
_LONGEST: Final = 120
_FINDING: Final = "finding_"


@dataclass(frozen=True, slots=True)
class Denial:
    """A denial read back.

    Attributes:
        rule: Why it was denied, e.g. "identifier", "detector-failed".
        detail: What the rule adds, or "".
        count: Findings in all.
        findings: The first of them, in order.
    """

    rule: str
    detail: str
    count: int
    findings: tuple[Hit, ...]


def denial_facts(verdict: Verdict) -> dict[str, Fact]:
    """Facts of an event that says why a text was denied; the caller adds the text's id."""
    rule, _, detail = verdict.reason.partition(":")
    facts: dict[str, Fact] = {"rule": _fit(rule), "hits": len(verdict.hits)}
    if detail.strip():
        facts["detail"] = _fit(detail.strip())
    for number, hit in enumerate(verdict.hits[:_KEPT]):
        facts[f"{_FINDING}{number:02}"] = (
            f"{_fit(hit.entity)}:{_fit(hit.detector)}:{hit.start}:{hit.end}:{hit.score:.4f}"
        )
    return facts


def read_denial(facts: Mapping[str, Fact]) -> Denial:
    """The denial that an event's facts tell of."""
    findings = [str(facts[key]) for key in sorted(facts) if key.startswith(_FINDING)]
    return Denial(
        rule=str(facts.get("rule", "")),
        detail=str(facts.get("detail", "")),
        count=int(facts.get("hits", 0)),
        findings=tuple(map(_read_finding, findings)),
    )


def _read_finding(fact: str) -> Hit:
    entity, detector, start, end, score = fact.split(":")
    return Hit(int(start), int(end), entity, float(score), detector)


def _fit(words: str) -> str:
    """In a form that the ledger takes: no blank, no colon, not long."""
    return _UNFIT.sub("-", words)[:_LONGEST].strip("-")
