"""A Ray cluster that is up while the block runs, and private to this site."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.cluster.directories import (
    check_token,
    ensure_token,
    private_directory,
    ray_home,
    scrub_sessions,
    short_path,
)
from appliance.cluster.environment import (
    OFFLINE,
    native,
    ray_variables,
    refresh_configuration,
    variables_set,
)
from appliance.cluster.hosts import ZONE_LABEL
from appliance.cluster.interrupts import interrupts_noted
from appliance.cluster.joining import check_reachable, is_loopback, own_address
from appliance.cluster.membership import ZONE, read_membership
from appliance.errors import ApplianceError, BackendUnavailable
from appliance.settings.site_file import RaySettings

_MIB: Final = 1 << 20
_LOOPBACK: Final = "127.0.0.1"
_LOGGERS: Final = ("ray", "ray.data", "ray.train", "ray.tune", "ray.serve")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster this process is connected to.

    Attributes:
        cpus: Count of CPUs it may use.
        gpus: Count of GPUs it may use.
        directory: Where Ray writes: session, logs, spilled objects; inside the site.
        is_local: Whether this process started it and will end it.
        labels: What a host must be labelled with to be given work; nothing where all are alike.
    """

    cpus: int
    gpus: int
    directory: Path
    is_local: bool
    labels: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def connected(settings: RaySettings, run_directory: Path) -> Iterator[Cluster]:
    """Ray is up: a local cluster of this process, or the one at `settings.address`.

    Token authentication is on, telemetry and dashboard are off, every port of a local cluster
    is on loopback, and all it writes lies under `run_directory`, which is 0700. To a cluster of
    several hosts it speaks TLS, as the host that it runs on. Afterwards this process is
    disconnected, and a local cluster's processes are gone.

    Args:
        settings: Address, CPUs, GPUs and object store size in MiB; this host's place in a cluster.
        run_directory: `SITE/run`; holds the token as `ray.token` (0600).

    Raises:
        BackendUnavailable: The cluster doesn't start, or doesn't answer at that address.
        BadInput: A cluster's address is set and its token is not there, or it is beyond this
            machine and this host does not belong to it.
        KeyMismatch: The token is readable by others, or not the cluster's.
    """
    private_directory(run_directory)
    local = not settings.address
    directory = private_directory(run_directory / "ray")
    if local:
        scrub_sessions(directory)
    access = _access_to(settings, run_directory)
    with ExitStack() as stack:
        stack.enter_context(variables_set(access.variables, without=("RAY_ADDRESS",)))
        stack.enter_context(_signals_kept())
        stack.enter_context(interrupts_noted())
        short = stack.enter_context(short_path(directory))
        refresh_configuration(loopback=access.is_loopback)
        stack.callback(_shut_down)
        if local:
            _start(settings, short, directory)
        else:
            _join(settings.address, directory)
        _check_private(local=local)
        yield Cluster(settings.cpus, settings.gpus, directory, local, access.labels)


@dataclass(frozen=True, slots=True)
class _Access:
    """How this process speaks to a cluster."""

    variables: Mapping[str, str]
    is_loopback: bool
    labels: Mapping[str, str]


def _access_to(settings: RaySettings, run_directory: Path) -> _Access:
    if settings.address and not is_loopback(settings.address):
        place = read_membership(Path(settings.node))
        return _Access(place.variables(), is_loopback=False, labels={ZONE_LABEL: ZONE})
    token = check_token(run_directory) if settings.address else ensure_token(run_directory)
    chosen = {"CUDA_VISIBLE_DEVICES": settings.visible_gpus} if settings.visible_gpus else {}
    variables = {**ray_variables(token, loopback=True), **chosen}
    return _Access(variables, is_loopback=True, labels={})


def _start(settings: RaySettings, short: Path, directory: Path) -> None:
    # The address "local" never finds another cluster by a file or a variable.
    with variables_set({"HOME": str(ray_home(directory))}):
        _initialise(
            directory / "driver.err",
            address="local",
            num_cpus=settings.cpus,
            num_gpus=settings.gpus,
            object_store_memory=settings.object_store_mb * _MIB,
            include_dashboard=False,
            _node_ip_address=_LOOPBACK,
            _temp_dir=str(short),
            object_spilling_directory=str(private_directory(directory / "spill")),
        )


def _join(address: str, directory: Path) -> None:
    log = directory / "driver.err"
    with _native_stderr_in(log):
        check_reachable(address)
    _initialise(
        log,
        address=address,
        _node_ip_address=own_address(address),
        runtime_env={"env_vars": dict(OFFLINE)},
    )


def _initialise(log: Path, **options: Any) -> None:
    import ray

    if ray.is_initialized():
        raise ApplianceError("This process is connected to a Ray cluster already.")
    with warnings.catch_warnings(), _native_stderr_in(log):
        warnings.simplefilter("ignore")
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except Exception as error:  # noqa: BLE001 - a node that is late raises a bare one
            raise BackendUnavailable(
                f"Ray doesn't come up: {type(error).__name__}.",
                "Look into SITE/run/ray/session_latest/logs; free memory or mend [ray] in "
                "site.toml, then run the same command again.",
            ) from None
    _hush()


def _check_private(*, local: bool) -> None:
    """The cluster is as private as it was asked to be; anything else is a refusal."""
    import ray

    raylet = native()
    if raylet.get_authentication_mode() != raylet.AuthenticationMode.TOKEN:
        raise ApplianceError("Ray is up without token authentication; it was ended.")
    if local and ray.util.get_node_ip_address() != _LOOPBACK:
        raise ApplianceError("Ray listens beyond loopback; it was ended.")


def _shut_down() -> None:
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.shutdown()


def _hush() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _native_stderr_in(log: Path) -> Iterator[None]:
    """What C++ writes to stderr goes to `log`; Ray has no switch for its first lines."""
    sys.stderr.flush()
    ours = os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.dup2(target, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(ours, 2)
        os.close(ours)
        os.close(target)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray's handler for SIGTERM goes when Ray does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
