# ruff: noqa: T201 - what a benchmark prints is its result
"""What our path costs beside a bare client, on one vLLM server: `make bench-gateway`.

Three ways ask the same prompts of the same server, by turns, so that what else the machine does
hits all of them: a bare `openai` client, with as many requests at once as the server works on;
routing, ledger, journal and stamp in front of the same server (with and without the gate); and the
whole way through the gateway. The gate has read none of the prompts before.
"""

import asyncio
import statistics
import time
from itertools import islice

import openai

from appliance.gate.opening import open_checker, open_gate
from appliance.gate.spending import SpentFile
from appliance.records.prompts import Route, SamplingParameters
from appliance.records.verdicts import Verdict
from appliance.settings.tasks import load_task
from appliance.synthesis.backends.vllm.client import VllmBackend
from appliance.synthesis.backends.vllm.command import SERVED_NAME
from appliance.synthesis.journal.store import Journal
from appliance.synthesis.prompting.stream import drafts
from appliance.synthesis.routing.policy import RoutingPolicy
from appliance.workflows.dispatch import Dispatcher, Traffic
from tests.lib.running_gateway import MODEL, WordGate, make_site, running_gateway
from tests.lib.shared_models import language_model
from tests.lib.stamping_gate import StampingGate
from tests.lib.vllm_provider import running_vllm

PROMPTS, ROUNDS, AT_ONCE = 128, 5, 16
PARAMETERS = SamplingParameters(temperature=0.0, max_tokens=24, stop=("\n",))
SEED = bytes(range(32))


class Ready:
    """A supply whose backend is there."""

    def __init__(self, backend):
        self.backend, self.model = backend, backend.model

    def fresh(self):
        return self.backend


async def bare(endpoint, chosen):
    """The official client and nothing else."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.api_key) as client:

        async def one(draft):
            async with slots:
                await client.completions.create(
                    model=SERVED_NAME,
                    prompt=endpoint.opening + draft.prompt,
                    temperature=0.0,
                    max_tokens=PARAMETERS.max_tokens,
                    stop=["\n"],
                )

        await asyncio.gather(*map(one, chosen))


async def ours(site, endpoint, gate, checker, chosen, name):
    """Gate, stamp, routing, ledger and journal in front of the same server."""
    with Journal.open(site.paths.journal / f"{name}.db") as journal:
        backend = VllmBackend([endpoint], "bench@1", checker, 300.0)
        policy = RoutingPolicy("bench", (Route.VLLM,))
        supplies = {Route.VLLM: Ready(backend)}
        traffic = Traffic(
            policy, supplies, gate, journal, site.ledger, site.clock, PARAMETERS, AT_ONCE
        )
        dispatcher = Dispatcher(traffic, {Route.VLLM: backend})
        sending = []
        for start in range(0, len(chosen), AT_ONCE):
            batch = chosen[start : start + AT_ONCE]
            rulings = await asyncio.to_thread(gate.clear_many, batch, Route.VLLM)
            sending += [
                asyncio.create_task(dispatcher.send(one))
                for one in rulings
                if not isinstance(one, Verdict)
            ]
        await asyncio.gather(*sending)
        await dispatcher.close()
    return len(sending)


async def through(gateway, chosen):
    """The official client at the gateway."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with gateway.async_client() as client:

        async def one(draft):
            async with slots:
                await client.chat.completions.create(
                    model=SERVED_NAME,
                    messages=[{"role": "user", "content": draft.prompt}],
                    temperature=0.0,
                    max_completion_tokens=PARAMETERS.max_tokens,
                    stop=["\n"],
                )

        await asyncio.gather(*map(one, chosen))


def timed(job):
    """Wall seconds, and this process's CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(job)
    return time.perf_counter() - wall, time.process_time() - cpu


def test_overhead(tmp_path, tmp_path_factory):
    """Prints prompts a second and CPU a prompt of each way."""
    with running_vllm(language_model(tmp_path_factory), tmp_path) as endpoint:
        site = make_site(tmp_path / "site", f"http://127.0.0.1:{endpoint.port}")
        (site.paths.keys / "provider-key").write_text(endpoint.api_key)
        path = site.paths.policies / "gateway.toml"
        # A policy is digested: whoever stamps and checks must see the changed one.
        path.write_text(path.read_text().replace(MODEL, SERVED_NAME))
        sheet, vocabulary = load_task(site.paths.labels, "disease")
        index = site.paths.vault / "patients.index"

        def open_one():
            return open_gate(site.paths.policies, index, site.keys, site.clock, site.ledger)

        wanted = list(islice(drafts(sheet, vocabulary, 0), PROMPTS * ROUNDS * 2))
        rulings = open_one().clear_many(wanted, Route.VLLM)
        clean = [one.draft for one in rulings if not isinstance(one, Verdict)]
        # Another one: a gate remembers what it has read.
        gate, stamping = open_one(), StampingGate(site.clock, site.policy_digest)
        taken = {name: [] for name in ("bare", "ours", "ours without the gate", "gateway")}
        with running_gateway(site, WordGate()) as gateway:
            for turn in range(ROUNDS):
                chosen = clean[turn * PROMPTS : (turn + 1) * PROMPTS]
                spent = SpentFile(site.paths.journal / f"stamps-{turn}.db")
                checker = open_checker(site.keys, site.clock, gate.policy_digest, Route.VLLM, spent)
                # The engine has read each prompt before, whoever's turn comes first.
                asyncio.run(bare(endpoint, chosen))
                jobs = {
                    "bare": bare(endpoint, chosen),
                    "ours": ours(site, endpoint, gate, checker, chosen, f"a{turn}"),
                    "ours without the gate": ours(
                        site, endpoint, stamping, stamping.checker(), chosen, f"b{turn}"
                    ),
                    "gateway": through(gateway, chosen),
                }
                order = [*jobs][turn:] + [*jobs][:turn]
                for name in order:
                    taken[name].append(timed(jobs[name]))

    bare_runs = taken["bare"]
    print(f"\n{PROMPTS} prompts, {AT_ONCE} at once, medians of {ROUNDS} rounds by turns")
    for name, runs in taken.items():
        rate = statistics.median(PROMPTS / wall for wall, _ in runs)
        # Beside the bare client of the same round: the machine is not the same in all of them.
        shares = [one[0] / run[0] for one, run in zip(bare_runs, runs, strict=True)]
        costs = [
            1000 * (run[1] - one[1]) / PROMPTS for one, run in zip(bare_runs, runs, strict=True)
        ]
        share, cost = statistics.median(shares), statistics.median(costs)
        print(
            f"{name:20}{rate:6.1f} prompts/s {share:7.1%} of bare"
            f" ({min(shares):.1%} to {max(shares):.1%}) {cost:+6.2f} ms CPU/prompt"
            f" ({min(costs):+.2f} to {max(costs):+.2f})"
        )
    assert all(wall > 0 for runs in taken.values() for wall, _ in runs)
