"""What an audit found: one result for each attack, in counts, names and rules, never in text."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

COMPLETED: Final = "audit.completed"
"""Kind of the event that anchors a report: its digests and its verdict."""
KEPT: Final = "audits"
"""Directory below SITE/reports where each audit's JSON is kept under its digest."""


PAYLOADS: Final = 1_000
"""Identifiers that an audit sends against the gate where nobody asks for fewer."""
SEARCHED: Final = "most patients searched for"
"""Name of that count in a report."""
PATIENTS: Final = 2_000
"""Most patients whose identifiers it searches for; a release asks for no fewer."""


class Standing(StrEnum):
    """What an attack came to; there is no fourth way."""

    PASS = "pass"  # noqa: S105 - a standing
    FAIL = "fail"
    NOT_TESTED = "not tested"


class Overall(StrEnum):
    """What a whole audit came to; pass says that nothing which was tried succeeded."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCOMPLETE = "incomplete"
    """Nothing succeeded, and something that should have been tried could not be."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure with its 95 % interval.

    Attributes:
        name: What is estimated.
        value: The figure; None where nothing could be counted.
        low: Lower bound; None where the figure is a plain count.
        high: Upper bound.
        total: How many cases it rests on.
        unit: "share" (0 to 1), "area" (under a curve; 0.5 is guessing), "words", "patients",
            "nats", "count".
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    total: int
    unit: str = "share"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that makes an attack's claim false.

    Attributes:
        rule: Stable name, e.g. "ledger.missing", "overlap.copied-note".
        where: Entry, file, corpus or adapter, by name; never by content.
        what: One sentence in counts.
        fix: What to do about it.
    """

    rule: str
    where: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one set of bars of a chart: n places and n values."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Figures to be drawn.

    Attributes:
        kind: "histogram" (grouped bars over `xs`), "roc" (lines on logarithmic axes), "bounds"
            (low and high of each label) or "epsilon" (a least at `xs`, and a most where there is
            one, for the label at each of `ys`).
        caption: What it shows, as a sentence.
        x_label: With its unit.
        y_label: With its unit.
        series: What is drawn.
        labels: Names of the places, where these are not numbers.
    """

    kind: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What became of one attack.

    Attributes:
        attack: Its name.
        claim: What must hold, as a statement.
        standing: Whether it does.
        summary: One sentence of counts; why, where it was not tested.
        estimates: Figures with intervals.
        problems: What makes the claim false; empty unless it failed.
        blind_spots: What the attack could not have detected, one sentence each.
        charts: To be drawn.
        is_broken: Whether the attack itself could not be carried out.
        seconds: How long it took.
    """

    attack: str
    claim: str
    standing: Standing
    summary: str
    estimates: tuple[Estimate, ...] = ()
    problems: tuple[Problem, ...] = ()
    blind_spots: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    is_broken: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of a law or standard, and the evidence that this audit has for it.

    Attributes:
        rule: As it is cited, e.g. "164.312(b)".
        text: What it asks for, in a few words.
        standing: Pass where all of the evidence passes; not tested where some is missing.
        evidence: Names of attacks and checks, each with what it came to.
    """

    rule: str
    text: str
    standing: Standing
    evidence: str


@dataclass(frozen=True, slots=True)
class HarborRow:
    """One of the 18 identifiers of 45 CFR 164.514(b)(2)(i), and how many of them the gate stops.

    Attributes:
        letter: (A) to (R).
        name: What it is.
        stopped: Registered identifiers of the kind that were stopped, as written; None where the
            registry has none.
    """

    letter: str
    name: str
    stopped: Estimate | None


@dataclass(frozen=True, slots=True)
class Departure:
    """What left a room or the site: where to, how often, how much."""

    where: str
    count: int
    amount: str


@dataclass(frozen=True, slots=True)
class Trend:
    """One attack now and in the audit before."""

    attack: str
    before: Standing
    now: Standing
    what: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All that an audit found.

    Attributes:
        site: Origin of the ledger.
        profile: Of the site; "" where the settings can't be read.
        made_at: ISO 8601, UTC.
        version: Of the product.
        policy_digest: Of the policies in force.
        entries: Of the ledger when the audit began.
        root: Of the ledger then, hex; "" where it is broken.
        verdict: Fail where one attack succeeded, incomplete where one could not be carried out.
        results: Of all attacks, in order.
        departures: What left.
        denials: What was denied, by room and rule.
        hipaa: Lines of 45 CFR 164.312 and 164.308(a)(8).
        harbor: The 18 rows.
        mappings: Lines of the GDPR and of NIST SP 800-53.
        not_tested: What this audit says nothing about, one sentence each.
        trend: Beside the audit before; empty where there was none.
        before: When that was, ISO 8601; "" where there was none.
        seconds: How long it took.
        asked: How it was to be done: counts by name.
    """

    site: str
    profile: str
    made_at: str
    version: str
    policy_digest: str
    entries: int
    root: str
    verdict: Overall
    results: tuple[AttackResult, ...]
    departures: tuple[Departure, ...]
    denials: dict[str, int]
    hipaa: tuple[Line, ...]
    harbor: tuple[HarborRow, ...]
    mappings: tuple[Line, ...]
    not_tested: tuple[str, ...]
    trend: tuple[Trend, ...]
    before: str
    seconds: float
    asked: dict[str, int]
