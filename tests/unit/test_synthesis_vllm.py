"""How the engine is started, and how its processes are found: without starting it."""

import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from appliance.errors import BackendUnavailable, BadInput
from appliance.records.progress import Silent
from appliance.settings.site_file import VllmSettings
from appliance.synthesis.backends.vllm import processes
from appliance.synthesis.backends.vllm.command import (
    build_command,
    build_environment,
    choose_dtype,
    choose_share,
    choose_threads,
    read_cpu_flags,
)
from appliance.synthesis.backends.vllm.engine import VllmEngine
from appliance.synthesis.backends.vllm.watchdog import clean_up

KEY = "an-invented-secret"


def settings(**changes) -> VllmSettings:
    values = {
        "model": "m",
        "device": "cpu",
        "port": 0,
        "dtype": "auto",
        "tensor_parallel_size": 1,
        "max_model_len": 1024,
        "max_concurrent": 16,
        "kv_cache_gb": 1,
        "max_lora_rank": 32,
        "start_timeout_s": 30.0,
        "request_timeout_s": 30.0,
    }
    return VllmSettings(**(values | changes))


def sleeper(engine_id: str, *command: str) -> subprocess.Popen[bytes]:
    """A process that carries the mark of an engine, in a session of its own."""
    code = ("import time; time.sleep(300)",)
    return subprocess.Popen(
        [sys.executable, "-c", *(command or code)],
        env={**os.environ, processes.MARK: engine_id},
        start_new_session=True,
    )


def alive(engine_id: str) -> list[int]:
    return processes.Traces(engine_id).alive()


def wait_until(condition, seconds: float = 120.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(condition())


def test_the_engine_listens_on_loopback_and_the_key_is_no_argument():
    """Arguments are readable by every user of the machine, so the key is not among them."""
    command = build_command("python", Path("/models/m"), settings(), "float32", 8000)
    environment = build_environment(settings(), "e1", KEY, Path("/run"), Path("/sockets"))

    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert not any(KEY in argument for argument in command)
    assert environment["VLLM_API_KEY"] == KEY


def test_the_engine_sees_the_gpus_that_the_settings_name(monkeypatch):
    """Whatever the environment says; where the settings name none, that."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")

    def seen(**changes):
        where = Path("/run"), Path("/sockets")
        return build_environment(settings(**changes), "e1", KEY, *where)["CUDA_VISIBLE_DEVICES"]

    assert seen() == "7"
    assert seen(visible_gpus="0,1") == "0,1"


def test_the_engine_is_offline_and_silent(monkeypatch):
    """No hub, no usage statistics, no request log, no proxy from our environment."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("HF_TOKEN", "an-invented-token")

    environment = build_environment(settings(), "e1", KEY, Path("/run"), Path("/sockets"))
    command = build_command("python", Path("/models/m"), settings(), "auto", 8000)

    assert environment["HF_HUB_OFFLINE"] == environment["VLLM_NO_USAGE_STATS"] == "1"
    assert environment["DO_NOT_TRACK"] == "1"
    assert "--no-enable-log-requests" in command
    assert not {"HTTPS_PROXY", "HF_TOKEN"} & set(environment)


@pytest.mark.parametrize(
    ("device", "dtype", "flags", "chosen"),
    [
        ("cpu", "auto", {"avx2"}, "float32"),
        ("cpu", "auto", {"avx2", "avx512_bf16"}, "auto"),
        ("cpu", "bfloat16", {"avx2"}, "bfloat16"),
        ("cuda", "auto", {"avx2"}, "auto"),
    ],
)
def test_a_processor_without_bfloat16_computes_in_float32(device, dtype, flags, chosen):
    """Unless the operator says otherwise, nothing is emulated."""
    assert choose_dtype(settings(device=device, dtype=dtype), frozenset(flags)) == chosen


def test_a_small_machine_keeps_a_core_for_the_gate():
    """Of two cores one computes; a big machine's plan is left to vLLM."""
    assert choose_threads(1)["OMP_NUM_THREADS"] == "1"
    assert choose_threads(2)["OMP_NUM_THREADS"] == "1"
    assert choose_threads(4)["OMP_NUM_THREADS"] == "3"
    assert choose_threads(32) == {}


def test_cpu_flags_are_read_from_the_kernel(tmp_path):
    """Both spellings are known; no file, no flags."""
    x86, arm = tmp_path / "x86", tmp_path / "arm"
    x86.write_text("processor : 0\nflags\t\t: fpu avx2\n")
    arm.write_text("processor : 0\nFeatures\t: fp bf16\n")

    assert read_cpu_flags(x86) == {"fpu", "avx2"}
    assert read_cpu_flags(arm) == {"fp", "bf16"}
    assert read_cpu_flags(tmp_path / "none") == frozenset()


def test_settings_reach_the_command_line():
    """Tensor parallel size, context length and format come from site.toml."""
    command = build_command(
        "python",
        Path("/models/m"),
        settings(device="cuda", tensor_parallel_size=4, max_model_len=4096),
        "bfloat16",
        8000,
    )

    pairs = dict(itertools.pairwise(command))
    assert pairs["--tensor-parallel-size"] == "4"
    assert pairs["--max-model-len"] == "4096"
    assert pairs["--dtype"] == "bfloat16"
    assert "--enforce-eager" not in command


@pytest.mark.slow
def test_every_process_of_an_engine_is_found_and_ended():
    """Workers in sessions of their own are found by their mark, and no stranger is touched."""
    mine, stranger = secrets.token_hex(8), secrets.token_hex(8)
    workers = [sleeper(mine), sleeper(mine)]
    other = sleeper(stranger)
    try:
        assert wait_until(lambda: len(alive(mine)) == 2)
        # An ended child stays in the table until its parent has asked for it.
        processes.Traces(mine).erase(0.5)

        assert [worker.wait(timeout=120) for worker in workers] == [-15, -15]
        assert other.poll() is None
        assert alive(stranger) == [other.pid]
    finally:
        for process in (*workers, other):
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("changes", "environment", "shares"),
    [
        ({}, {}, [{}]),
        ({"replicas": 2}, {"OMP_NUM_THREADS": "8"}, [{"OMP_NUM_THREADS": "4"}] * 2),
        ({"replicas": 3}, {"OMP_NUM_THREADS": "1"}, [{"OMP_NUM_THREADS": "1"}] * 3),
        (
            {"replicas": 2, "device": "cuda"},
            {},
            [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}],
        ),
        (
            {"replicas": 2, "device": "cuda", "tensor_parallel_size": 2},
            {"CUDA_VISIBLE_DEVICES": "7,5,3,1,0"},
            [{"CUDA_VISIBLE_DEVICES": "7,5"}, {"CUDA_VISIBLE_DEVICES": "3,1"}],
        ),
    ],
)
def test_engines_share_a_machine(changes, environment, shares):
    """Threads of the processor, or graphics devices, each of its own; one alone has all."""
    for number, share in enumerate(shares):
        chosen = choose_share(settings(**changes), number, environment)

        assert chosen.pop("VLLM_CPU_OMP_THREADS_BIND", "nobind") == "nobind"
        assert chosen == share


def test_more_engines_than_devices_are_refused():
    """Two on one would both take its memory."""
    with pytest.raises(BadInput, match="need 2 graphics devices"):
        choose_share(settings(replicas=2, device="cuda"), 0, {"CUDA_VISIBLE_DEVICES": "0"})


def test_a_segment_outside_shared_memory_is_never_removed(tmp_path):
    """A name with a path in it is left alone."""
    victim = tmp_path / "victim"
    victim.write_text("stays")

    processes.remove_segments({f"../..{victim}", str(victim), "", "psm_no_such_segment"})

    assert victim.exists()


def test_a_directory_that_is_no_engines_own_is_never_removed(tmp_path, monkeypatch):
    """Neither one of another name, nor a link that somebody put where ours was."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").touch()
    link = tmp_path / "appliance-engine-e1"
    link.symlink_to(victim)

    processes.remove_sockets(str(victim), "e1")
    processes.remove_sockets(str(link), "e1")
    processes.remove_sockets("", "e1")
    assert (victim / "file").exists()

    link.unlink()
    made = processes.make_sockets("e1")
    (made / "a-uuid").touch()
    assert made.stat().st_mode & 0o077 == 0
    processes.remove_sockets(str(made), "e1")
    assert not made.exists()


def watchdog(run: Path, engine_id: str, code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "appliance.synthesis.backends.vllm.watchdog",
            str(run / f"engine-{engine_id}.json"),
            sys.executable,
            "-c",
            code,
        ],
        stdin=subprocess.PIPE,
        env={
            **os.environ,
            processes.MARK: engine_id,
            processes.SOCKETS_PLACE: str(processes.make_sockets(engine_id)),
        },
        start_new_session=True,
    )


# A stand-in for the engine: a child in another session, a segment of shared memory, a socket.
STAND_IN = """
import os, socket, subprocess, sys, time
from pathlib import Path
from multiprocessing import shared_memory, resource_tracker
segment = shared_memory.SharedMemory(name="NAME", create=True, size=64)
resource_tracker.unregister("/NAME", "shared_memory")
# Made, and neither held open nor mapped: as joblib leaves its semaphores.
Path(f"/dev/shm/sem.loky-{os.getpid()}-NAME").touch()
socket.socket(socket.AF_UNIX).bind(os.environ["VLLM_RPC_BASE_PATH"] + "/a-uuid")
os.mkdir(os.environ["VLLM_RPC_BASE_PATH"] + "/a-directory")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
time.sleep(300)
"""


@pytest.mark.slow
def test_closing_the_pipe_ends_the_engine_and_its_shared_memory(tmp_path):
    """However the owner goes, `kill -9` included, its end of the pipe closes; nothing is left."""
    engine_id = secrets.token_hex(8)
    name = f"psm_test_{engine_id}"
    process = watchdog(tmp_path, engine_id, STAND_IN.replace("NAME", name))
    segment = processes.SHARED_MEMORY / name
    state = tmp_path / f"engine-{engine_id}.json"
    assert wait_until(lambda: segment.exists() and len(alive(engine_id)) >= 3)
    assert wait_until(lambda: name in state.read_text())

    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(timeout=120) == 0
    assert not alive(engine_id)
    assert not list(processes.SHARED_MEMORY.glob(f"*{engine_id}*"))
    assert not list(Path(tempfile.gettempdir()).glob(f"*{engine_id}*"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_worker_that_hides_its_mark_is_found_by_its_session(tmp_path):
    """Workers of vLLM write their title over their environment; they are ended all the same."""
    engine_id = secrets.token_hex(8)
    hidden = "import os; os.execve('/bin/sleep', ['sleep', '300'], {})"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hidden!r}])"
    process = watchdog(tmp_path, engine_id, code)
    state = tmp_path / f"engine-{engine_id}.json"
    assert wait_until(lambda: state.exists() and len(json.loads(state.read_text())["seen"]) == 2)
    # The watchdog and the first process show the mark; the worker does not any more.
    assert wait_until(lambda: len(alive(engine_id)) == 2)
    pids = [int(pid) for pid in json.loads(state.read_text())["seen"]]

    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(timeout=120) == 0
    assert all(processes.started_at(pid) is None for pid in pids)


@pytest.mark.slow
def test_a_later_start_cleans_up_after_a_killed_watchdog(tmp_path):
    """Even with the watchdog shot, the next start leaves no process and no segment."""
    engine_id = secrets.token_hex(8)
    name = f"psm_test_{engine_id}"
    process = watchdog(tmp_path, engine_id, STAND_IN.replace("NAME", name))
    state = tmp_path / f"engine-{engine_id}.json"
    assert wait_until(lambda: state.exists() and name in state.read_text())
    assert clean_up(tmp_path) == 0, "a live watchdog minds its own engine"

    process.kill()
    process.wait()

    assert clean_up(tmp_path) == 1
    assert not alive(engine_id)
    assert not list(processes.SHARED_MEMORY.glob(f"*{engine_id}*"))
    assert not list(Path(tempfile.gettempdir()).glob(f"*{engine_id}*"))
    assert not list(tmp_path.iterdir())


def test_a_directory_without_a_model_is_bad_input(tmp_path):
    """The engine is not even started."""
    engine = VllmEngine(settings(), tmp_path / "none", tmp_path, Silent())

    with pytest.raises(BadInput, match="no model"):
        engine.start()


@pytest.mark.slow
def test_an_engine_that_ends_at_once_is_reported_with_its_log(tmp_path):
    """A broken model ends in one sentence that names the log, and leaves nothing."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    engine = VllmEngine(settings(dtype="no-such-format"), model, tmp_path, Silent())

    with pytest.raises(BackendUnavailable, match=r"vllm\.log"):
        engine.start()

    assert not engine.is_running()
    assert not list(tmp_path.glob("engine-*.json"))
