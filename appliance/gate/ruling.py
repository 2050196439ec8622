"""The ruling: a pure function of hits and policy; more evidence never helps a text pass."""

from collections.abc import Iterable, Sequence

from appliance.gate.policy import PhiPolicy
from appliance.records.identifiers import Digest
from appliance.records.verdicts import Decision, Hit, Verdict


def rule(
    hits: Iterable[Hit], lifted: Iterable[Hit], policy: PhiPolicy, policy_digest: Digest
) -> Verdict:
    """The verdict on one text whose detectors all answered.

    A text is denied as soon as one hit reaches its entity's threshold. Adding a hit can therefore
    only turn allow into deny; of other hits lifting knows only that one is at the same place, which
    keeps an alarm.

    Args:
        hits: What counts against the text.
        lifted: Hits that a named rule of medical knowledge lifted; kept for the record.
        policy: The rules in force.
        policy_digest: Digest of all policies in force.
    """
    counted = tuple(sorted({hit for hit in hits if counts(hit, policy)}))
    decision = Decision.DENY if counted else Decision.ALLOW
    reason = "identifier" if counted else "no-hit"
    return Verdict(decision, counted, tuple(sorted(set(lifted))), reason, policy_digest)


def counts(hit: Hit, policy: PhiPolicy) -> bool:
    """Whether the hit alone denies the text that it is in."""
    return hit.score >= policy.threshold(hit.entity)


def refuse(reason: str, policy_digest: Digest, hits: Sequence[Hit] = ()) -> Verdict:
    """Deny without a hearing: a text that can't be read, a detector that can't say."""
    return Verdict(Decision.DENY, tuple(sorted(set(hits))), (), reason, policy_digest)
