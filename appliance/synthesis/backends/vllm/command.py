"""How the engine is started: its command line and its environment, from settings alone."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.settings.site_file import VllmSettings
from appliance.synthesis.backends.vllm.processes import MARK, SOCKETS_PLACE

SERVED_NAME: Final = "generator"
LOOPBACK: Final = "127.0.0.1"

# What the engine may see of our environment. Everything else stays out: proxies, tokens, hubs.
_PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_HOME",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "VLLM_CPU_OMP_THREADS_BIND",
)
# CPU features by which bfloat16 is computed rather than emulated. Without one of them Gemma 270M
# wrote 7 tokens a second on two cores in bfloat16, and 40 in float32.
_FAST_BFLOAT16: Final = ("avx512_bf16", "amx_bf16", "bf16")
# On a machine this small, vLLM would pin itself to the first cores, whoever else is on them.
_FEW_CORES: Final = 4


def choose_dtype(settings: VllmSettings, cpu_flags: frozenset[str]) -> str:
    """The number format to compute in: as set, except "auto" on a CPU without fast bfloat16."""
    if settings.dtype != "auto":
        return settings.dtype
    if settings.device == "cpu" and not cpu_flags.intersection(_FAST_BFLOAT16):
        return "float32"
    return "auto"


def choose_threads(cores: int) -> dict[str, str]:
    """Environment by which the engine leaves one of a few cores to the gate, and pins nothing.

    Threads of one engine wait for each other at every layer: with two of them on two cores and
    the gate at work, it wrote 4 tokens a second, with one 16. Of many cores it has its own plan.
    """
    if cores > _FEW_CORES:
        return {}
    return {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": str(max(1, cores - 1))}


def choose_share(
    settings: VllmSettings, number: int, environment: Mapping[str, str]
) -> dict[str, str]:
    """Environment by which one of several engines keeps to its part of the machine.

    Args:
        settings: How many there are, and on what.
        number: Which of them, from 0.
        environment: As it would be for an engine alone.

    Raises:
        BadInput: There are fewer graphics devices than the engines need.
    """
    if settings.replicas == 1:
        return {}
    if settings.device == "cpu":
        # Each would pin itself to the same first cores.
        cores = int(environment.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0))))
        threads = str(max(1, cores // settings.replicas))
        return {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": threads}
    each, wanted = settings.tensor_parallel_size, settings.tensor_parallel_size * settings.replicas
    named = environment.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(wanted)))).split(",")
    if len(named) < wanted:
        raise BadInput(
            f"{settings.replicas} engines need {wanted} graphics devices, and CUDA_VISIBLE_DEVICES "
            f"names {len(named)}.",
            "Lower vllm.replicas or vllm.tensor_parallel_size in site.toml.",
        )
    return {"CUDA_VISIBLE_DEVICES": ",".join(named[each * number : each * (number + 1)])}


def read_cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """What this machine's processor can do, in the kernel's words; empty where it won't say."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def build_command(
    python: str, model: Path, settings: VllmSettings, dtype: str, port: int
) -> list[str]:
    """The engine's argument list. It is readable by every user of the machine: no secret in it."""
    command = [
        python,
        "-m",
        "vllm.entrypoints.openai.api_server",
        *("--host", LOOPBACK),
        *("--port", str(port)),
        *("--model", str(model)),
        *("--served-model-name", SERVED_NAME),
        *("--dtype", dtype),
        *("--tensor-parallel-size", str(settings.tensor_parallel_size)),
        *("--max-model-len", str(settings.max_model_len)),
        *("--max-num-seqs", str(settings.max_concurrent)),
        "--enable-prefix-caching",
        "--no-enable-log-requests",
        "--disable-uvicorn-access-log",
    ]
    if settings.device == "cpu":
        # Compiling costs more on two cores than a run of a thousand sentences gains by it.
        command.append("--enforce-eager")
        # Only whole blocks of a prompt are kept for the next one; the default of 128 tokens left
        # 42 % of every prompt to be computed anew.
        command += ["--block-size", "32"]
    return command


def build_environment(
    settings: VllmSettings, engine_id: str, api_key: str, cache: Path, sockets: Path
) -> dict[str, str]:
    """The engine's whole environment: offline, silent, marked, and the only place of the key."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if settings.visible_gpus:
        passed_on["CUDA_VISIBLE_DEVICES"] = settings.visible_gpus
    return (
        choose_threads(len(os.sched_getaffinity(0)))
        | passed_on
        | {
            MARK: engine_id,
            SOCKETS_PLACE: str(sockets),
            "VLLM_API_KEY": api_key,
            "VLLM_CPU_KVCACHE_SPACE": str(settings.kv_cache_gb),
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_DO_NOT_TRACK": "1",
            "DO_NOT_TRACK": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            "VLLM_CACHE_ROOT": str(cache),
            "HF_HOME": str(cache / "hub"),
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
        }
    )
