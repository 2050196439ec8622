"""Synthesize by way of the gateway: real client, real gateway, a real server for the provider."""

import asyncio
import json
import math
import multiprocessing
import random
import sqlite3
import sys
import threading
import time

import pytest
from starlette.responses import JSONResponse

from appliance.errors import (
    BackendRefused,
    BackendUnavailable,
    BadInput,
    ClearanceInvalid,
    Denied,
    Exhausted,
)
from appliance.ledger.files import ENTRIES
from appliance.records.examples import Origin
from appliance.records.progress import Silent
from appliance.records.prompts import DraftKind, Route, SamplingParameters
from appliance.spending.purse import Purse
from appliance.synthesis.backends.chatgpt.client import continue_opening
from appliance.synthesis.curation.corpus import read_corpus
from appliance.synthesis.prompting.drafting import make_draft
from appliance.workflows import gateway as gateway_workflow
from appliance.workflows import orders
from appliance.workflows import synthesize as workflow
from appliance.workflows.site import open_site
from appliance.workflows.supply import GatewaySupply
from tests.lib.following_model import follow
from tests.lib.killed_runs import make_corpus
from tests.lib.provider_server import completion, running_provider
from tests.lib.running_gateway import MODEL, WordGate, cloud_site, running_gateway
from tests.lib.scripted_backend import ScriptedBackend
from tests.lib.stamping_gate import StampingGate

pytestmark = pytest.mark.slow

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def provider():
    with running_provider(script=follow) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(provider):
    provider.answer = None
    provider.bodies.clear()
    provider.arrived_at.clear()


@pytest.fixture
def site(tmp_path, provider):
    return cloud_site(tmp_path / "site", provider.origin)


def make(site, count=6, route="chatgpt", out="first", budget=None, local=None, gate=None):
    """A corpus by the route that is asked for; `local` stands for the engine."""
    order = workflow.Order("disease", count, out, route, budget_usd=budget)
    prepared = workflow.prepare(site, order)
    gate = gate or StampingGate(site.clock, site.policy_digest)
    supplies = {}
    if prepared.gateway:
        supplies[Route.CHATGPT] = GatewaySupply(site, prepared.gateway, MODEL)
    if local:
        supplies[Route.VLLM] = local
    return workflow.synthesize_with(site, gate, supplies, order, prepared, Silent())


class Local:
    """A scripted backend in the engine's place."""

    model = "scripted@000000000000"

    def __init__(self, site):
        self.gate = StampingGate(site.clock, site.policy_digest)
        self.given = []

    def fresh(self):
        self.given.append(ScriptedBackend(self.gate.checker()))
        return self.given[-1]


def events(site, kind):
    lines = (site.paths.ledger / ENTRIES).read_text().splitlines()
    found = [json.loads(line.partition(" ")[2]) for line in lines]
    return [entry["facts"] for entry in found if entry["kind"] == kind]


def test_a_corpus_is_made_through_the_gateway(site, provider):
    """Stamped prompts go out one by one; intents, answers and cost are on record."""
    with running_gateway(site, WordGate()):
        done = make(site)

    card, examples = read_corpus(done.directory)
    written = [one for one in examples if one.origin is Origin.WRITTEN]
    assert len(written) == card.accepted == 6
    assert card.routes == {"chatgpt": card.completions}
    assert card.models == {MODEL: 6}
    intents, answers = events(site, "egress.intended"), events(site, "egress.answered")
    assert len(intents) == len(answers) == len(provider.bodies) >= 6
    assert {facts["draft"] for facts in intents} == {
        facts["draft"] for facts in events(site, "prompt.sent")
    }
    purse = Purse.open(site.paths.journal / "budget.purse")
    assert purse.held("corpus/first").microusd == sum(facts["microusd"] for facts in answers)
    purse.close()


def test_a_resumed_run_asks_for_nothing_twice(site, provider):
    """What the journal holds is not sent again, and the corpus is the same to the byte."""
    with running_gateway(site, WordGate()):
        whole = make(site, out="whole")
        sent = len(provider.bodies)
        journal = site.paths.journal
        for suffix in ("db", "db-wal", "db-shm"):
            source = journal / f"whole.{suffix}"
            if source.exists():
                (journal / f"again.{suffix}").write_bytes(source.read_bytes())
        again = make(site, out="again")

    assert len(provider.bodies) == sent
    for name in ("train.parquet", "dev.parquet"):
        assert (whole.directory / name).read_bytes() == (again.directory / name).read_bytes()


def test_without_a_gateway_the_operator_is_told(site):
    """And nothing is tried in another way."""
    with pytest.raises(BackendUnavailable, match=r"gateway serve|can't be used"):
        make(site, count=1)


def test_a_provider_that_is_down_is_replaced_where_the_policy_says_so(site, provider):
    """Prompts go to this machine's model after some failures, and the corpus is complete."""
    provider.answer = lambda *_: JSONResponse({}, 500)
    local = Local(site)

    with running_gateway(site, WordGate()):
        done = make(site, local=local)

    card, _ = read_corpus(done.directory)
    assert card.accepted == 6
    assert set(card.routes) == {"vllm"} or set(card.routes) == {"scripted"}
    assert 5 <= len(provider.bodies) <= 40


def test_a_spent_budget_ends_the_run_or_reroutes(site, provider):
    """The cap holds over resumed runs; what was made is kept, and the rest can be made here."""
    with running_gateway(site, WordGate()):
        for _ in range(2):
            with pytest.raises(Exhausted, match="account corpus/first"):
                make(site, count=200, budget=0.012)
        sent = len(provider.bodies)
        purse = Purse.open(site.paths.journal / "budget.purse")
        held = purse.held("corpus/first").microusd
        purse.close()
        assert 0.5 * 12_000 < held <= 12_000

        done = make(site, count=sent, budget=0.012, local=Local(site))

    assert len(provider.bodies) == sent
    assert done.card.accepted == sent


def test_a_budget_of_nothing_sends_nothing(site, provider):
    """Not one request."""
    with running_gateway(site, WordGate()), pytest.raises(Exhausted):
        make(site, budget=0.0)

    assert provider.bodies == []


def test_a_model_without_a_price_is_refused(tmp_path, provider):
    """Unknown cost, no sending."""
    site = cloud_site(tmp_path / "s", provider.origin, model="model-x")

    with pytest.raises(BadInput, match="price"):
        make(site)


def test_a_sheet_of_the_hospitals_own_stays_here(site):
    """It may not go out when asked, and "auto" does not offer it."""
    path = site.paths.labels / "disease.toml"
    path.write_text(path.read_text().replace('sensitivity = "public"\n', ""))
    site = open_site(site.paths.root)
    policy = site.paths.policies / "routing.toml"
    policy.write_text(policy.read_text().replace("cloud_to_local = true", "cloud_to_local = false"))

    with pytest.raises(Denied, match="internal"):
        make(site)
    prepared = workflow.prepare(site, workflow.Order("disease", 1, "x"))
    assert prepared.policy.routes == (Route.VLLM,)


def test_an_answer_in_quarantine_is_an_answer_dropped(tmp_path, provider):
    """The run goes on; the draft is not asked again."""
    # One at a time: else all that were kept back could be in flight still when the run is done.
    site = cloud_site(tmp_path / "site", provider.origin, max_concurrent=1)
    said = []

    def now_and_then(request, raw):
        del request
        said.append(raw)
        return completion("It was Zyxwvutia who came.") if len(said) % 4 == 0 else None

    provider.answer = now_and_then
    with running_gateway(site, WordGate("Zyxwvutia")):
        done = make(site)

    assert done.card.accepted == 6
    assert 0 < done.card.dropped["quarantined-identifier"] <= len(events(site, "egress.incident"))
    prompts = [json.loads(raw)["messages"][-1]["content"] for raw in provider.bodies]
    assert len(prompts) == len(set(prompts))


def test_what_the_gateways_gate_denies_ends_the_run(site):
    """Two gates that disagree are an alarm."""
    with running_gateway(site, WordGate("Register")), pytest.raises(Denied):
        make(site, count=3)


def test_a_request_without_a_good_stamp_is_refused(site, provider):
    """A body changed after the stamp, a second text beside the prompt, no stamp at all."""
    from appliance.records.egress import HEADER, Passport, derive_seal_key, seal_body

    gate = StampingGate(site.clock, site.policy_digest)
    instruction = workflow.prepare(site, workflow.Order("disease", 1, "x")).gateway.instruction
    draft = make_draft("t", DraftKind.NONE, (), "note", "Go on.")
    key = derive_seal_key(SEED)

    def request(messages, **fields):
        return json.dumps({"model": MODEL, "messages": messages} | fields).encode()

    def stamped(sealed, sent=None):
        [cleared] = gate.clear_many([draft], Route.CHATGPT)
        seal = seal_body(key, cleared.nonce, sealed)
        passport = Passport(
            draft.draft_id,
            cleared.policy_digest,
            cleared.expires_at,
            cleared.nonce,
            cleared.stamp,
            seal,
        )
        return (sent or sealed), {HEADER: passport.encode()}

    good = [{"role": "system", "content": instruction}, {"role": "user", "content": "Go on."}]
    more = [*good[:1], {"role": "user", "content": "Go on, please."}]
    cases = {
        "no stamp": (request(good), {}),
        "nonsense": (request(good), {HEADER: "bm9uc2Vuc2U="}),
        "other body": stamped(request(good), request(good, temperature=0.1)),
        "other prompt": stamped(request(more)),
        "third message": stamped(request([*good, good[1]])),
        "no instruction": stamped(request(good[1:])),
        "text in a stop": stamped(request(good, stop=["Smith"])),
        "text in user": stamped(request(good, user="Smith")),
    }
    with running_gateway(site, WordGate()) as running:
        http, json_type = running.http(), {"Content-Type": "application/json"}
        codes = {
            name: http.post("/v1/chat/completions", content=body, headers=json_type | headers)
            for name, (body, headers) in cases.items()
        }
        body, headers = stamped(request(good, stop=["\n"], temperature=0.7))
        first = http.post("/v1/chat/completions", content=body, headers=json_type | headers)
        again = http.post("/v1/chat/completions", content=body, headers=json_type | headers)

    assert {
        name: answer.json()["error"]["code"] for name, answer in codes.items()
    } == dict.fromkeys(cases, "clearance-invalid")
    assert first.status_code == 200
    assert again.json()["error"]["code"] == "clearance-invalid"
    assert len(provider.bodies) == 1


def test_errors_of_the_client_hold_no_prompt(site, provider):
    """Neither the message nor the chain behind it."""
    supply = GatewaySupply(
        site, workflow.prepare(site, workflow.Order("disease", 1, "x")).gateway, MODEL
    )
    canary = "Plinthworthy"
    gate = StampingGate(site.clock, "0" * 64)
    draft = make_draft("t", DraftKind.NONE, (), "note", canary)

    async def ask():
        backend = supply.fresh()
        try:
            await backend.complete(gate.clear_many([draft], Route.CHATGPT)[0], SamplingParameters())
        finally:
            await backend.aclose()

    with running_gateway(site, WordGate()), pytest.raises(ClearanceInvalid) as refused:
        asyncio.run(ask())
    with pytest.raises(BackendUnavailable) as down:
        asyncio.run(ask())

    for caught in (refused.value, down.value):
        assert caught.__context__ is None
        assert canary not in f"{caught} {caught!r}"
    assert provider.bodies == []


def test_a_latched_door_is_told_with_what_to_do(site):
    """The operator learns the command."""
    (site.paths.run / "gateway.latch").write_text("{}")
    with running_gateway(site, WordGate()), pytest.raises(BackendRefused, match="gateway open"):
        make(site, count=1)
    gateway_workflow.open_door(site.paths.root, "looked-into")


def test_a_plan_tells_tokens_cost_and_time(site):
    """Before a cent is spent."""
    plan = orders.plan(site.paths.root, workflow.Order("disease", 60, "x", "chatgpt"))

    assert plan.route is Route.CHATGPT
    assert plan.model == MODEL
    assert plan.usd == pytest.approx((plan.prompt_tokens + 4 * plan.completion_tokens) / 1e6)
    assert plan.seconds > 0
    tight = workflow.Order("disease", 60, "x", "chatgpt", budget_usd=0.000001)
    assert orders.plan(site.paths.root, tight).budget_usd == 0.000001 < plan.usd
    local = orders.plan(site.paths.root, workflow.Order("disease", 60, "x"))
    assert (local.usd, local.budget_usd, local.route) == (0.0, 0.0, Route.VLLM)


@pytest.mark.parametrize(
    ("opening", "text", "whole"),
    [
        ("She was given", "aspirin.", " aspirin."),
        ("She was given", " aspirin.\n", " aspirin."),
        ("She was given", "She was given aspirin.", " aspirin."),
        ("She was given", ", at last, aspirin.", ", at last, aspirin."),
        ("", "A whole sentence.", " A whole sentence."),
        ("She was given", "", ""),
    ],
)
def test_an_answer_goes_on_where_the_prompt_ends(opening, text, whole):
    """Models that chat repeat the beginning; it is not taken twice."""
    assert continue_opening(opening, text) == whole


class Limited:
    """A provider with a rate; what comes faster gets 429 and a Retry-After."""

    allowed_per_s = 6.0

    def __init__(self, provider):
        self.lock, self.credit, self.at = threading.Lock(), 3.0, time.monotonic()
        self.refused = self.allowed = 0
        provider.answer = self.limit

    def limit(self, request, raw):
        del request, raw
        with self.lock:
            now = time.monotonic()
            self.credit = min(6.0, self.credit + (now - self.at) * self.allowed_per_s)
            self.at = now
            if self.credit >= 1:
                self.credit -= 1
                self.allowed += 1
                return None
            self.refused += 1
            wait = math.ceil((1 - self.credit) / self.allowed_per_s * 10) / 10
            return JSONResponse({"error": {}}, 429, {"retry-after": str(wait)})


def test_a_provider_that_limits_is_used_and_not_stormed(tmp_path, provider):
    """At least 85 % of the allowed rate is used, though 16 ask at once; few are refused."""
    site = cloud_site(tmp_path / "s", provider.origin, usd_per_month=100.0)
    limited = Limited(provider)
    with running_gateway(site, WordGate()):
        done = make(site, count=240)
    # While it asked: reading the sheet before, and composing the corpus after, ask nobody.
    seconds = provider.arrived_at[-1] - provider.arrived_at[0]

    assert done.card.accepted == 240
    used = limited.allowed / (seconds * Limited.allowed_per_s)
    sys.stdout.write(
        f"\n{limited.allowed} answers in {seconds:.1f} s, {used:.1%} of the allowed rate; "
        f"{limited.refused} refused\n"
    )
    assert used >= 0.85
    # Sixteen that ask without a pace would be refused many times for each answer.
    assert limited.refused <= 0.25 * limited.allowed


def answered(path) -> set[str]:
    """Keys of the completions that a journal holds, read beside whoever writes it."""
    if not path.exists():
        return set()
    journal = sqlite3.connect(path)
    try:
        return {key for (key,) in journal.execute("SELECT key FROM completion")}
    except sqlite3.OperationalError:
        return set()
    finally:
        journal.close()


def test_fifty_kills_lose_nothing_and_change_nothing(tmp_path, provider):
    """`kill -9` at 50 random moments of 300 completions: none lost, few repeated, same bytes."""
    kills, count, at_once = 50, 300, 2
    site = cloud_site(tmp_path / "s", provider.origin, max_concurrent=at_once, usd_per_month=100.0)
    rng, context = random.Random(5), multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.lib.killed_runs"])
    journal = site.paths.journal / "killed.db"

    def start(name):
        ours, theirs = context.Pipe()
        arguments = (site.paths.root, name, count, theirs)
        process = context.Process(target=make_corpus, args=arguments)
        process.start()
        assert ours.recv() == "ready"
        return process

    provider.delay_s = 0.03
    try:
        with running_gateway(site, WordGate()):
            kept: set[str] = set()
            for _ in range(kills):
                process = start("killed")
                # At once, or after a few more completions, and then at any moment.
                enough = len(kept) + rng.choice((0, 1, 4, 8))
                while len(answered(journal)) < enough:
                    assert process.is_alive(), "it was done before it was killed often enough"
                    time.sleep(0.01)
                time.sleep(rng.uniform(0.0, 0.1))
                assert process.is_alive(), "it was done before it was killed often enough"
                process.kill()
                process.join()
                now = answered(journal)
                assert kept <= now
                kept = now
            before_last = len(kept)
            asked = [json.loads(raw)["messages"][-1]["content"] for raw in provider.bodies]
            provider.delay_s = 0.0
            last, whole = start("killed"), None
            last.join(400)
            whole = start("whole")
            whole.join(400)
    finally:
        provider.delay_s = 0.0

    assert (last.exitcode, whole.exitcode) == (0, 0)
    assert kept <= answered(journal)
    repeated = len(asked) - len(set(asked))
    sys.stdout.write(
        f"\n{kills} kills, {before_last} completions before the last run, none lost; "
        f"{repeated} requests repeated\n"
    )
    assert before_last > 100
    assert repeated <= kills * at_once
    for name in ("train.parquet", "dev.parquet"):
        one, other = (site.paths.corpora / corpus / name for corpus in ("killed", "whole"))
        assert one.read_bytes() == other.read_bytes()
