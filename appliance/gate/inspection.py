"""The gate itself: reads a text, asks every detector, rules, and stamps what passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from appliance.errors import Denied, DetectorFailed
from appliance.gate.clearance import ClearedPrompt, Stamper
from appliance.gate.detecting import Detector, GuardedDetector, Hits
from appliance.gate.knowledge import find_lift
from appliance.gate.legibility import find_illegible
from appliance.gate.normalisation import Reading, normalise
from appliance.gate.policy import PhiPolicy
from appliance.gate.ruling import refuse, rule
from appliance.gate.vocabulary import Terms
from appliance.records.clock import Clock
from appliance.records.identifiers import Digest
from appliance.records.prompts import Draft
from appliance.records.verdicts import Decision, Hit, Verdict


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a gate rules by.

    Attributes:
        policy: The parsed `phi.toml`.
        policy_digest: Digest of all policies in force, `phi.toml` among them.
        terms: Public terms of the label sheets.
        refuse_all: Reason why nothing may pass at all, or "".
    """

    policy: PhiPolicy
    policy_digest: Digest
    terms: Terms
    refuse_all: str = ""


class Gate:
    """Every outgoing text is inspected here; any doubt, error or timeout denies.

    Args:
        rules: What to rule by.
        detectors: All of them must answer; with none, nothing passes.
        seed: 32 bytes, the key of the stamps.
        clock: The time.
    """

    def __init__(
        self, rules: GateRules, detectors: Sequence[Detector], seed: bytes, clock: Clock
    ) -> None:
        self._rules = rules
        self._detectors = [GuardedDetector(one, rules.policy.timeout_s) for one in detectors]
        life = timedelta(minutes=rules.policy.clearance_minutes)
        self._stamper = Stamper(seed, clock, rules.policy_digest, life)

    @property
    def policy_digest(self) -> Digest:
        """Digest of the policies that this gate rules by."""
        return self._rules.policy_digest

    def inspect(self, text: str) -> Verdict:
        """The verdict on one text; offsets in code points of `text` as given."""
        return self.inspect_many([text])[0]

    def inspect_many(self, texts: Sequence[str]) -> list[Verdict]:
        """The verdict on each text, in order; one pass through every detector."""
        verdicts: list[Verdict | None] = [self._refuse_unread(text) for text in texts]
        readings = {
            index: normalise(text)
            for index, (text, verdict) in enumerate(zip(texts, verdicts, strict=True))
            if verdict is None
        }
        for index, reading in readings.items():
            reason = find_illegible(reading.text)
            if reason is not None:
                verdicts[index] = refuse(reason, self.policy_digest)
        open_cases = [index for index in readings if verdicts[index] is None]
        ruled = self._hear([readings[index] for index in open_cases])
        for index, verdict in zip(open_cases, ruled, strict=True):
            verdicts[index] = verdict
        return [verdict or refuse("not-inspected", self.policy_digest) for verdict in verdicts]

    def clear(self, draft: Draft) -> ClearedPrompt:
        """The draft, stamped.

        Raises:
            Denied: Something in it is, or could be, an identifier; or it could not be read.
        """
        outcome = self.clear_many([draft])[0]
        if isinstance(outcome, ClearedPrompt):
            return outcome
        raise Denied(
            f"The gate denies draft {draft.draft_id}: {outcome.reason}, "
            f"{len(outcome.hits)} hit(s).",
            "Look at it with `appliance gate scan`, and mend its label sheet or vocabulary.",
        )

    def clear_many(self, drafts: Sequence[Draft]) -> list[ClearedPrompt | Verdict]:
        """Each draft, in order: stamped, or the verdict that denies it."""
        verdicts = self.inspect_many([draft.prompt for draft in drafts])
        return [
            self._stamper.stamp(draft) if verdict.decision is Decision.ALLOW else verdict
            for draft, verdict in zip(drafts, verdicts, strict=True)
        ]

    def _refuse_unread(self, text: str) -> Verdict | None:
        if self._rules.refuse_all:
            return refuse(self._rules.refuse_all, self.policy_digest)
        if not self._detectors:
            return refuse("no-detector", self.policy_digest)
        if len(text) > self._rules.policy.max_characters:
            return refuse("too-long", self.policy_digest)
        return None

    def _hear(self, readings: Sequence[Reading]) -> list[Verdict]:
        if not readings:
            return []
        try:
            found = self._ask([reading.text for reading in readings])
        except DetectorFailed as failure:
            if len(readings) == 1:
                return [refuse(_failed(failure), self.policy_digest)]
            # One bad text must not deny its neighbours.
            return [self._hear([reading])[0] for reading in readings]
        return [self._rule(*case) for case in zip(readings, found, strict=True)]

    def _ask(self, texts: Sequence[str]) -> list[Hits]:
        answers = [detector.detect(texts) for detector in self._detectors]
        return [
            tuple(hit for answer in answers for hit in answer[index]) for index in range(len(texts))
        ]

    def _rule(self, reading: Reading, hits: Hits) -> Verdict:
        counted: list[Hit] = []
        lifted: list[Hit] = []
        for hit in hits:
            rule_name = find_lift(reading.text, hit, self._rules.terms, hits)
            if rule_name is None:
                counted.append(_to_input(reading, hit, hit.detector))
            else:
                lifted.append(_to_input(reading, hit, f"{hit.detector}:{rule_name}"))
        return rule(counted, lifted, self._rules.policy, self.policy_digest)


def _to_input(reading: Reading, hit: Hit, detector: str) -> Hit:
    start, end = reading.to_input(hit.start, hit.end)
    return Hit(start, end, hit.entity, hit.score, detector)


def _failed(failure: DetectorFailed) -> str:
    """Which detector, and how: the message holds names only."""
    return f"detector-failed: {failure.what}"
