"""What every backend promises: the clearance is checked, the answer belongs to the draft."""

import asyncio
import dataclasses

import pytest

from appliance.errors import ClearanceInvalid
from appliance.records.egress import derive_seal_key
from appliance.records.progress import Silent
from appliance.records.prompts import DraftKind, Route, SamplingParameters
from appliance.settings.clock import SystemClock
from appliance.settings.gateway import load_gateway_policy
from appliance.synthesis.backends.chatgpt.client import ChatGptBackend, GatewayPlace
from appliance.synthesis.backends.vllm.client import VllmBackend
from appliance.synthesis.backends.vllm.engine import VllmEngine
from appliance.synthesis.prompting.drafting import make_draft
from tests.lib.frozen_clock import FrozenClock
from tests.lib.provider_server import running_provider
from tests.lib.running_gateway import MODEL, WordGate, make_site, running_gateway
from tests.lib.scripted_backend import ScriptedBackend
from tests.lib.shared_models import language_model
from tests.lib.stamping_gate import StampingGate
from tests.unit.test_synthesis_vllm import settings

POLICY = "3" * 64
PROMPT = "Sentence: He was given aspirin.\n\nSentence: She was given"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    model = language_model(tmp_path_factory)
    with VllmEngine(settings(start_timeout_s=600.0), model.path, run, Silent()) as engine:
        yield engine.start()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that takes the stamps of the tests' gate; its provider stops where it is told."""

    def say(body):
        words = ["aspirin", "in", "the", "morning", "and", "then\nMore"]
        return " ".join(words[: body["max_completion_tokens"]]).partition(body["stop"][0])[0]

    with running_provider(script=say) as provider:
        site = make_site(
            tmp_path_factory.mktemp("contract") / "site", provider.origin, clearance="required"
        )
        (site.paths.keys / "clearance.key").write_bytes(bytes(range(32)))
        with running_gateway(site, WordGate()) as running:
            yield site, running


@pytest.fixture(params=["scripted", "chatgpt", pytest.param("vllm", marks=pytest.mark.slow)])
def make_backend(request):
    """From a gate to a backend; a new one per event loop."""
    if request.param == "scripted":
        return lambda gate: ScriptedBackend(
            gate.checker(Route.SCRIPTED), lambda _: " aspirin.\nMore."
        )
    if request.param == "chatgpt":
        site, running = request.getfixturevalue("gateway")
        instruction = load_gateway_policy(site.paths.policies / "gateway.toml").instruction
        return lambda _: ChatGptBackend(
            GatewayPlace(socket=running.at),
            MODEL,
            instruction,
            derive_seal_key(bytes(range(32))),
            30.0,
        )
    endpoint = request.getfixturevalue("endpoint")
    return lambda gate: VllmBackend([endpoint], "gemma@1", gate.checker(), 120.0)


@pytest.fixture
def policy(request, make_backend):
    """The digest of the policies in force: the gateway's are its site's."""
    del make_backend
    if request.node.callspec.params["make_backend"] != "chatgpt":
        return POLICY
    return request.getfixturevalue("gateway")[0].policy_digest


@pytest.fixture
def gate(policy):
    return StampingGate(SystemClock(), policy)


def clear(gate, route):
    draft = make_draft("drug", DraftKind.SINGLE, ("aspirin",), "note", PROMPT)
    return gate.clear_many([draft], route)[0]


def ask(backend, cleared, parameters=None):
    async def once():
        try:
            return await backend.complete(cleared, parameters or SamplingParameters(max_tokens=12))
        finally:
            await backend.aclose()

    return asyncio.run(once())


def test_an_answer_names_its_draft_route_and_model(make_backend, gate):
    """Where a completion came from is on it."""
    backend = make_backend(gate)
    cleared = clear(gate, backend.route)

    completion = ask(backend, cleared)

    assert completion.draft_id == cleared.draft.draft_id
    assert completion.route is backend.route
    assert completion.model == backend.model
    assert completion.prompt_tokens > 0
    assert completion.completion_tokens > 0


def test_an_answer_ends_at_the_stop(make_backend, gate):
    """One line, at most as long as was asked for."""
    backend = make_backend(gate)

    completion = ask(backend, clear(gate, backend.route), SamplingParameters(max_tokens=4))

    assert "\n" not in completion.text
    assert completion.completion_tokens <= 4
    assert completion.finish_reason in {"stop", "length"}


def test_a_stamp_is_good_for_one_sending(make_backend, gate):
    """The same cleared prompt a second time is refused."""
    checker_bound = make_backend(gate)
    cleared = clear(gate, checker_bound.route)

    async def twice():
        try:
            await checker_bound.complete(cleared, SamplingParameters(max_tokens=2))
            await checker_bound.complete(cleared, SamplingParameters(max_tokens=2))
        finally:
            await checker_bound.aclose()

    with pytest.raises(ClearanceInvalid):
        asyncio.run(twice())


def test_a_prompt_that_was_changed_is_not_sent(make_backend, gate):
    """The stamp is of this very prompt; the error does not repeat it."""
    backend = make_backend(gate)
    cleared = clear(gate, backend.route)
    draft = dataclasses.replace(cleared.draft, prompt="Something quite different")

    with pytest.raises(ClearanceInvalid) as caught:
        ask(backend, dataclasses.replace(cleared, draft=draft))

    assert "different" not in str(caught.value)


def test_a_stamp_of_other_policies_is_not_taken(make_backend, gate):
    """What passed yesterday's rules has to pass today's."""
    stranger, backend = StampingGate(SystemClock(), "4" * 64), make_backend(gate)

    with pytest.raises(ClearanceInvalid):
        ask(backend, clear(stranger, backend.route))


def test_a_stamp_for_another_route_is_not_taken(make_backend, gate):
    """Spent there or not: each route has a door and a memory of its own."""
    backend = make_backend(gate)

    for route in set(Route) - {backend.route}:
        with pytest.raises(ClearanceInvalid):
            ask(backend, clear(gate, route))


def test_an_old_stamp_is_not_taken(make_backend, policy):
    """A stamp ends with its time."""
    clock = FrozenClock()
    gate = StampingGate(clock, policy)
    backend = make_backend(gate)
    cleared = clear(gate, backend.route)
    clock.advance(3600)

    with pytest.raises(ClearanceInvalid):
        ask(backend, cleared)
