"""A cluster that others started: asked whether it is there, and ours, before Ray joins it."""

import re
from typing import Any, Final

from appliance.cluster.environment import native
from appliance.errors import BackendUnavailable, BadInput, KeyMismatch

_ADDRESS: Final = re.compile(r"\[?([0-9A-Za-z.:-]+?)\]?:(\d{1,5})")
_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_PATIENCE_S: Final = 15.0


def is_loopback(address: str) -> bool:
    """Whether the cluster at `address` ("host:port") is on this machine's loopback.

    Raises:
        BadInput: It is no such address.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise BadInput(
            "The cluster's address is not HOST:PORT.",
            "Mend `address` under [ray] in site.toml; leave it empty for a local cluster.",
        )
    return match[1] in _LOOPBACK_HOSTS


def check_reachable(address: str) -> None:
    """A cluster answers at `address` and takes our token.

    Asked by hand, because Ray's own attempt ends the whole process where nobody answers.

    Raises:
        BackendUnavailable: Nobody answers.
        KeyMismatch: The token is not that cluster's.
    """
    import grpc
    import ray
    from ray._private.grpc_utils import init_grpc_channel

    channel = init_grpc_channel(address)
    try:
        grpc.channel_ready_future(channel).result(timeout=_PATIENCE_S)
    except grpc.FutureTimeoutError:
        raise BackendUnavailable(
            f"No Ray cluster answers at {address} within {_PATIENCE_S:.0f} s.",
            "Start it, or mend `address` under [ray] in site.toml.",
        ) from None
    finally:
        channel.close()
    try:
        client_of(address).get_all_node_info(timeout=_PATIENCE_S)
    except ray.exceptions.AuthenticationError:
        raise KeyMismatch(
            f"The Ray cluster at {address} does not take this site's token.",
            "Copy the cluster's token file to SITE/run/ray.token, mode 0600.",
        ) from None
    except ray.exceptions.RpcError:
        raise BackendUnavailable(
            f"The Ray cluster at {address} does not answer.", "Look at its head's logs."
        ) from None


def own_address(address: str) -> str:
    """This machine's address as seen from the cluster, found without asking an outside host."""
    from ray._private import services

    return str(services.get_node_ip_address(address))


def client_of(address: str) -> Any:
    """A client of the cluster's own control service."""
    return native().GcsClient(address=address)
