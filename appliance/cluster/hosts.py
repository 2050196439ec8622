"""The hosts of a cluster: who is there, and one of them taken out without losing work."""

import time
from dataclasses import dataclass
from typing import Any, Final

from appliance.cluster.joining import check_reachable, client_of
from appliance.cluster.membership import Membership
from appliance.errors import BackendRefused, BackendUnavailable, BadInput

ZONE_LABEL: Final = "zone"
_TIMEOUT_S: Final = 15.0
_LOOK_EVERY_S: Final = 1.0
# A host that is idle ends by itself; how long after the deadline it may take to notice.
_GRACE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class HostState:
    """One host, as the cluster's head sees it.

    Attributes:
        address: Its own.
        role: "head" or "worker".
        is_alive: Whether it takes work.
        cpus: Count that it gives.
        gpus: Count that it gives.
        zone: What its label says that it may hold.
        node_id: Number of its present life: another one after each start.
    """

    address: str
    role: str
    is_alive: bool
    cpus: float
    gpus: float
    zone: str
    node_id: str


def list_hosts(place: Membership) -> tuple[HostState, ...]:
    """The hosts, by address; of one that came more than once the newest counts.

    Raises:
        BackendUnavailable: The head doesn't answer.
        KeyMismatch: It does not take this host's token or certificate.
    """
    with place.speaking():
        check_reachable(place.head)
        nodes = _nodes(place)
    return tuple(_state(nodes[address]) for address in sorted(nodes))


def drain(place: Membership, host: str, patience_s: float) -> None:
    """The host gets no more work, has ended what it had, and is gone.

    Args:
        place: Of the host that asks.
        host: Address of a worker.
        patience_s: How long its work may take to end.

    Raises:
        BadInput: There is no such worker.
        BackendRefused: The cluster says no.
        BackendUnavailable: It is still at work after that time.
    """
    with place.speaking():
        check_reachable(place.head)
        node = _nodes(place).get(host)
        if node is None or node.state != _alive():
            raise BadInput(f"No host {host} is in the cluster.", "See `appliance cluster status`.")
        if node.is_head_node:
            raise BadInput(
                "The head can't be drained: the cluster ends with it.",
                "Stop its service when no run is under way; runs can be resumed.",
            )
        _ask_to_drain(place, node, patience_s)
        deadline = time.monotonic() + patience_s + _GRACE_S
        while time.monotonic() < deadline:
            found = _nodes(place).get(host)
            if found is None or found.node_id != node.node_id or found.state != _alive():
                return
            time.sleep(_LOOK_EVERY_S)
    raise BackendUnavailable(
        f"{host} is still at work; it gets nothing new.",
        "Wait and look with `appliance cluster status`, or stop its service: "
        "what it was doing is done again elsewhere.",
    )


def is_there(place: Membership) -> bool:
    """Whether the head counts this host among those alive; to be asked inside `speaking`."""
    try:
        node = _nodes(place).get(place.host)
    except BackendUnavailable:
        return False
    return node is not None and node.state == _alive()


def life_of(place: Membership) -> str:
    """The number of this host's present life; to be asked inside `speaking`."""
    node = _nodes(place).get(place.host)
    return "" if node is None else str(node.node_id.hex())


def _ask_to_drain(place: Membership, node: Any, patience_s: float) -> None:
    import ray
    from ray.core.generated import autoscaler_pb2

    ends_ms = int((time.time() + patience_s) * 1000)
    try:
        taken, _ = client_of(place.head).drain_node(
            node.node_id.hex(),
            autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
            "appliance cluster drain",
            ends_ms,
        )
    except ray.exceptions.RpcError:
        taken = False
    if not taken:
        raise BackendRefused("The cluster does not let that host go.", "Look at its head's logs.")


def _nodes(place: Membership) -> dict[str, Any]:
    """The newest node of each address."""
    import ray

    try:
        found = client_of(place.head).get_all_node_info(timeout=_TIMEOUT_S)
    except ray.exceptions.RpcError:
        raise BackendUnavailable(
            f"The head at {place.head} does not answer.", "Look at its service."
        ) from None
    newest = sorted(found.values(), key=lambda node: int(node.start_time_ms))
    return {str(node.node_manager_address): node for node in newest}


def _state(node: Any) -> HostState:
    return HostState(
        address=str(node.node_manager_address),
        role="head" if node.is_head_node else "worker",
        is_alive=node.state == _alive(),
        cpus=float(node.resources_total.get("CPU", 0)),
        gpus=float(node.resources_total.get("GPU", 0)),
        zone=str(node.labels.get(ZONE_LABEL, "")),
        node_id=node.node_id.hex(),
    )


def _alive() -> int:
    from ray.core.generated import gcs_pb2

    return int(gcs_pb2.GcsNodeInfo.GcsNodeState.Value("ALIVE"))
