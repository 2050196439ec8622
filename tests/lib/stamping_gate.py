"""A gate without detectors: stamps with the real key what it is not told to deny."""

from collections.abc import Sequence
from datetime import timedelta

from appliance.gate.clearance import ClearanceChecker, ClearedPrompt, Stamper
from appliance.gate.denials import denial_facts
from appliance.gate.spending import SpentInMemory
from appliance.records.clock import Clock
from appliance.records.events import Recorder
from appliance.records.identifiers import Digest
from appliance.records.prompts import Draft, Route
from appliance.records.verdicts import Decision, Hit, Verdict
from tests.lib.memory_vault import EventList

_LIFE = timedelta(minutes=30)
_SEED = bytes(range(32))


class StampingGate:
    """Stamps every draft, but those whose prompt holds the word it denies.

    For tests of what comes after the gate; the gate itself is tested with its detectors.
    """

    def __init__(
        self,
        clock: Clock,
        policy_digest: Digest,
        denied_word: str = "",
        recorder: Recorder | None = None,
    ) -> None:
        self._clock = clock
        self._policy_digest = policy_digest
        self._denied_word = denied_word
        self._recorder = recorder or EventList()
        self._stamper = Stamper(_SEED, clock, policy_digest, _LIFE)

    def clear_many(
        self, drafts: Sequence[Draft], route: Route = Route.VLLM
    ) -> list[ClearedPrompt | Verdict]:
        """Each draft, in order: stamped for that route, or denied."""
        return [self._rule(draft, route) for draft in drafts]

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """Each text, in order: denied where it holds that word."""
        del only_decide
        return [self._read(text) for text in texts]

    def checker(self, route: Route = Route.VLLM) -> ClearanceChecker:
        """The side at that route's door, as `open_checker` gives it."""
        spent = SpentInMemory()
        return ClearanceChecker(_SEED, self._clock, self._policy_digest, _LIFE, route, spent)

    def _rule(self, draft: Draft, route: Route) -> ClearedPrompt | Verdict:
        verdict = self._read(draft.prompt)
        if verdict.decision is Decision.ALLOW:
            return self._stamper.stamp(draft, route)
        facts = {"draft": draft.draft_id} | denial_facts(verdict)
        self._recorder.record("prompt.denied", facts)
        return verdict

    def _read(self, text: str) -> Verdict:
        start = text.find(self._denied_word) if self._denied_word else -1
        if start < 0:
            return Verdict(Decision.ALLOW, (), (), "no-hit", self._policy_digest)
        hit = Hit(start, start + len(self._denied_word), "PERSON", 0.9, "stamping")
        return Verdict(Decision.DENY, (hit,), (), "identifier", self._policy_digest)
