"""This host's part of a cluster, in the foreground: what a service unit runs.

Ray's own `ray start` opens a second door (the client server on port 10001) that it has no switch
for, and forwards what workers print; so the node is made here, of the same class.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.cluster.directories import (
    private_directory,
    ray_home,
    scrub_sessions,
    short_path,
)
from appliance.cluster.environment import variables_set
from appliance.cluster.hosts import ZONE_LABEL, is_there
from appliance.cluster.joining import check_reachable
from appliance.cluster.membership import ZONE, Membership
from appliance.errors import BackendUnavailable

_MIB: Final = 1 << 20
# Of Ray's helpers on each host. Where it has to find free ones it waits for these to say which, and
# gives up after some 20 s, which a busy host takes to start them.
HELPERS: Final = {
    "runtime_env_agent_port": 6380,
    "metrics_agent_port": 6381,
    "dashboard_agent_listen_port": 6382,
    "metrics_export_port": 6383,
}
_LOOK_EVERY_S: Final = 1.0
_START_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Shares:
    """What this host gives: None for all that it has; the object store in MiB."""

    cpus: int | None
    gpus: int | None
    object_store_mb: int


def serve(
    place: Membership,
    shares: Shares,
    directory: Path,
    *,
    when_ready: Callable[[], None],
    when_seen: Callable[[], None],
    stop: threading.Event,
) -> bool:
    """This host was part of the cluster until `stop`, or until it was drained; whether it was.

    No process of it is left. If this process is killed, its own go too.

    Args:
        place: This host's.
        shares: What it gives.
        directory: Where Ray writes, 0700: sessions, logs, spilled objects. Best in memory.
        when_ready: Called once, when the head counts this host in.
        when_seen: Called every second while it does.
        stop: Ends it.

    Raises:
        BackendUnavailable: The head does not answer, or one of Ray's processes ended by itself.
        KeyMismatch: The head does not take this host's token.
    """
    with ExitStack() as stack:
        stack.enter_context(place.speaking())
        short = stack.enter_context(short_path(private_directory(directory)))
        scrub_sessions(directory)
        if place.role != "head":
            check_reachable(place.head)
        node = _start(place, shares, short, directory)
        stack.callback(node.kill_all_processes, check_alive=False, allow_graceful=True, wait=True)
        if not _wait_until_there(place, node, stop):
            return False
        when_ready()
        while not stop.wait(_LOOK_EVERY_S):
            if _is_over(node):
                return True
            if is_there(place):
                when_seen()
    return False


def _start(place: Membership, shares: Shares, short: Path, directory: Path) -> Any:
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    is_head = place.role == "head"
    options: dict[str, Any] = {
        "node_ip_address": place.host,
        "node_name": place.host,
        "num_cpus": shares.cpus,
        "num_gpus": shares.gpus,
        "object_store_memory": shares.object_store_mb * _MIB,
        "labels": {ZONE_LABEL: ZONE},
        "temp_dir": str(short),
        "object_spilling_directory": str(private_directory(directory / "spill")),
        "include_log_monitor": False,
        "no_monitor": True,
        **HELPERS,
    }
    if is_head:
        options |= {"gcs_server_port": int(place.head.rpartition(":")[2])}
        options |= {"include_dashboard": False}
    else:
        options |= {"gcs_address": place.head}
    with variables_set({"HOME": str(ray_home(directory))}):
        try:
            return Node(
                RayParams(**options), head=is_head, shutdown_at_exit=False, spawn_reaper=True
            )
        except Exception as error:  # noqa: BLE001 - Ray raises of every kind here
            failure = type(error).__name__
    raise BackendUnavailable(
        f"This host's part of the cluster doesn't start: {failure}.",
        f"Look into {directory}/session_latest/logs.",
    )


def _wait_until_there(place: Membership, node: Any, stop: threading.Event) -> bool:
    for _ in range(int(_START_TIMEOUT_S / _LOOK_EVERY_S)):
        if is_there(place):
            return True
        if _is_over(node) or stop.wait(_LOOK_EVERY_S):
            return False
    raise BackendUnavailable(
        f"The head does not count this host in after {_START_TIMEOUT_S:.0f} s.",
        "Look at the head's service, and at the rules of deploy/cluster.",
    )


def _is_over(node: Any) -> bool:
    """Whether the host was drained: its raylet has ended, and well.

    Raises:
        BackendUnavailable: One of its processes ended in another way.
    """
    for name, process in node.dead_processes():
        if name == "raylet" and process.returncode == 0:
            return True
        if process.returncode != 0:
            raise BackendUnavailable(
                f"Ray's {name} ended by itself with {process.returncode}.",
                "The service starts it again; if it goes on, look at the logs in its directory.",
            )
    return False
