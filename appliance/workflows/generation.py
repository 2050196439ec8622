"""The accept-loop: drafts through the gate to a backend, answers through curation to examples.

Many requests are in flight, yet answers are judged in the drafts' order: so the examples depend
on the answers alone, and a run that was killed ends with the same corpus.
"""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from appliance.errors import Exhausted
from appliance.gate.denials import denial_facts
from appliance.records.events import Fact, Recorder
from appliance.records.examples import Example
from appliance.records.progress import Progress
from appliance.records.prompts import Completion, Draft, DraftKind, Route
from appliance.records.verdicts import Decision, Verdict
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.reasons import Reason
from appliance.workflows.dispatch import Dispatcher, Inspector
from appliance.workflows.sheet_denials import Denials, tell_denied

# A model that gives one example in eight has the wrong prompt, not bad luck.
DRAFTS_PER_EXAMPLE: Final = 8
SPARE_DRAFTS: Final = 64
DENIED_IN_A_ROW: Final = 64
_BATCH: Final = 16
# Answers wait in line for a slower one before them: so many times what is in flight may wait.
_LINE: Final = 4
# Used to stop sending near the end; measured yields lie between 0.6 and 0.7.
_EXPECTED_YIELD: Final = 0.6


@dataclass(slots=True)
class Tally:
    """What has happened so far; examples are in the drafts' order."""

    examples: list[Example]
    routes: Counter[Route]
    models: Counter[str]
    kinds: Counter[DraftKind] = field(default_factory=Counter)
    drafts: int = 0
    denied: int = 0
    repeated: int = 0
    completions: int = 0
    from_journal: int = 0
    prompt_tokens: Counter[Route] = field(default_factory=Counter)
    completion_tokens: Counter[Route] = field(default_factory=Counter)
    judged: "hashlib._Hash" = field(default_factory=hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the loop works with.

    Attributes:
        curator: Judges answers.
        max_concurrent: Requests that an engine works on at once.
        denials: Counts what drafts are denied for.
        gate: Reads what the curator would take.
        recorder: The ledger.
    """

    curator: Curator
    max_concurrent: int
    denials: Denials
    gate: Inspector
    recorder: Recorder


Answer = asyncio.Task[Completion | None] | Completion | None


class Generation:
    """One run towards `count` examples; survives the loss of its backend.

    Args:
        rooms: What it works with.
        drafts: The endless stream.
        count: Examples wanted.
        progress: Told of every example.
    """

    def __init__(
        self, rooms: Rooms, drafts: Iterator[Draft], count: int, progress: Progress
    ) -> None:
        self._rooms = rooms
        self._drafts = drafts
        self._count = count
        self._progress = progress
        self._known: set[str] = set()
        self._again: deque[Draft] = deque()
        self._line: deque[tuple[Draft, Answer]] = deque()
        self._denied_in_a_row = 0
        self.tally = Tally([], Counter(), Counter())

    async def run(self, dispatcher: Dispatcher) -> None:
        """`count` examples are in the tally.

        Raises:
            Exhausted: They can't be had; the reasons are counted.
            BackendUnavailable: A backend is gone; call again with others to go on.
            PrivacyError: A stamp was refused.
        """
        try:
            while len(self.tally.examples) < self._count:
                while self._wants_more():
                    await self._fill(dispatcher)
                draft, answer = self._line[0]
                completion = await answer if isinstance(answer, asyncio.Task) else answer
                self._line.popleft()
                self._judge(draft, completion)
        finally:
            await self._step_back()

    def begin(self, progress: Progress) -> None:
        """The progress shows what there is already."""
        progress.begin("synthesize", self._count)
        progress.advance(len(self.tally.examples))

    def summary(self) -> str:
        """One line of counts."""
        tally = self.tally
        share = len(tally.examples) / max(1, tally.completions)
        return (
            f"{len(tally.examples)} examples from {tally.completions} answers ({share:.0%}), "
            f"{tally.from_journal} from the journal, {tally.denied} drafts denied"
        )

    def _wants_more(self) -> bool:
        waiting = len(self._line)
        missing = self._count - len(self.tally.examples)
        wanted = min(_LINE * self._rooms.max_concurrent, missing / _EXPECTED_YIELD)
        return waiting == 0 or (waiting < wanted and (bool(self._again) or self._has_more()))

    async def _fill(self, dispatcher: Dispatcher) -> None:
        batch = list(islice(self._next_drafts(), _BATCH))
        if not batch and not self._line:
            raise self._exhausted()
        answers: list[Answer] = [dispatcher.find(draft) for draft in batch]
        fresh = [at for at, answer in enumerate(answers) if answer is None]
        # Held here until all are in line: nothing is forgotten if the gate raises.
        self._again.extendleft(reversed(batch))
        rulings = await dispatcher.clear([batch[at] for at in fresh])
        for at, ruling in zip(fresh, rulings, strict=True):
            # The gate has told the ledger of those that it denied.
            if isinstance(ruling, Verdict):
                self._rooms.denials.add(batch[at], ruling)
            else:
                answers[at] = asyncio.create_task(dispatcher.send(ruling))
        for draft, answer in zip(batch, answers, strict=True):
            self._again.popleft()
            self._line.append((draft, answer))
            self.tally.from_journal += isinstance(answer, Completion)

    def _next_drafts(self) -> Iterator[Draft]:
        """Drafts that were taken back, then new ones, until there were too many."""
        while self._again:
            yield self._again.popleft()
        while self._has_more():
            draft = next(self._drafts)
            self.tally.drafts += 1
            if draft.draft_id in self._known:
                self.tally.repeated += 1
                continue
            self._known.add(draft.draft_id)
            yield draft

    def _has_more(self) -> bool:
        bound = self._count * DRAFTS_PER_EXAMPLE + SPARE_DRAFTS
        return self.tally.drafts < bound and self._denied_in_a_row < DENIED_IN_A_ROW

    def _judge(self, draft: Draft, completion: Completion | None) -> None:
        if completion is None:
            self.tally.denied += 1
            self._denied_in_a_row += 1
            return
        self._denied_in_a_row = 0
        tally = self.tally
        tally.completions += 1
        tally.routes[completion.route] += 1
        tally.prompt_tokens[completion.route] += completion.prompt_tokens
        tally.completion_tokens[completion.route] += completion.completion_tokens
        tally.judged.update(draft.draft_id.encode())
        example = self._rooms.curator.consider(draft, completion)
        if example is not None and self._is_clear(example):
            tally.examples.append(example)
            tally.models[completion.model] += 1
            tally.kinds[draft.kind] += 1
            share = len(tally.examples) / tally.completions
            self._progress.advance(1, f"{share:.0%} of answers accepted")

    def _is_clear(self, example: Example) -> bool:
        """Whether the gate finds nothing in it: an invented patient may bear a real one's name.

        What it denies is on record and counted; the answer stays in the run's journal.
        """
        (verdict,) = self._rooms.gate.inspect_many([example.text], only_decide=True)
        if verdict.decision is Decision.ALLOW:
            return True
        self._rooms.curator.dropped[Reason.QUARANTINED if verdict.hits else Reason.ILLEGIBLE] += 1
        facts: dict[str, Fact] = {"draft": example.draft_id} | denial_facts(verdict)
        self._rooms.recorder.record("answer.quarantined", facts)
        return False

    async def _step_back(self) -> None:
        """Nothing runs on; what was asked and not judged will be taken up again."""
        tasks = [answer for _, answer in self._line if isinstance(answer, asyncio.Task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._again.extendleft(draft for draft, _ in reversed(self._line))
        self._line.clear()

    def _exhausted(self) -> Exhausted:
        tally = self.tally
        counted = {"denied": tally.denied, "repeated draft": tally.repeated}
        counted |= {reason.value: count for reason, count in self._rooms.curator.dropped.items()}
        reasons = ", ".join(f"{name} {count}" for name, count in counted.items() if count)
        next_step = "Add terms or demonstrations to the label sheet, or ask for fewer examples."
        denied = self._rooms.denials.worth_telling(tally.denied + tally.completions)
        if denied:
            next_step = f"{tell_denied(denied)} {next_step}"
        return Exhausted(
            f"{len(tally.examples)} of {self._count} examples after {tally.drafts} drafts; "
            f"not kept: {reasons or 'none'}.",
            next_step,
        )
