"""The gate itself: reads a text, asks every detector, rules, and stamps what passes.

Detectors are asked one after the other, cheap ones first, and the dear ones at the same time.
Lifting looks at one hit, the text and whether another detector alarms at the same place, which can
only keep an alarm; and the ruling only gets stricter with more hits. So as soon as one hit counts,
the text is denied whatever the others would say. Where only the decision is wanted, the work ends
there.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from appliance.errors import Denied, DetectorFailed
from appliance.gate.clearance import ClearedPrompt, Stamper
from appliance.gate.denials import denial_facts
from appliance.gate.detecting import Detector, GuardedDetector
from appliance.gate.knowledge import find_lift, find_witnessed
from appliance.gate.legibility import find_doubt
from appliance.gate.normalisation import Reading
from appliance.gate.policy import PhiPolicy
from appliance.gate.remembering import Hits, Memory
from appliance.gate.ruling import counts, refuse, rule
from appliance.gate.unwrapping.readings import readings
from appliance.gate.vocabulary import Terms
from appliance.records.clock import Clock
from appliance.records.events import Recorder
from appliance.records.identifiers import Digest
from appliance.records.prompts import Draft, Route
from appliance.records.verdicts import Decision, Hit, Verdict

_REMEMBERED: Final = 4096
Answer = Sequence[Hits] | DetectorFailed


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


@dataclass(slots=True)
class _Hearing:
    """One text on its way through the detectors.

    Attributes:
        readings: What the detectors see of it; none where it was refused unread.
        refusal: Why it is denied whatever is found in it, or "".
        found: Per reading, what detectors reported; offsets in the reading.
        counted: What counts against the text; offsets in the input.
        lifted: What a named rule lifted; offsets in the input.
        is_over: Whether nobody need be asked any more.
    """

    readings: tuple[Reading, ...] = field(repr=False)
    refusal: str = ""
    found: list[list[Hit]] = field(default_factory=list)
    counted: list[Hit] = field(default_factory=list)
    lifted: list[Hit] = field(default_factory=list)
    is_over: bool = False


class Gate:
    """Every outgoing text is inspected here; any doubt, error or timeout denies.

    Args:
        rules: What to rule by.
        detectors: All of them must answer, in this order, those of a tuple at the same time; with
            none, nothing passes.
        seed: 32 bytes, the key of the stamps.
        clock: The time.
        recorder: Told of every draft that is denied.
    """

    def __init__(
        self,
        rules: GateRules,
        detectors: Sequence[Detector | tuple[Detector, ...]],
        seed: bytes,
        clock: Clock,
        recorder: Recorder,
    ) -> None:
        self._rules = rules
        self._rounds = [
            [GuardedDetector(each, rules.policy.timeout_s) for each in _as_tuple(one)]
            for one in detectors
        ]
        life = timedelta(minutes=rules.policy.clearance_minutes)
        self._stamper = Stamper(seed, clock, rules.policy_digest, life)
        self._recorder = recorder
        self._memory = Memory(_REMEMBERED)

    @property
    def policy_digest(self) -> Digest:
        """Digest of the policies that this gate rules by."""
        return self._rules.policy_digest

    def inspect(self, text: str) -> Verdict:
        """The verdict on one text; offsets in code points of `text` as given."""
        return self.inspect_many([text])[0]

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """The verdict on each text, in order.

        Args:
            texts: What is to be inspected.
            only_decide: End the work on a text with the first finding that denies it. The decision
                is the same; the verdict need not name every finding.
        """
        hearings = [self._open(text) for text in texts]
        for detectors in self._rounds:
            self._ask(detectors, [one for one in hearings if not one.is_over])
            for one in hearings:
                one.is_over |= bool(one.refusal or (only_decide and one.counted))
        for one in hearings:
            self._remember(one)
        return [self._close(one) for one in hearings]

    def clear(self, draft: Draft, route: Route) -> ClearedPrompt:
        """The draft, stamped for that route.

        Raises:
            Denied: Something in it is, or could be, an identifier; or it could not be read.
        """
        outcome = self.clear_many([draft], route)[0]
        if isinstance(outcome, ClearedPrompt):
            return outcome
        raise Denied(
            f"The gate denies draft {draft.draft_id}: {outcome.reason}, "
            f"{len(outcome.hits)} hit(s).",
            f"See `appliance gate explain {draft.draft_id}`, and mend its label sheet or "
            "vocabulary.",
        )

    def clear_many(self, drafts: Sequence[Draft], route: Route) -> list[ClearedPrompt | Verdict]:
        """Each draft, in order: stamped for that route, or the verdict that denies it.

        The ledger has each denial.
        """
        verdicts = self.inspect_many([draft.prompt for draft in drafts], only_decide=True)
        return [self._settle(*case, route) for case in zip(drafts, verdicts, strict=True)]

    def _settle(self, draft: Draft, verdict: Verdict, route: Route) -> ClearedPrompt | Verdict:
        if verdict.decision is Decision.ALLOW:
            return self._stamper.stamp(draft, route)
        facts = {"draft": draft.draft_id} | denial_facts(verdict)
        self._recorder.record("prompt.denied", facts)
        return verdict

    def _open(self, text: str) -> _Hearing:
        """The text read; or refused unread; or, where it was read before, heard already."""
        refusal = self._refuse_unread(text)
        if refusal:
            return _Hearing((), refusal, is_over=True)
        try:
            read = readings(text)
            refusal = find_doubt(text, [one.text for one in read]) or ""
        except Exception:  # noqa: BLE001 - whatever keeps it from being read, it can't pass
            return _Hearing((), "unreadable", is_over=True)
        hearing = _Hearing(read, refusal, [[] for _ in read], is_over=bool(refusal))
        if not refusal:
            self._recall(hearing)
        return hearing

    def _refuse_unread(self, text: str) -> str:
        if self._rules.refuse_all:
            return self._rules.refuse_all
        if not self._rounds:
            return "no-detector"
        return "too-long" if len(text) > self._rules.policy.max_characters else ""

    def _recall(self, hearing: _Hearing) -> None:
        known = [self._memory.find(self._memory.digest(one.text)) for one in hearing.readings]
        if None not in known:
            self._take(hearing, [hits or () for hits in known])
            hearing.is_over = True

    def _remember(self, hearing: _Hearing) -> None:
        """Only what every detector has answered is remembered."""
        if not hearing.is_over:
            for reading, hits in zip(hearing.readings, hearing.found, strict=True):
                self._memory.keep(self._memory.digest(reading.text), tuple(hits))

    def _ask(self, detectors: Sequence[GuardedDetector], hearings: Sequence[_Hearing]) -> None:
        for answers in self._hear(detectors, hearings) if hearings else ():
            for hearing, answer in zip(hearings, answers, strict=True):
                if isinstance(answer, DetectorFailed):
                    hearing.refusal = f"detector-failed: {answer.what}"
                else:
                    self._take(hearing, answer)

    def _hear(
        self, detectors: Sequence[GuardedDetector], hearings: Sequence[_Hearing]
    ) -> list[list[Answer]]:
        """What each detector says of each text; all are at work at the same time."""
        texts = [one.text for each in hearings for one in each.readings]
        with ExitStack() as turns:
            asked = [turns.enter_context(detector.asked(texts)) for detector in detectors]
            answers = [_wait(answer) for answer in asked]
        return [
            self._share(detector, answer, hearings)
            for detector, answer in zip(detectors, answers, strict=True)
        ]

    def _share(
        self,
        detector: GuardedDetector,
        answer: list[Hits] | DetectorFailed,
        hearings: Sequence[_Hearing],
    ) -> list[Answer]:
        """What is found in the readings of each text, or how the detector failed with it."""
        if not isinstance(answer, DetectorFailed):
            found = iter(answer)
            return [[next(found) for _ in hearing.readings] for hearing in hearings]
        if len(hearings) == 1:
            return [answer]
        # One bad text must not deny its neighbours.
        return [self._hear([detector], [one])[0][0] for one in hearings]

    def _take(self, hearing: _Hearing, answers: Sequence[Hits]) -> None:
        """All that was found in each reading so far counts or is lifted.

        A hit that was lifted while it was alone may stand now that another detector agrees.
        """
        if not any(answers):
            return
        hearing.counted.clear()
        hearing.lifted.clear()
        try:
            for reading, found, hits in zip(hearing.readings, hearing.found, answers, strict=True):
                found.extend(hits)
                witnessed = find_witnessed(found)
                for hit in found:
                    self._weigh(hearing, reading, hit, has_witness=hit in witnessed)
        except Exception:  # noqa: BLE001 - a lift that can't be looked up leaves a doubt
            hearing.refusal = "not-ruled"

    def _weigh(self, hearing: _Hearing, reading: Reading, hit: Hit, *, has_witness: bool) -> None:
        rule_name = find_lift(reading.text, hit, self._rules.terms, has_witness=has_witness)
        if rule_name is not None:
            hearing.lifted.append(_to_input(reading, hit, f"{hit.detector}:{rule_name}"))
        elif counts(hit, self._rules.policy):
            hearing.counted.append(_to_input(reading, hit, hit.detector))

    def _close(self, hearing: _Hearing) -> Verdict:
        if hearing.refusal:
            return refuse(hearing.refusal, self.policy_digest, hearing.counted)
        return rule(hearing.counted, hearing.lifted, self._rules.policy, self.policy_digest)


def _as_tuple(detectors: Detector | tuple[Detector, ...]) -> tuple[Detector, ...]:
    return detectors if isinstance(detectors, tuple) else (detectors,)


def _wait(answer: Callable[[], list[Hits]]) -> list[Hits] | DetectorFailed:
    try:
        return answer()
    except DetectorFailed as failure:
        return failure


def _to_input(reading: Reading, hit: Hit, detector: str) -> Hit:
    start, end = reading.to_input(hit.start, hit.end)
    return Hit(start, end, hit.entity, hit.score, detector)
