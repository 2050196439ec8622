"""Which adapters a site has, how they were judged, and which one is in use."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.records.cards import AdapterCard
from appliance.records.identifiers import Digest


class Standing(StrEnum):
    """What the site thinks of an adapter."""

    TRAINED = "trained"
    """It is there."""
    PROMOTED = "promoted"
    """It is the one of its task."""
    RETIRED = "retired"
    """It reads no note any more."""


@dataclass(frozen=True, slots=True)
class RecordedEvaluation:
    """One evaluation, as the ledger has it.

    Attributes:
        entry: Index in the ledger.
        at: ISO 8601, UTC.
        actor: Who ran it: the operating system's user name.
        gold_digest: Of ids, texts and spans of the gold.
        documents: Count.
        measure: "strict F1" of entities, "macro-F1" of relations.
        value: Of the measure, 0 to 1.
        ci_low: Lower bound of its 95 % interval.
        ci_high: Its upper bound.
    """

    entry: int
    at: str
    actor: str
    gold_digest: Digest
    documents: int
    measure: str
    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, slots=True)
class Registered:
    """One adapter of the site.

    Attributes:
        card: What it was made of, and how.
        digest: Of its manifest: what evaluations and promotions are bound to.
        standing: Its place now.
        since: When it came to that, ISO 8601, UTC; "" where the ledger does not know.
        by: Who brought it there.
        trained_entry: Index of the ledger's entry about its training; -1 where there is none.
        trained_by: Who trained it.
        evaluations: Of these very bytes, oldest first.
    """

    card: AdapterCard
    digest: Digest
    standing: Standing
    since: str
    by: str
    trained_entry: int
    trained_by: str
    evaluations: tuple[RecordedEvaluation, ...]
