"""Synthesize: a model invents labelled text for a task, until there is as much as was asked for."""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import is_finished, read_manifest
from appliance.errors import BackendUnavailable, BadInput, Denied
from appliance.gate.opening import open_checker, open_gate
from appliance.learning.basemodels.store import ModelStore
from appliance.records.cards import CorpusCard
from appliance.records.events import Fact
from appliance.records.identifiers import Digest
from appliance.records.progress import Progress, Silent
from appliance.records.prompts import Route, SamplingParameters
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.settings.gateway import GatewayPolicy, load_gateway_policy
from appliance.settings.tasks import load_task
from appliance.spending.purse import MICRO, Purse
from appliance.synthesis.backends.base import Backend
from appliance.synthesis.curation.corpus import KIND, read_card, write_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.journal.lock import run_lock
from appliance.synthesis.journal.store import Journal
from appliance.synthesis.prompting.stream import drafts
from appliance.synthesis.routing.breaker import Breaker
from appliance.synthesis.routing.budget import Budget
from appliance.synthesis.routing.choice import narrow
from appliance.synthesis.routing.policy import RoutingPolicy, load_routing
from appliance.workflows.dispatch import CloudState, Dispatcher, Inspector, Traffic
from appliance.workflows.generation import Generation, Rooms, Tally
from appliance.workflows.site import Site, open_site
from appliance.workflows.supply import EngineSupply, GatewaySupply, Supply

RESTARTS: Final = 3
GATEWAY_POLICY: Final = "gateway.toml"
PARAMETERS: Final = SamplingParameters(temperature=0.7, max_tokens=64)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Measured with Gemma 3 270M on the disease sheet; a plan says so.
_ASSUMED_YIELD: Final = 0.6
_CHARACTERS_PER_TOKEN: Final = 4.8
_TOKENS_PER_ANSWER: Final = 23
# Measured with Gemma 3 270M and 16 prompts at once on two cores.
_LOCAL_TOKENS_PER_S: Final = 294
_SAMPLE: Final = 256


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    Attributes:
        task: Name of a label sheet.
        count: Examples wanted.
        out: Name of the corpus.
        route: "auto", "vllm" or "chatgpt".
        seed: Of the stream of drafts.
        budget_usd: Most that the corpus may cost, over all its runs; None for the policy's cap.
    """

    task: str
    count: int
    out: str
    route: str = "auto"
    seed: int = 0
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an order needs, read and checked.

    Attributes:
        sheet: The task.
        vocabulary: Its names.
        policy: Where prompts may go, narrowed to what was asked for.
        gateway: `gateway.toml`, where chatgpt is one of the routes.
    """

    sheet: LabelSheet
    vocabulary: Vocabulary
    policy: RoutingPolicy
    gateway: GatewayPolicy | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do; all but `accepted` are estimates.

    Attributes:
        order: What is to be made.
        route: Where prompts would go.
        model: Name of the model.
        drafts: Prompts that would be sent.
        prompt_tokens: In all of them, cached or not.
        completion_tokens: In all answers.
        assumed_yield: Share of answers that become examples, 0 to 1.
        usd: What the provider would charge; 0 on this machine.
        seconds: How long it would take; on chatgpt no less, for so few requests a minute the
            gateway lets through.
    """

    order: Order
    route: Route
    model: str
    drafts: int
    prompt_tokens: int
    completion_tokens: int
    assumed_yield: float
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A finished corpus.

    Attributes:
        directory: Where it lies.
        digest: Of its manifest.
        card: Its datasheet.
        from_journal: Answers that an earlier run had left.
    """

    directory: Path
    digest: Digest
    card: CorpusCard
    from_journal: int


def synthesize(root: Path, order: Order, progress: Progress | None = None) -> Synthesis:
    """The corpus that was ordered is on disk; an interrupted run goes on where it was.

    Raises:
        BadInput: The order, the sheet or the policy can't be used, or the name is taken.
        Denied: The policy does not allow the route.
        Exhausted: Fewer examples than asked for; the reasons are counted.
        BackendUnavailable: The engine died more often than it was restarted.
    """
    site = open_site(root)
    prepared = prepare(site, order)
    finished = _find_finished(site, order, prepared)
    if finished is not None:
        return finished
    index = site.paths.vault / "patients.index"
    gate = open_gate(site.paths.policies, index, site.keys, site.clock)
    return synthesize_in(site, gate, order, progress or Silent())


def synthesize_in(site: Site, gate: Inspector, order: Order, progress: Progress) -> Synthesis:
    """As `synthesize`, on a site and with a gate that are open already; starts the engine."""
    prepared = prepare(site, order)
    finished = _find_finished(site, order, prepared)
    if finished is not None:
        return finished
    with ExitStack() as stack:
        supplies: dict[Route, Supply] = {}
        if Route.CHATGPT in prepared.policy.routes and prepared.gateway:
            model_name = prepared.policy.cloud.model
            supplies[Route.CHATGPT] = GatewaySupply(site, prepared.gateway, model_name)
        if Route.VLLM in prepared.policy.routes:
            model = ModelStore(site.paths.models).resolve(site.settings.vllm.model)
            checker = open_checker(site.keys, site.clock, site.policy_digest)
            engine = EngineSupply(site, model, checker, progress)
            supplies[Route.VLLM] = stack.enter_context(engine)
        return synthesize_with(site, gate, supplies, order, prepared, progress)


def synthesize_with(
    site: Site,
    gate: Inspector,
    supplies: Mapping[Route, Supply],
    order: Order,
    prepared: Prepared,
    progress: Progress,
) -> Synthesis:
    """As `synthesize`, with whatever backends the supplies give."""
    journal_path = site.paths.journal / f"{order.out}.db"
    with ExitStack() as stack:
        stack.enter_context(run_lock(journal_path))
        journal = stack.enter_context(Journal.open(journal_path))
        curator = Curator(prepared.sheet, prepared.vocabulary)
        rooms = Rooms(gate, site.ledger, curator, site.settings.vllm.max_concurrent)
        traffic = Traffic(
            policy=prepared.policy,
            supplies=supplies,
            gate=gate,
            journal=journal,
            recorder=site.ledger,
            clock=site.clock,
            parameters=PARAMETERS,
            max_concurrent=site.settings.vllm.max_concurrent,
            cloud=_open_cloud(site, order, prepared, stack),
        )
        stream = drafts(prepared.sheet, prepared.vocabulary, order.seed)
        generation = Generation(rooms, stream, order.count, progress)
        _run(generation, traffic, progress)
        return _finish(site, order, prepared, generation.tally, curator)


def plan(root: Path, order: Order) -> Plan:
    """What `synthesize` would do with that order; nothing is started or written.

    Raises:
        BadInput, Denied: As `synthesize`.
    """
    site = open_site(root)
    prepared = prepare(site, order)
    wanted = math.ceil(order.count / _ASSUMED_YIELD)
    sample = list(islice(drafts(prepared.sheet, prepared.vocabulary, order.seed), _SAMPLE))
    mean = sum(len(draft.prompt) for draft in sample) / len(sample) / _CHARACTERS_PER_TOKEN
    tokens = (round(mean * wanted), _TOKENS_PER_ANSWER * wanted)
    route = prepared.policy.routes[0]
    model, usd, seconds = site.settings.vllm.model, 0.0, tokens[1] / _LOCAL_TOKENS_PER_S
    if route is Route.CHATGPT and prepared.gateway:
        model = prepared.policy.cloud.model
        instruction = round(len(prepared.gateway.instruction) / _CHARACTERS_PER_TOKEN)
        tokens = (tokens[0] + instruction * wanted, tokens[1])
        usd = prepared.gateway.models[model].microusd(*tokens) / MICRO
        seconds = wanted / _fastest(prepared.gateway) * 60
    return Plan(order, route, model, wanted, *tokens, _ASSUMED_YIELD, usd, seconds)


def prepare(site: Site, order: Order) -> Prepared:
    """The order is one that can be carried out; nothing is started or written.

    Raises:
        BadInput: Name, count, sheet, routing policy or prices can't be used.
        Denied: The policy does not allow the route, or not for this sheet.
    """
    if not _NAME.fullmatch(order.out):
        raise BadInput(
            "A corpus's name has letters, digits, dots, dashes and underscores, 64 at most.",
            "Give another one with --out.",
        )
    if order.count < 1:
        raise BadInput("At least one example must be asked for.", "Give --count.")
    sheet, vocabulary = load_task(site.paths.labels, order.task)
    policy = load_routing(site.paths.policies / "routing.toml", site.settings.profile)
    narrowed = _keep_allowed(narrow(policy, order.route), sheet)
    gateway = None
    if Route.CHATGPT in narrowed.routes:
        gateway = load_gateway_policy(site.paths.policies / GATEWAY_POLICY)
        is_priced = narrowed.cloud.model in gateway.models
        if not is_priced and narrowed.routes[0] is Route.CHATGPT:
            raise BadInput(
                "The model of routing.toml's [cloud] has no price in gateway.toml.",
                "List it under [models] with what it costs; an unknown price refuses.",
            )
        if not is_priced:
            narrowed = _without_cloud(narrowed)
    return Prepared(sheet, vocabulary, narrowed, gateway)


def _keep_allowed(policy: RoutingPolicy, sheet: LabelSheet) -> RoutingPolicy:
    """The policy without routes that it does not allow for the sheet's class."""
    routes = tuple(route for route in policy.routes if policy.allows(route, sheet.sensitivity))
    if not routes or (routes[0] is not policy.routes[0] and not policy.cloud_to_local):
        raise Denied(
            f"The label sheet {sheet.name} is {sheet.sensitivity}; its prompts may not take the "
            f"route {policy.routes[0]}.",
            "Use --route vllm, or have the sheet's class reviewed.",
        )
    return replace(policy, routes=routes)


def _without_cloud(policy: RoutingPolicy) -> RoutingPolicy:
    return replace(policy, routes=tuple(one for one in policy.routes if one is not Route.CHATGPT))


def _fastest(policy: GatewayPolicy) -> int:
    """Requests a minute that the gateway lets our own caller have."""
    own = [rule.requests_per_minute for rule in policy.callers.values() if rule.needs_clearance]
    return max(own, default=1)


def _open_cloud(
    site: Site, order: Order, prepared: Prepared, stack: ExitStack
) -> CloudState | None:
    """Budget, health and pace of chatgpt, where it is one of the routes."""
    if prepared.gateway is None or Route.CHATGPT not in prepared.policy.routes:
        return None
    cloud = prepared.policy.cloud
    purse = stack.enter_context(closing(Purse.open(site.paths.journal / "budget.purse")))
    price = prepared.gateway.models[cloud.model]
    instruction = prepared.gateway.instruction
    budget = Budget(purse, price, cloud, instruction, order.out, order.budget_usd)
    breaker = Breaker(cloud.failures_to_open, cloud.cool_down_s)
    return CloudState(budget, breaker, cloud.max_concurrent)


def _find_finished(site: Site, order: Order, prepared: Prepared) -> Synthesis | None:
    directory = site.paths.corpora / order.out
    if not is_finished(directory):
        return None
    card = read_card(directory)
    if (card.sheet_digest, card.accepted) != (prepared.sheet.digest, order.count):
        raise BadInput(
            f"There is another corpus {order.out} already, of {card.accepted} examples.",
            "Name another one with --out.",
        )
    return Synthesis(directory, read_manifest(directory, KIND).digest, card, card.completions)


def _run(generation: Generation, traffic: Traffic, progress: Progress) -> None:
    preferred = traffic.policy.routes[0]
    for restart in range(RESTARTS + 1):
        ready = {preferred: traffic.supplies[preferred].fresh()}
        generation.begin(progress)
        try:
            asyncio.run(_run_once(generation, traffic, ready))
        except BackendUnavailable:
            if restart == RESTARTS:
                raise
            facts: dict[str, Fact] = {"route": preferred, "restart": restart + 1}
            traffic.recorder.record("backend.restarted", facts)
        else:
            break
    progress.end(generation.summary())


async def _run_once(
    generation: Generation, traffic: Traffic, ready: Mapping[Route, Backend]
) -> None:
    dispatcher = Dispatcher(traffic, ready)
    try:
        await generation.run(dispatcher)
    finally:
        await dispatcher.close()


def _finish(
    site: Site, order: Order, prepared: Prepared, tally: Tally, curator: Curator
) -> Synthesis:
    directory = site.paths.corpora / order.out
    card = _make_card(site, order, prepared, tally, curator)
    digest = write_corpus(directory, card, tally.examples)
    facts: dict[str, Fact] = {
        "corpus": order.out,
        "digest": digest,
        "task": order.task,
        "accepted": card.accepted,
    }
    site.ledger.record("corpus.written", facts)
    return Synthesis(directory, digest, card, tally.from_journal)


def _make_card(
    site: Site, order: Order, prepared: Prepared, tally: Tally, curator: Curator
) -> CorpusCard:
    examples = tally.examples
    return CorpusCard(
        name=order.out,
        task=order.task,
        sheet_digest=prepared.sheet.digest,
        policy_digest=site.policy_digest,
        vocabulary_source=prepared.vocabulary.source,
        models=dict(tally.models),
        routes={route.value: count for route, count in tally.routes.items()},
        drafts=tally.completions + tally.denied,
        denied=tally.denied,
        completions=tally.completions,
        accepted=len(examples),
        dropped={reason.value: count for reason, count in sorted(curator.dropped.items())},
        splits=dict(Counter(example.split.value for example in examples)),
        entities=dict(Counter(span.label for example in examples for span in example.spans)),
        without_entity=sum(1 for example in examples if not example.spans),
        made_at=site.clock.now().isoformat(),
    )
