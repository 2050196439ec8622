"""One cleared prompt from the choice of its route to its completion in the journal."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Final, Protocol

from appliance.artifacts.batching import Batcher
from appliance.errors import (
    BackendBusy,
    BackendRefused,
    BackendUnavailable,
    Exhausted,
    PrivacyError,
)
from appliance.gate.clearance import ClearedPrompt, sending_facts
from appliance.records.clock import Clock
from appliance.records.events import Fact, ManyRecorder
from appliance.records.identifiers import DraftId
from appliance.records.prompts import Completion, Draft, Route, SamplingParameters
from appliance.records.verdicts import Verdict
from appliance.synthesis.backends.base import Backend
from appliance.synthesis.journal.keys import request_key
from appliance.synthesis.journal.store import Journal
from appliance.synthesis.prompting.template import VERSION
from appliance.synthesis.routing.breaker import Breaker
from appliance.synthesis.routing.budget import Budget
from appliance.synthesis.routing.choice import choose
from appliance.synthesis.routing.concurrency import Pace
from appliance.synthesis.routing.policy import RoutingPolicy
from appliance.workflows.supply import Supply

# A provider that only ever asks to wait is as good as down.
_LONGEST_WAIT_S: Final = 900.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_SETTLING_S: Final = 0.1
_LASTING: Final = timedelta(minutes=2)
_MOST_AT_ONCE: Final = 256
# One in so many more than an engine works on waits at its door: it never waits for our disks.
_SPARE: Final = 4
# A prompt waits for others for this part of the time that an engine takes to answer, which is less
# than what waits at its door bridges; an answer waits longer, and holds no place.
_PATIENCE: Final = 0.2
_SHORTEST_PATIENCE_S: Final = 0.02
_LONGEST_PATIENCE_S: Final = 0.5
# The next answer's share in what an answer is said to take.
_LATEST: Final = 0.1
Intent = tuple[str, Mapping[str, Fact]]
Answer = tuple[str, Completion]


class Inspector(Protocol):
    """The gate, as the accept-loop needs it."""

    def clear_many(self, drafts: Sequence[Draft], route: Route) -> list[ClearedPrompt | Verdict]:
        """Each draft, in order: stamped for that route, or the verdict that denies it."""

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """The verdict on each text, in order; with `only_decide` its first finding is enough."""


@dataclass(slots=True)
class CloudState:
    """What is known of the route chatgpt; outlives a backend.

    Attributes:
        budget: What may be spent.
        breaker: Whether it is up.
        requests: How fast it may be asked.
        tokens: The same in tokens.
        slots: How many at once.
        spent: How the budget refused the last request, once it has.
        in_flight: Requests whose cost is not settled.
    """

    budget: Budget
    breaker: Breaker
    slots: int
    requests: Pace = field(default_factory=Pace)
    tokens: Pace = field(default_factory=Pace)
    spent: Exhausted | None = None
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What dispatching works with.

    Attributes:
        policy: Where prompts may go.
        supplies: Where the backend of each route comes from.
        gate: Stamps drafts, for the route that each is to take.
        journal: Intents and completions.
        recorder: The ledger.
        clock: The time.
        parameters: How models draw.
        max_concurrent: Requests that an engine of this machine works on at once.
        cloud: The state of chatgpt; None where the policy has no such route.
    """

    policy: RoutingPolicy
    supplies: Mapping[Route, Supply]
    gate: Inspector
    journal: Journal
    recorder: ManyRecorder
    clock: Clock
    parameters: SamplingParameters
    max_concurrent: int
    cloud: CloudState | None = None
    now: Callable[[], float] = time.monotonic


class Dispatcher:
    """Sends prompts along their routes; made anew for each event loop.

    Args:
        traffic: What it works with.
        ready: Backends that are there already; others are started when a route is first taken.
    """

    def __init__(self, traffic: Traffic, ready: Mapping[Route, Backend]) -> None:
        self._with = traffic
        self._backends = dict(ready)
        self._starting = asyncio.Lock()
        self._paid: set[asyncio.Task[Completion]] = set()
        self._answer_s = 0.0
        self._intents: Batcher[Intent, None] = Batcher(
            self._intend, _MOST_AT_ONCE, lambda: self._patience(_PATIENCE)
        )
        self._answers: Batcher[Answer, None] = Batcher(
            self._finish, _MOST_AT_ONCE, lambda: self._patience(2 * _PATIENCE)
        )
        self._slots = {
            route: asyncio.Semaphore(
                traffic.cloud.slots
                if route is Route.CHATGPT and traffic.cloud
                else traffic.max_concurrent + max(1, traffic.max_concurrent // _SPARE)
            )
            for route in traffic.supplies
        }

    async def close(self) -> None:
        """What will be paid for is in the journal; connections are closed."""
        await asyncio.shield(asyncio.gather(*self._paid, return_exceptions=True))
        await self._answers.drain()
        for backend in self._backends.values():
            await backend.aclose()

    def find(self, draft: Draft) -> Completion | None:
        """The journal's answer to that draft, whichever allowed route it came by."""
        for route in self._with.policy.routes:
            if route in self._with.supplies:
                found = self._with.journal.find(self._key(draft, route))
                if found is not None:
                    return found
        return None

    async def clear(self, drafts: Sequence[Draft]) -> list[ClearedPrompt | Verdict]:
        """Each draft, in order: stamped for the route that it would take now, or denied.

        Raises:
            Denied: The policy allows no route for one of them.
        """
        rulings: list[ClearedPrompt | Verdict] = []
        for route, group in groupby(drafts, self._foresee):
            batch = list(group)
            rulings += await asyncio.to_thread(self._with.gate.clear_many, batch, route)
        return rulings

    async def send(self, cleared: ClearedPrompt) -> Completion | None:
        """The answer, in the journal; None where the gate, asked again, denied the draft.

        Raises:
            BackendUnavailable: No route can be used now.
            Exhausted: The budget is spent, and the policy names no route in its place.
            PrivacyError: A stamp was refused, or the policy allows no route for the prompt.
        """
        cloud, began = self._with.cloud, self._with.now()
        stamped: ClearedPrompt | None = cleared
        pause = _FIRST_PAUSE_S
        while stamped is not None:
            route = self._choose(stamped.draft)
            if stamped.route is not route:
                # Each route has a door of its own, which takes no stamp for another one.
                stamped = await self._clear_again(stamped.draft, route)
                continue
            if route is not Route.CHATGPT or cloud is None:
                return await self._ask(route, stamped)
            try:
                return await self._ask_cloud(cloud, stamped)
            except Exhausted as spent:
                # Nothing was sent; another route may take its place.
                cloud.spent = spent
                continue
            except BackendBusy:
                if self._with.now() - began > _LONGEST_WAIT_S:
                    raise
            except BackendUnavailable:
                cloud.breaker.failed(self._with.now())
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            stamped = await self._clear_again(stamped.draft, route)
        return None

    def _foresee(self, draft: Draft) -> Route:
        """The route that the draft will most likely take; `send` looks again."""
        try:
            return self._choose(draft)
        except (BackendUnavailable, Exhausted):
            return choose(draft, self._with.policy)

    def _choose(self, draft: Draft) -> Route:
        usable = set(self._with.supplies)
        cloud = self._with.cloud
        if cloud and (cloud.spent or not cloud.breaker.is_usable(self._with.now())):
            usable.discard(Route.CHATGPT)
        try:
            return choose(draft, self._with.policy, usable)
        except BackendUnavailable:
            if cloud and cloud.spent:
                raise cloud.spent from None
            raise

    async def _ask_cloud(self, cloud: CloudState, cleared: ClearedPrompt) -> Completion | None:
        draft = cleared.draft
        worst = cloud.budget.worst_case(draft, self._with.parameters).tokens
        async with self._slots[Route.CHATGPT]:
            await self._keep_pace(cloud, worst)
            fresh = await self._freshen(cleared)
            if fresh is None:
                return None
            reservation = await self._reserve(cloud, draft)
            cloud.in_flight += 1
            # A run that ends does not throw away an answer that it has to pay for.
            paying = asyncio.create_task(self._pay(cloud, fresh, reservation, worst))
            self._paid.add(paying)
            paying.add_done_callback(self._paid.discard)
            return await asyncio.shield(paying)

    async def _pay(
        self, cloud: CloudState, cleared: ClearedPrompt, reservation: str, worst: int
    ) -> Completion:
        """The answer; the breaker, the pace and the budget know how it went."""
        cloud.breaker.began()
        try:
            completion = await self._keep(await self._ask_now(Route.CHATGPT, cleared))
        except BackendBusy as busy:
            # Whoever asks to wait is there.
            cloud.breaker.succeeded()
            cloud.budget.release(reservation)
            for pace in (cloud.requests, cloud.tokens):
                pace.refused(busy.retry_after_s, self._with.now())
            raise
        except (BackendRefused, PrivacyError):
            # The gateway kept it here.
            cloud.budget.release(reservation)
            raise
        finally:
            cloud.in_flight -= 1
        cloud.budget.settle(reservation, completion)
        cloud.breaker.succeeded()
        cloud.requests.succeeded(1, self._with.now())
        cloud.tokens.succeeded(worst, self._with.now())
        return completion

    async def _keep_pace(self, cloud: CloudState, tokens: int) -> None:
        """One more request may start now, by count and by size."""
        paces = (cloud.requests, cloud.tokens)
        while wait := max(pace.wait(self._with.now()) for pace in paces):  # noqa: ASYNC110
            await asyncio.sleep(wait)
        cloud.requests.take(1)
        cloud.tokens.take(tokens)

    async def _reserve(self, cloud: CloudState, draft: Draft) -> str:
        """The worst case is set aside; while others may still settle for less, this one waits."""
        while True:
            try:
                # Not in a thread: a run that ends there would forget that it has reserved.
                return cloud.budget.reserve(draft, self._with.parameters, self._with.clock.now())
            except Exhausted:
                if not cloud.in_flight:
                    raise
            await asyncio.sleep(_SETTLING_S)

    async def _ask(self, route: Route, cleared: ClearedPrompt) -> Completion:
        async with self._slots[route]:
            began = self._with.now()
            answer = await self._ask_now(route, cleared)
            took = self._with.now() - began
        self._answer_s += _LATEST * (took - self._answer_s) if self._answer_s else took
        return await self._keep(answer)

    async def _ask_now(self, route: Route, cleared: ClearedPrompt) -> Answer:
        backend = await self._backend(route)
        key = self._key(cleared.draft, route)
        # On disk before a byte leaves.
        await self._intents.ask((key, sending_facts(cleared)))
        return key, await backend.complete(cleared, self._with.parameters)

    async def _keep(self, answer: Answer) -> Completion:
        """The completion, on disk."""
        # Whoever gives up waiting here leaves an answer that is kept all the same.
        await asyncio.shield(self._answers.ask(answer))
        return answer[1]

    def _patience(self, share: float) -> float:
        """Seconds that one waits for others: that share of what an answer takes, in bounds."""
        return min(max(share * self._answer_s, _SHORTEST_PATIENCE_S), _LONGEST_PATIENCE_S)

    def _intend(self, intents: Sequence[Intent]) -> Sequence[None]:
        """All are in the ledger and in the journal, with one sync of each."""
        self._with.recorder.record_many(("prompt.sent", facts) for _, facts in intents)
        self._with.journal.intend((key, DraftId(str(facts["draft"]))) for key, facts in intents)
        return [None] * len(intents)

    def _finish(self, answers: Sequence[Answer]) -> Sequence[None]:
        self._with.journal.finish(answers)
        return [None] * len(answers)

    async def _backend(self, route: Route) -> Backend:
        async with self._starting:
            if route not in self._backends:
                self._backends[route] = await asyncio.to_thread(self._with.supplies[route].fresh)
            return self._backends[route]

    async def _freshen(self, cleared: ClearedPrompt) -> ClearedPrompt | None:
        """The prompt with a stamp that lasts a while: it may have waited in line for long."""
        if cleared.expires_at - self._with.clock.now() > _LASTING:
            return cleared
        return await self._clear_again(cleared.draft, cleared.route)

    async def _clear_again(self, draft: Draft, route: Route) -> ClearedPrompt | None:
        [ruling] = await asyncio.to_thread(self._with.gate.clear_many, [draft], route)
        return None if isinstance(ruling, Verdict) else ruling

    def _key(self, draft: Draft, route: Route) -> str:
        model = self._with.supplies[route].model
        return request_key(draft, model, self._with.parameters, VERSION)
