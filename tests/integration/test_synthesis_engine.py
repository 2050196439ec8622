"""The real engine: shut to strangers, silent, and gone when its owner is gone."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from appliance.errors import BackendRefused, BackendUnavailable
from appliance.records.prompts import DraftKind, Route, SamplingParameters
from appliance.settings.clock import SystemClock
from appliance.synthesis.backends.vllm import processes
from appliance.synthesis.backends.vllm.client import VllmBackend
from appliance.synthesis.backends.vllm.engine import Endpoint
from appliance.synthesis.prompting.drafting import make_draft
from appliance.workflows import synthesize as workflow
from appliance.workflows.site import init
from appliance.workflows.supply import EngineSupply
from tests.lib.shared_models import language_model
from tests.lib.stamping_gate import StampingGate
from tests.unit.test_synthesis_vllm import wait_until

pytestmark = pytest.mark.slow

CANARY = "Zyxwvutia"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return language_model(tmp_path_factory)


def engine_pids(run: Path) -> list[int]:
    """Processes of the engine, as its watchdog knows them: workers hide their mark by a title."""
    states = [json.loads(path.read_text()) for path in run.glob("engine-*.json")]
    return [int(pid) for state in states for pid in state["seen"]]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if processes.started_at(pid) is not None]


@pytest.fixture(autouse=True)
def _own_temporary_files(monkeypatch):
    """A directory of the test's own, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="t", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("TMPDIR", directory)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield


def segments() -> set[str]:
    """Files in shared memory, and sockets and an engine's directory among temporary files."""
    temporary = Path(tempfile.gettempdir()).rglob("*")
    left = {path for path in temporary if path.is_socket() or "engine" in path.name}
    return {str(path) for path in left} | {path.name for path in processes.SHARED_MEMORY.iterdir()}


def ask(endpoint, prompt: str):
    gate = StampingGate(SystemClock(), "3" * 64)
    draft = make_draft("drug", DraftKind.NONE, (), "note", prompt)
    (cleared,) = gate.clear_many([draft])

    async def once():
        async with VllmBackend([endpoint], "m@1", gate.checker(), 300.0) as backend:
            return await backend.complete(cleared, SamplingParameters(max_tokens=4))

    return asyncio.run(once())


OWNER = """
    import json, sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[3])
    from appliance.records.progress import Silent
    from appliance.synthesis.backends.vllm.engine import VllmEngine
    from tests.unit.test_synthesis_vllm import settings
    model, run = Path(sys.argv[1]), Path(sys.argv[2])
    engine = VllmEngine(settings(start_timeout_s=600.0), model, run, Silent())
    endpoint = engine.start()
    print(json.dumps([endpoint.port, endpoint.api_key, str(engine.log)]), flush=True)
    time.sleep(600)
"""


def test_the_engine_answers_us_only_and_ends_with_its_owner(tmp_path, model):
    """Without the key nothing is answered; the key and the prompt are in no argument and no log.

    And `kill -9` of the process that started it leaves no worker and no shared memory.
    """
    before = segments()
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", textwrap.dedent(OWNER), str(model.path), str(tmp_path), root]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        port, key, log = json.loads(owner.stdout.readline())
        endpoint = Endpoint(port, key)
        pids = engine_pids(tmp_path)
        assert len(alive(pids)) >= 3

        stranger = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        stranger.request("GET", "/v1/models")
        assert stranger.getresponse().status == http.client.UNAUTHORIZED
        stranger.close()

        assert ask(endpoint, f"The {CANARY} of the").completion_tokens > 0
        assert len(segments() - before) > 2, "the engine has sockets and segments"
        with pytest.raises(BackendRefused) as refused:
            ask(endpoint, f"{CANARY} " * 2000)
        assert CANARY not in str(refused.value)

        for pid in alive(pids):
            assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        written = Path(log).read_text()
        assert CANARY not in written
        assert key not in written

        owner.kill()

    assert wait_until(lambda: not alive(pids))
    assert wait_until(lambda: not engine_pids(tmp_path) and segments() <= before)
    with pytest.raises(BackendUnavailable):
        ask(endpoint, "Nobody is there")


class Murderer:
    """A progress that kills the engine's processes after some examples, once."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._left = 4
        self.is_done = False
        self.seen: set[int] = set()

    def begin(self, stage, total=None):
        del stage, total

    def advance(self, count=1, note=""):
        self.seen.update(engine_pids(self._run))
        if not note.endswith("accepted") or self.is_done:
            return
        self._left -= count
        if self._left <= 0:
            self.is_done = True
            for pid in alive(engine_pids(self._run)):
                os.kill(pid, signal.SIGKILL)

    def end(self, summary=""):
        del summary


def test_a_run_survives_the_death_of_its_engine(tmp_path, model):
    """Engine and watchdog shot in the middle: another one starts, and the corpus is complete."""
    before = segments()
    site = init(tmp_path / "site", "air-gapped")
    gate = StampingGate(SystemClock(), site.policy_digest)
    order = workflow.Order("disease", 12, "first")
    prepared = workflow.prepare(site, order)
    progress = Murderer(site.paths.run)

    with EngineSupply(site, model, gate.checker(), progress) as supply:
        supplies = {Route.VLLM: supply}
        done = workflow.synthesize_with(site, gate, supplies, order, prepared, progress)

    assert progress.is_done
    assert done.card.accepted == 12
    assert not alive(list(progress.seen))
    assert segments() <= before


def test_a_debug_switch_prints_no_prompt():
    """OPENAI_LOG=debug, set by accident, does not bring prompts onto the terminal."""
    script = f"""
        import asyncio, sys
        from appliance.settings.clock import SystemClock
        from appliance.synthesis.backends.vllm.client import VllmBackend
        from appliance.synthesis.backends.vllm.engine import Endpoint
        from appliance.records.prompts import DraftKind, SamplingParameters
        from appliance.synthesis.prompting.drafting import make_draft
        from tests.lib.stamping_gate import StampingGate
        gate = StampingGate(SystemClock(), "3" * 64)
        draft = make_draft("drug", DraftKind.NONE, (), "note", "{CANARY}")
        backend = VllmBackend([Endpoint(9, "k")], "m", gate.checker(), 5.0)
        asyncio.run(backend.complete(gate.clear_many([draft])[0], SamplingParameters()))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "OPENAI_LOG": "debug"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
    )

    assert b"BackendUnavailable" in done.stderr
    assert CANARY.encode() not in done.stderr + done.stdout
