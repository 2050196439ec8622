"""Synthesize: a model invents labelled text for a task, until there is as much as was asked for."""

import asyncio
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import is_finished, read_manifest
from appliance.errors import BackendUnavailable, BadInput
from appliance.gate.opening import open_checker
from appliance.gate.spending import SpentFile
from appliance.learning.basemodels.store import ModelStore
from appliance.records.cards import CorpusCard
from appliance.records.events import Fact, Recorder
from appliance.records.examples import Example, Origin
from appliance.records.identifiers import Digest
from appliance.records.progress import Progress, Silent
from appliance.records.prompts import Route, SamplingParameters
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import KIND, read_card, write_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.variation import Variation
from appliance.synthesis.journal.lock import run_lock
from appliance.synthesis.journal.store import Journal
from appliance.synthesis.prompting.frames import lines
from appliance.synthesis.prompting.stream import drafts
from appliance.synthesis.routing.choice import narrow
from appliance.synthesis.routing.policy import RoutingPolicy, load_routing
from appliance.workflows.generation import Generation, Inspector, Rooms, Tally
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, open_site
from appliance.workflows.supply import EngineSupply, Supply

RESTARTS: Final = 3
# No corpus can be called so: its journal lies beside this file.
STAMPS: Final = ".stamps.db"
PARAMETERS: Final = SamplingParameters(temperature=0.7, max_tokens=64)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Measured with Gemma 3 270M on the disease sheet; a plan says so.
_ASSUMED_YIELD: Final = 0.6
_CHARACTERS_PER_TOKEN: Final = 4.8
_TOKENS_PER_ANSWER: Final = 23
_SAMPLE: Final = 256
_TRIES_PER_LINE: Final = 4


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    Attributes:
        task: Name of a label sheet.
        count: Examples wanted.
        out: Name of the corpus.
        route: "auto", "vllm" or "chatgpt".
        seed: Of the stream of drafts.
    """

    task: str
    count: int
    out: str
    route: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an order needs, read and checked.

    Attributes:
        sheet: The task.
        vocabulary: Its names.
        policy: Where prompts may go, narrowed to what was asked for.
    """

    sheet: LabelSheet
    vocabulary: Vocabulary
    policy: RoutingPolicy


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
        is_there: Whether this very corpus is finished already; nothing would be sent then.
    """

    order: Order
    route: Route
    model: str
    drafts: int
    prompt_tokens: int
    completion_tokens: int
    assumed_yield: float
    is_there: bool


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
    return synthesize_in(site, open_site_gate(site), order, progress or Silent())


def synthesize_in(site: Site, gate: Inspector, order: Order, progress: Progress) -> Synthesis:
    """As `synthesize`, on a site and with a gate that are open already; starts the engine."""
    prepared = prepare(site, order)
    finished = _find_finished(site, order, prepared)
    if finished is not None:
        return finished
    model = ModelStore(site.paths.models).resolve(site.settings.vllm.model)
    spent = SpentFile(site.paths.journal / STAMPS)
    checker = open_checker(site.keys, site.clock, site.policy_digest, spent)
    with EngineSupply(site, model, checker, progress) as supply:
        return synthesize_with(site, gate, supply, order, prepared, progress)


def synthesize_with(
    site: Site,
    gate: Inspector,
    supply: Supply,
    order: Order,
    prepared: Prepared,
    progress: Progress,
) -> Synthesis:
    """As `synthesize`, with whatever backend the supply gives."""
    journal_path = site.paths.journal / f"{order.out}.db"
    with run_lock(journal_path), Journal.open(journal_path) as journal:
        curator = Curator(prepared.sheet, prepared.vocabulary)
        rooms = Rooms(
            gate,
            journal,
            site.ledger,
            curator,
            prepared.policy,
            PARAMETERS,
            site.settings.vllm.max_concurrent,
        )
        stream = drafts(prepared.sheet, prepared.vocabulary, order.seed)
        generation = Generation(rooms, stream, order.count, progress)
        _run(generation, supply, site.ledger, progress)
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
    return Plan(
        order=order,
        route=prepared.policy.routes[0],
        model=site.settings.vllm.model,
        drafts=wanted,
        prompt_tokens=round(mean * wanted),
        completion_tokens=_TOKENS_PER_ANSWER * wanted,
        assumed_yield=_ASSUMED_YIELD,
        is_there=_find_finished(site, order, prepared) is not None,
    )


def prepare(site: Site, order: Order) -> Prepared:
    """The order is one that can be carried out; nothing is started or written.

    Raises:
        BadInput: Name, count, sheet or routing policy can't be used.
        Denied: The policy does not allow the route.
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
    return Prepared(sheet, vocabulary, narrow(policy, order.route))


def _find_finished(site: Site, order: Order, prepared: Prepared) -> Synthesis | None:
    directory = site.paths.corpora / order.out
    if not directory.exists():
        return None
    if not is_finished(directory):
        # Told now and not when everything has been generated.
        raise BadInput(
            f"Something that is no finished corpus stands at {directory}.",
            "Move it away, or name another corpus with --out.",
        )
    card = read_card(directory)
    if (card.sheet_digest, card.accepted) != (prepared.sheet.digest, order.count):
        raise BadInput(
            f"There is another corpus {order.out} already, of {card.accepted} examples.",
            "Name another one with --out.",
        )
    return Synthesis(directory, read_manifest(directory, KIND).digest, card, card.completions)


def _run(generation: Generation, supply: Supply, recorder: Recorder, progress: Progress) -> None:
    for restart in range(RESTARTS + 1):
        backend = supply.fresh()
        generation.begin(progress)
        try:
            asyncio.run(generation.run(backend))
        except BackendUnavailable:
            if restart == RESTARTS:
                raise
            recorder.record("backend.restarted", {"route": backend.route, "restart": restart + 1})
        else:
            break
    progress.end(generation.summary())


def _finish(
    site: Site, order: Order, prepared: Prepared, tally: Tally, curator: Curator
) -> Synthesis:
    directory = site.paths.corpora / order.out
    examples = [*tally.examples, *enrich(prepared, order.seed, tally.examples, curator)]
    card = _make_card(site, order, prepared, tally, curator, examples)
    digest = write_corpus(directory, card, examples)
    facts: dict[str, Fact] = {
        "corpus": order.out,
        "digest": digest,
        "task": order.task,
        "accepted": card.accepted,
        "varied": card.varied,
        "composed": card.composed,
    }
    site.ledger.record("corpus.written", facts)
    return Synthesis(directory, digest, card, tally.from_journal)


def enrich(
    prepared: Prepared, seed: int, written: Sequence[Example], curator: Curator
) -> Iterator[Example]:
    """What the sheet wants beside the written examples: these varied, and lines composed.

    The same examples, sheet and seed give the same.
    """
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
    )
