"""Asking a model of this machine a list of questions: through the gate, on record, in order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from appliance.errors import BackendRefused
from appliance.gate.clearance import ClearedPrompt, sending_facts
from appliance.gate.opening import open_checker
from appliance.gate.spending import SpentFile
from appliance.learning.basemodels.store import ModelStore
from appliance.records.events import Recorder
from appliance.records.progress import Progress
from appliance.records.prompts import Draft, Route, SamplingParameters
from appliance.records.verdicts import Verdict
from appliance.synthesis.backends.base import Backend
from appliance.synthesis.routing.choice import choose, narrow
from appliance.synthesis.routing.policy import load_routing
from appliance.workflows.dispatch import Inspector
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site
from appliance.workflows.supply import STAMPS, EngineSupply

# The most likely words: what is measured is what the model knows, not how it draws.
PARAMETERS: Final = SamplingParameters(temperature=0.0, max_tokens=48)
# No stamp is older than a few rounds of answers when its prompt is sent.
_ROUNDS: Final = 2


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back.

    Attributes:
        model: Name and digest of the model.
        texts: One for each question, in order; None where nothing was asked or answered.
        was_denied: Of each question, whether the gate kept it here.
    """

    model: str
    texts: tuple[str | None, ...] = field(repr=False)
    was_denied: tuple[bool, ...]

    def part(self, start: int, end: int) -> "Answers":
        """Those of some of the questions."""
        return Answers(self.model, self.texts[start:end], self.was_denied[start:end])


def ask_locally(site: Site, questions: Sequence[Draft], progress: Progress) -> Answers:
    """Every question that the gate lets pass was asked of vLLM on this machine, and of no other.

    Args:
        site: An open site.
        questions: Drafts of any class; they may hold texts that are nobody else's business.
        progress: Told of the engine's start, and of every question.

    Raises:
        Denied: The policy allows no model of this machine.
        BackendUnavailable: The engine could not be started, or died.
    """
    gate = open_site_gate(site)
    policy = narrow(
        load_routing(site.paths.policies / "routing.toml", site.settings.profile), Route.VLLM
    )
    model = ModelStore(site.paths.models).resolve(site.settings.vllm.model)
    spent = SpentFile(site.paths.journal / STAMPS)
    checker = open_checker(site.keys, site.clock, site.policy_digest, Route.VLLM, spent)
    with EngineSupply(site, model, checker, progress) as engine:
        backend = engine.fresh()
        progress.begin("ask", len(questions))
        asking = Asking(site.ledger, gate, site.settings.vllm.at_once, progress)
        usable = {Route.VLLM}
        return asyncio.run(
            asking.ask(backend, questions, lambda draft: choose(draft, policy, usable))
        )


class Asking:
    """Clears questions, puts them on record, and sends them.

    Args:
        recorder: The ledger; each question is in it before it is sent.
        gate: Its stamp is the only way to a backend.
        max_concurrent: Questions at once.
        progress: Told of every question.
    """

    def __init__(
        self, recorder: Recorder, gate: Inspector, max_concurrent: int, progress: Progress
    ) -> None:
        self._recorder = recorder
        self._gate = gate
        self._slots = max_concurrent
        self._progress = progress

    async def ask(
        self,
        backend: Backend,
        questions: Sequence[Draft],
        choose_route: Callable[[Draft], Route],
    ) -> Answers:
        """The answers, in order; a question that was denied or refused has none.

        Args:
            backend: Who answers; it is closed afterwards.
            questions: What is asked.
            choose_route: Raises where the policy does not let a question go anywhere.
        """
        texts: list[str | None] = []
        was_denied: list[bool] = []
        try:
            size = self._slots * _ROUNDS
            for start in range(0, len(questions), size):
                batch = questions[start : start + size]
                rulings: list[ClearedPrompt | Verdict] = []
                for route, group in groupby(batch, choose_route):
                    rulings += await asyncio.to_thread(self._gate.clear_many, list(group), route)
                # The gate has told the ledger of those that it denied.
                was_denied += [isinstance(ruling, Verdict) for ruling in rulings]
                slots = asyncio.Semaphore(self._slots)
                texts += await asyncio.gather(
                    *(self._send(backend, ruling, slots) for ruling in rulings)
                )
        finally:
            await backend.aclose()
        self._progress.end(f"{len(texts)} questions, {sum(was_denied)} kept here by the gate")
        return Answers(backend.model, tuple(texts), tuple(was_denied))

    async def _send(
        self,
        backend: Backend,
        ruling: ClearedPrompt | Verdict,
        slots: asyncio.Semaphore,
    ) -> str | None:
        if isinstance(ruling, Verdict):
            self._progress.advance()
            return None
        async with slots:
            self._recorder.record("prompt.sent", sending_facts(ruling))
            try:
                completion = await backend.complete(ruling, PARAMETERS)
            except BackendRefused:
                # Too long for the engine: no answer, and it counts as none.
                return None
            finally:
                self._progress.advance()
        return completion.text
