"""The variables Ray and its workers are started with, set for a while and put back."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

OFFLINE: Final[Mapping[str, str]] = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What every worker is told: no hub, no telemetry."""

_QUIET: Final[Mapping[str, str]] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    # Task events hold the text of exceptions; 0 keeps them out of the state API.
    "RAY_task_events_report_interval_ms": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_open_telemetry": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_DATA_ENABLE_STATS_SUMMARY_COLLECTION": "0",
    "RAY_TQDM": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    # The default of 2 s is most of the wait after a short training run.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    # A busy machine takes longer than the default of 30 s to start it.
    "RAY_gcs_server_port_wait_time_s": "120",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # Ray's C++ and its data library write to the driver's stderr by default.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
}

_LOOPBACK: Final[Mapping[str, str]] = {
    # Ray turns 127.0.0.1 into an outside address (asking a route to 8.8.8.8) and listens on all
    # interfaces, unless it is told that this system can't form clusters. Then every listener,
    # metrics ports included, is on loopback.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Fixed ports by default, which a second cluster on the machine would find taken.
    "AUTOSCALER_METRIC_PORT": "0",
    "DASHBOARD_METRIC_PORT": "0",
}


def ray_variables(token: Path, *, loopback: bool) -> dict[str, str]:
    """What Ray reads: a token on every call, no telemetry, and no port beyond `loopback`."""
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    return {**OFFLINE, **_QUIET, **access, **(_LOOPBACK if loopback else {})}


@contextmanager
def variables_set(values: Mapping[str, str], *, without: tuple[str, ...] = ()) -> Iterator[None]:
    """Inside the block this process has `values` and none of `without`; afterwards its own."""
    touched = (*values, *without)
    before = {name: os.environ[name] for name in touched if name in os.environ}
    os.environ.update(values)
    for name in without:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name in touched:
            os.environ.pop(name, None)
        os.environ.update(before)


def refresh_configuration(*, loopback: bool) -> None:
    """Ray has read our variables, even if something imported it before they were set."""
    from ray._private import ray_constants

    raylet = native()
    ray_constants.ENABLE_RAY_CLUSTER = not loopback
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def native() -> Any:
    """Ray's native module; its type stub leaves most names out."""
    from ray import _raylet

    return _raylet
