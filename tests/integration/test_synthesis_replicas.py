"""Several engines behind one client: all are used, the dead are left out, and nobody can tell."""

import asyncio
from contextlib import ExitStack

import pytest

from appliance.errors import BackendRefused, BackendUnavailable
from appliance.records.examples import Origin
from appliance.records.progress import Silent
from appliance.records.prompts import DraftKind, Route, SamplingParameters
from appliance.settings.clock import SystemClock
from appliance.synthesis.backends.vllm.client import VllmBackend
from appliance.synthesis.backends.vllm.engine import Endpoint
from appliance.synthesis.curation.corpus import read_corpus
from appliance.synthesis.prompting.stream import make_draft
from appliance.workflows import synthesize as workflow
from appliance.workflows.site import init
from tests.lib.completion_server import running_completions
from tests.lib.following_model import follow
from tests.lib.stamping_gate import StampingGate

pytestmark = pytest.mark.slow


@pytest.fixture
def servers():
    with ExitStack() as stack:
        yield [stack.enter_context(running_completions()) for _ in range(3)]


@pytest.fixture
def gate():
    return StampingGate(SystemClock(), "3" * 64)


def ask_all(servers, gate, count, lost=None):
    """The answers to so many prompts at once, or how they failed."""
    drafts = [make_draft("t", DraftKind.NONE, (), "note", f"No. {n}") for n in range(count)]
    endpoints = [Endpoint(server.port, "k") for server in servers]
    tell = (lambda _: None) if lost is None else lost.append

    async def ask():
        backend = VllmBackend(endpoints, "m@1", gate.checker(), 30.0, tell)
        try:
            asking = [
                asyncio.create_task(backend.complete(cleared, SamplingParameters()))
                for cleared in gate.clear_many(drafts)
            ]
            return await asyncio.gather(*asking, return_exceptions=True)
        finally:
            await backend.aclose()

    return asyncio.run(ask())


def test_each_request_goes_to_the_one_with_the_least_to_do(servers, gate):
    """Of those that are equally fast each has a third; one that is slow has less."""
    answers = ask_all(servers, gate, 30)
    assert {len(server.prompts) for server in servers} == {10}
    assert {answer.text for answer in answers} == {" was seen."}

    for server in servers:
        server.prompts.clear()
    servers[0].delay_s, servers[1].delay_s, servers[2].delay_s = 0.6, 0.02, 0.02

    async def in_turn():
        backend = VllmBackend(
            [Endpoint(server.port, "k") for server in servers], "m@1", gate.checker(), 30.0
        )
        slots = asyncio.Semaphore(3)

        async def one(number):
            draft = make_draft("t", DraftKind.NONE, (), "note", f"Slow {number}")
            async with slots:
                await backend.complete(gate.clear_many([draft])[0], SamplingParameters())

        try:
            await asyncio.gather(*map(one, range(30)))
        finally:
            await backend.aclose()

    asyncio.run(in_turn())
    slow, *fast = (len(server.prompts) for server in servers)
    assert slow < min(fast)


def test_what_a_dead_one_had_in_hand_is_asked_of_another(servers, gate):
    """Every draft has its answer, the loss is told once, and the dead one is not asked again."""
    servers[1].delay_s, servers[1].dies_at = 25.0, 4
    lost = []

    answers = ask_all(servers, gate, 12, lost)

    assert [answer.draft_id for answer in answers] == [
        make_draft("t", DraftKind.NONE, (), "note", f"No. {n}").draft_id for n in range(12)
    ]
    assert lost == [1]
    assert len(servers[1].prompts) == 4
    assert {prompt for server in servers for prompt in server.prompts} == {
        f"No. {n}" for n in range(12)
    }


def test_a_server_that_fails_is_left_out_and_a_refusal_is_not_a_loss(servers, gate):
    """What one engine refuses, all would refuse."""
    servers[0].status = 500
    lost = []
    assert all(answer.text for answer in ask_all(servers, gate, 9, lost))
    assert lost == [0]

    for server in servers:
        server.status, lost = 400, []
    answers = ask_all(servers, gate, 3, lost)
    assert {type(answer) for answer in answers} == {BackendRefused}
    assert lost == []


def test_with_all_of_them_gone_the_backend_is_gone(servers, gate):
    """The run starts them all again; no error holds a prompt."""
    for server in servers:
        server.delay_s, server.dies_at = 25.0, 1
    answers = ask_all(servers, gate, 6)

    assert {type(answer) for answer in answers} == {BackendUnavailable}
    assert not any("No. " in f"{answer} {answer!r}" for answer in answers)


def go_on(prompt):
    return " " + follow({"messages": [{"content": prompt}]}).strip()


class Several:
    """A supply whose engines are servers on loopback."""

    model = "m@1"

    def __init__(self, servers, gate):
        self._endpoints = [Endpoint(server.port, "k") for server in servers]
        self._gate = gate

    def fresh(self):
        return VllmBackend(self._endpoints, self.model, self._gate.checker(), 30.0)


def test_a_corpus_is_the_same_however_many_wrote_it(tmp_path):
    """To the byte, with one engine, with three, and with one of three shot on the way."""
    site = init(tmp_path / "site", "air-gapped")
    gate = StampingGate(site.clock, site.policy_digest)
    done = {}
    for name, count in (("one", 1), ("three", 3), ("shot", 3)):
        with ExitStack() as stack:
            servers = [stack.enter_context(running_completions(go_on, 0.02)) for _ in range(count)]
            if name == "shot":
                # In the middle, with others in hand.
                servers[0].dies_at = 7
            order = workflow.Order("disease", 40, name)
            prepared = workflow.prepare(site, order)
            supplies = {Route.VLLM: Several(servers, gate)}
            done[name] = workflow.synthesize_with(
                site, gate, supplies, order, prepared, Silent()
            ).directory
            assert all(server.prompts for server in servers)

    _, examples = read_corpus(done["one"])
    assert sum(one.origin is Origin.WRITTEN for one in examples) == 40
    for file in ("train.parquet", "dev.parquet"):
        one, three, shot = ((done[name] / file).read_bytes() for name in done)
        assert one == three == shot
