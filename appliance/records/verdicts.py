"""What the gate found in a text, and what it ruled."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.records.identifiers import Digest


class Decision(StrEnum):
    """The gate's answer; there is no third one."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """One stretch that a detector holds for an identifier; never its text.

    Attributes:
        start: First code point of the input as given.
        end: One past the last.
        entity: Kind of identifier, e.g. "PERSON", "MEDICAL_RECORD_NUMBER".
        score: 0 to 1.
        detector: Name of the detector that reports it.
    """

    start: int
    end: int
    entity: str
    score: float
    detector: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ruling on one text.

    Attributes:
        decision: Allow or deny.
        hits: What counted against it, sorted by position.
        lifted: Hits that a named rule of medical knowledge lifted, sorted.
        reason: Rule that decided, e.g. "no-hit", "identifier", "detector-failed", "unreadable".
        policy_digest: Digest of the policy it was ruled under.
    """

    decision: Decision
    hits: tuple[Hit, ...]
    lifted: tuple[Hit, ...]
    reason: str
    policy_digest: Digest
