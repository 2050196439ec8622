"""Synthesize: a model invents labelled text for a task, until there is as much as was asked for."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import read_manifest
from appliance.errors import BackendUnavailable
from appliance.gate.opening import open_checker
from appliance.gate.spending import SpentFile
from appliance.learning.basemodels.store import ModelStore
from appliance.records.cards import CorpusCard
from appliance.records.events import Fact
from appliance.records.examples import Example, Origin
from appliance.records.identifiers import Digest
from appliance.records.progress import Progress, Silent
from appliance.records.prompts import Route, SamplingParameters
from appliance.spending.purse import Purse
from appliance.synthesis.backends.base import Backend
from appliance.synthesis.curation.corpus import KIND, write_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.gaps import find_gaps
from appliance.synthesis.curation.variation import Variation
from appliance.synthesis.journal.lock import run_lock
from appliance.synthesis.journal.store import Journal
from appliance.synthesis.prompting.frames import lines
from appliance.synthesis.prompting.pairs import lines_wanted, pair_lines
from appliance.synthesis.prompting.stream import drafts
from appliance.synthesis.routing.breaker import Breaker
from appliance.synthesis.routing.budget import Budget
from appliance.workflows.corpus import is_recorded
from appliance.workflows.dispatch import CloudState, Dispatcher, Inspector, Traffic
from appliance.workflows.generation import Generation, Rooms, Tally
from appliance.workflows.orders import Order, Prepared, find_finished, mix_of, prepare
from appliance.workflows.rounds import Round, begin_round
from appliance.workflows.scan import open_site_gate
from appliance.workflows.sheet_denials import Denials, DeniedDrafts
from appliance.workflows.site import Site, open_site
from appliance.workflows.supply import STAMPS, EngineSupply, GatewaySupply, Supply

RESTARTS: Final = 3
# No corpus can be called so: its journal lies beside this file.
PARAMETERS: Final = SamplingParameters(temperature=0.7, max_tokens=64)
_TRIES_PER_LINE: Final = 4


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A finished corpus.

    Attributes:
        directory: Where it lies.
        digest: Of its manifest.
        card: Its datasheet.
        from_journal: Answers that an earlier run had left.
        denied_for: Parts of the label sheet that drafts of this run were denied for.
    """

    directory: Path
    digest: Digest
    card: CorpusCard
    from_journal: int
    denied_for: tuple[DeniedDrafts, ...] = ()


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
    return synthesize_in(site, open_site_gate(site), order, progress or Silent())


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
            spent = SpentFile(site.paths.journal / STAMPS)
            digest, route = site.policy_digest, Route.VLLM
            checker = open_checker(site.keys, site.clock, digest, route, spent)
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
        mix = None if order.mix_from is None else prepared.sheet.mix
        begin_round(site, order.out, Round(order.task, order.seed, mix))
        journal = stack.enter_context(Journal.open(journal_path))
        curator = Curator(prepared.sheet, prepared.vocabulary)
        at_once = site.settings.vllm.at_once
        denials = Denials(prepared.sheet)
        rooms = Rooms(curator, at_once, denials, gate, site.ledger)
        traffic = Traffic(
            policy=prepared.policy,
            supplies=supplies,
            gate=gate,
            journal=journal,
            recorder=site.ledger,
            clock=site.clock,
            parameters=PARAMETERS,
            max_concurrent=at_once,
            cloud=_open_cloud(site, order, prepared, stack),
        )
        stream = drafts(prepared.sheet, prepared.vocabulary, order.seed)
        generation = Generation(rooms, stream, order.count, progress)
        _run(generation, traffic, progress)
        made = _finish(site, order, prepared, generation.tally, curator)
        return replace(made, denied_for=denials.worth_telling(made.card.drafts))


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
    card = find_finished(site, order, prepared)
    if card is None:
        return None
    directory = site.paths.corpora / order.out
    digest = read_manifest(directory, KIND).digest
    # A kill after the corpus's last byte may have left it off the record.
    if not is_recorded(site, digest):
        _record(site, card, digest)
    return Synthesis(directory, digest, card, card.completions)


def _record(site: Site, card: CorpusCard, digest: Digest) -> None:
    facts: dict[str, Fact] = {
        "corpus": card.name,
        "digest": digest,
        "task": card.task,
        "accepted": card.accepted,
        "varied": card.varied,
        "composed": card.composed,
    }
    site.ledger.record("corpus.written", facts)


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
    examples = [*tally.examples, *enrich(prepared, order.seed, tally.examples, curator)]
    card = _make_card(site, order, prepared, tally, curator, examples)
    digest = write_corpus(directory, card, examples)
    _record(site, card, digest)
    return Synthesis(directory, digest, card, tally.from_journal)


def enrich(
    prepared: Prepared, seed: int, written: Sequence[Example], curator: Curator
) -> Iterator[Example]:
    """What the sheet wants beside the written examples: these varied, and lines composed.

    The same examples, sheet and seed give the same.
    """
    if prepared.sheet.taught:
        yield from _compose_pairs(prepared, seed, len(written), curator)
        return
    composition = prepared.sheet.composition
    variation = Variation(prepared.vocabulary.terms, random.Random(f"variants {seed}"))
    for example in written:
        for _ in range(composition.variants):
            varied = curator.vary(example, variation)
            if varied is not None:
                yield varied
    wanted = round(composition.lines * len(written))
    composed = map(curator.take, lines(prepared.sheet, prepared.vocabulary, seed))
    # A sheet of few frames has said all it can after a while.
    tried = islice(composed, _TRIES_PER_LINE * wanted)
    yield from islice((example for example in tried if example is not None), wanted)


def _compose_pairs(
    prepared: Prepared, seed: int, written: int, curator: Curator
) -> Iterator[Example]:
    wanted = round(lines_wanted(prepared.sheet) * written)
    composed = map(curator.take_pair, pair_lines(prepared.sheet, prepared.vocabulary, seed))
    tried = islice(composed, _TRIES_PER_LINE * wanted)
    yield from islice((example for example in tried if example is not None), wanted)


def _make_card(
    site: Site,
    order: Order,
    prepared: Prepared,
    tally: Tally,
    curator: Curator,
    examples: Sequence[Example],
) -> CorpusCard:
    origins = Counter(example.origin for example in examples)
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
        accepted=len(tally.examples),
        varied=origins[Origin.VARIED],
        composed=origins[Origin.COMPOSED],
        dropped={reason.value: count for reason, count in sorted(curator.dropped.items())},
        splits=dict(Counter(example.split.value for example in examples)),
        entities=dict(Counter(span.label for example in examples for span in example.spans)),
        without_entity=sum(1 for example in examples if not example.spans),
        made_at=site.clock.now().isoformat(),
        relations=dict(Counter(pair.label for example in examples for pair in example.relations)),
        mix=mix_of(order, prepared.sheet),
        asked={} if prepared.sheet.taught else asdict(prepared.sheet.mix),
        kinds={kind.value: count for kind, count in sorted(tally.kinds.items())},
        seed=order.seed,
        prompts=tally.judged.hexdigest(),
        sampling={"temperature": PARAMETERS.temperature, "max_tokens": PARAMETERS.max_tokens},
        tokens={
            "prompt": tally.prompt_tokens.total(),
            "completion": tally.completion_tokens.total(),
        },
        cost_microusd=_cost(prepared, tally),
        gaps=find_gaps(prepared.sheet, prepared.vocabulary, examples, tally.kinds),
    )


def _cost(prepared: Prepared, tally: Tally) -> int:
    """By the prices of the gateway's policy; what this machine computed costs nothing here."""
    if prepared.gateway is None or Route.CHATGPT not in tally.routes:
        return 0
    price = prepared.gateway.models[prepared.policy.cloud.model]
    return price.microusd(
        tally.prompt_tokens[Route.CHATGPT], tally.completion_tokens[Route.CHATGPT]
    )
