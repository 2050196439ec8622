"""A host's part in a cluster served, the hosts looked at, and one of them taken out."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from appliance.cluster import hosts as cluster_hosts
from appliance.cluster.membership import Membership, read_membership
from appliance.cluster.serving import Shares
from appliance.cluster.serving import serve as serve_part
from appliance.errors import BackendUnavailable, BadInput
from appliance.records.access import Verb
from appliance.settings.service import read_service_manager
from appliance.settings.site import find_site
from appliance.settings.site_file import load_site_file
from appliance.workflows.access import allow
from appliance.workflows.cluster import Joined, joined_as
from appliance.workflows.rolling import forget, is_to_start_again
from appliance.workflows.site import open_site


def serve(
    root: Path,
    announce: Callable[[Joined], None],
    *,
    cpus: int | None,
    gpus: int | None,
    object_store_mb: int | None,
    directory: Path,
    node: Path | None = None,
) -> bool:
    """This host was part of the cluster until SIGTERM, or until it was drained; whether it was.

    Args:
        root: The site.
        announce: Called once, when the head counts this host in.
        cpus: What it gives; None for all it has.
        gpus: The same.
        object_store_mb: Size of its object store; None for `[ray] object_store_mb`.
        directory: Where Ray writes; best in memory.
        node: Where this host keeps its place; None for `[ray] node` of site.toml.

    Raises:
        BadInput: This host belongs to no cluster.
        BackendUnavailable: The head doesn't answer, Ray ended by itself, or the host was drained
            by `cluster restart`: whatever runs it starts it again.
    """
    from appliance.gateway.notifying import Beat

    paths = find_site(root)
    settings = load_site_file(paths.settings).ray
    place = read_membership(node or Path(settings.node))
    beat = Beat(read_service_manager())
    life: list[str] = []

    def ready() -> None:
        life.append(cluster_hosts.life_of(place))
        beat.ready()
        announce(joined_as(place))

    def seen() -> None:
        if beat.is_due():
            beat.alive()

    with _told_to_stop() as stop:
        drained = serve_part(
            place,
            Shares(cpus, gpus, object_store_mb or settings.object_store_mb),
            directory,
            when_ready=ready,
            when_seen=seen,
            stop=stop,
        )
        beat.stopping()
    if drained and life and is_to_start_again(paths, place.host, life[0]):
        raise BackendUnavailable(
            "This host was drained to be started again.", "Its service does that by itself."
        )
    return drained


def list_hosts(root: Path, *, node: Path | None = None) -> tuple[cluster_hosts.HostState, ...]:
    """The hosts of the cluster, as its head sees them; asked from one of them.

    Raises:
        BadInput: This host belongs to no cluster.
        BackendUnavailable: The head doesn't answer.
    """
    return cluster_hosts.list_hosts(_place(root, node))


def drain(
    root: Path, host: str, *, patience_s: float, node: Path | None = None, dry_run: bool = False
) -> None:
    """The host has ended its work and left; it may join again by starting its service.

    Args:
        root: The site.
        host: Address of a worker.
        patience_s: How long its work may take to end.
        node: Where this host keeps its place; None for `[ray] node` of site.toml.
        dry_run: Only look whether it is there.

    Raises:
        BadInput: There is no such worker.
        BackendUnavailable: It is still at work after that time.
        Forbidden: Whoever runs this may not.
    """
    site = open_site(root)
    allow(site, Verb.ADMIT, host, with_second=not dry_run)
    place = _place(root, node)
    if dry_run:
        alive = [one.address for one in cluster_hosts.list_hosts(place) if one.is_alive]
        if host not in alive:
            raise BadInput(f"No host {host} is in the cluster.", "See `appliance cluster status`.")
        return
    forget(site.paths, host)
    cluster_hosts.drain(place, host, patience_s)
    site.ledger.record("cluster.drained", {"host": host})


def check_count(found: tuple[cluster_hosts.HostState, ...], expected: int) -> None:
    """So many hosts are alive.

    Raises:
        BackendUnavailable: Fewer are.
    """
    alive = sum(one.is_alive for one in found)
    if alive < expected:
        raise BackendUnavailable(
            f"{alive} of {expected} hosts are in the cluster.",
            "Look at the services of the others.",
        )


def _place(root: Path, node: Path | None) -> Membership:
    settings = load_site_file(find_site(root).settings).ray
    return read_membership(node or Path(settings.node))


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    before = {}
    with suppress(ValueError):  # Not the main thread: nobody sends it a signal.
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
