"""Orders: what is to be made, whether it may be, and what it would take."""

import math
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import is_finished
from appliance.errors import BadInput, Denied
from appliance.records.cards import CorpusCard
from appliance.records.prompts import Route
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.settings.gateway import GatewayPolicy, load_gateway_policy
from appliance.settings.mixes import read_mix
from appliance.settings.names import check_name
from appliance.settings.tasks import load_task
from appliance.spending.purse import MICRO
from appliance.synthesis.curation.corpus import read_card
from appliance.synthesis.prompting.stream import drafts
from appliance.synthesis.routing.choice import narrow
from appliance.synthesis.routing.policy import RoutingPolicy, load_routing
from appliance.workflows.site import Site, open_site

GATEWAY_POLICY: Final = "gateway.toml"
# Measured with Gemma 3 270M on the disease sheet; a plan says so.
_ASSUMED_YIELD: Final = 0.6
_CHARACTERS_PER_TOKEN: Final = 4.8
_TOKENS_PER_ANSWER: Final = 23
# Measured with Gemma 3 270M and 16 prompts at once on two cores: from the first prompt to the last
# answer, gate and curation included, and what it takes the server to start.
_LOCAL_TOKENS_PER_S: Final = 150
_LOCAL_START_S: Final = 60
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
        mix_from: A report on an earlier corpus, whose `mix` takes the place of the sheet's.
    """

    task: str
    count: int
    out: str
    route: str = "auto"
    seed: int = 0
    budget_usd: float | None = None
    mix_from: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an order needs, read and checked.

    Attributes:
        sheet: The task, with the mix that was asked for.
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
    """What a run would do: estimates.

    Attributes:
        order: What is to be made.
        route: Where prompts would go.
        model: Name of the model.
        drafts: Prompts that would be sent.
        prompt_tokens: In all of them, cached or not.
        completion_tokens: In all answers.
        assumed_yield: Share of answers that become examples, 0 to 1.
        usd: What the provider would charge; 0 on this machine.
        budget_usd: The most that the corpus may cost; 0 on this machine.
        seconds: How long it would take; on chatgpt no less, for so few requests a minute the
            gateway lets through.
        is_there: Whether this very corpus is finished already; nothing would be sent then.
    """

    order: Order
    route: Route
    model: str
    drafts: int
    prompt_tokens: int
    completion_tokens: int
    assumed_yield: float
    usd: float
    budget_usd: float
    seconds: float
    is_there: bool


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
    model, usd, budget_usd = site.settings.vllm.model, 0.0, 0.0
    seconds = _LOCAL_START_S + tokens[1] / _LOCAL_TOKENS_PER_S
    if route is Route.CHATGPT and prepared.gateway:
        model = prepared.policy.cloud.model
        instruction = round(len(prepared.gateway.instruction) / _CHARACTERS_PER_TOKEN)
        tokens = (tokens[0] + instruction * wanted, tokens[1])
        usd = prepared.gateway.models[model].microusd(*tokens) / MICRO
        cap = prepared.policy.cloud.usd_per_month
        budget_usd = cap if order.budget_usd is None else min(cap, order.budget_usd)
        seconds = wanted / _fastest(prepared.gateway) * 60
    is_there = find_finished(site, order, prepared) is not None
    return Plan(
        order, route, model, wanted, *tokens, _ASSUMED_YIELD, usd, budget_usd, seconds, is_there
    )


def prepare(site: Site, order: Order) -> Prepared:
    """The order is one that can be carried out; nothing is started or written.

    Raises:
        BadInput: Name, count, sheet, routing policy or prices can't be used.
        Denied: The policy does not allow the route, or not for this sheet.
    """
    check_name(order.out, "a corpus", "--out")
    if order.count < 1:
        raise BadInput("At least one example must be asked for.", "Give --count.")
    sheet, vocabulary = load_task(site.paths.labels, order.task)
    if order.mix_from is not None:
        sheet = _with_mix(sheet, order.mix_from)
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


def find_finished(site: Site, order: Order, prepared: Prepared) -> CorpusCard | None:
    """The card of this very corpus, where it is finished already.

    Raises:
        BadInput: Something else stands at its place.
    """
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
    wanted = (prepared.sheet.digest, order.count, mix_of(order, prepared.sheet))
    if (card.sheet_digest, card.accepted, card.mix) != wanted:
        raise BadInput(
            f"There is another corpus {order.out} already, of {card.accepted} examples.",
            "Name another one with --out.",
        )
    return card


def mix_of(order: Order, sheet: LabelSheet) -> dict[str, float]:
    """The shares that an order asks for in place of its sheet's; empty where it asks for none."""
    return {} if order.mix_from is None else asdict(sheet.mix)


def _with_mix(sheet: LabelSheet, report: Path) -> LabelSheet:
    if sheet.taught:
        raise BadInput(
            f"The sentences of {sheet.name} are about pairs: no report tells their mix.",
            "Leave --mix-from out; [relation.mix] of the sheet says how many of each kind.",
        )
    return replace(sheet, mix=read_mix(report))


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
