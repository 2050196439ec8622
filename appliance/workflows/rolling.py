"""The workers of a cluster started again one after the other, while a run goes on.

The plan (rolling_plan.py) lies in the site, which every host mounts: address of a worker to the
number of its present life. A host that was drained and stands in it under that number starts again
instead of staying away; one that is there under another number has been started again. So whoever
is cut off in the middle runs the same command, and it goes on where it was.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.cluster import hosts as cluster_hosts
from appliance.cluster.hosts import HostState
from appliance.cluster.membership import Membership, read_membership
from appliance.errors import BackendUnavailable, BadInput
from appliance.records.access import Verb
from appliance.records.progress import Progress
from appliance.settings.site import SitePaths
from appliance.workflows import rolling_plan
from appliance.workflows.access import allow
from appliance.workflows.site import Site, open_site

_LOOK_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Rolled:
    """Workers that were started again, or would be, by address.

    Attributes:
        restarted: By this call.
        before: By an earlier call that was cut off.
        is_dry_run: Whether nobody was drained.
    """

    restarted: tuple[str, ...]
    before: tuple[str, ...]
    is_dry_run: bool


def restart(
    root: Path,
    wanted: Sequence[str],
    progress: Progress,
    *,
    patience_s: float,
    wait_s: float,
    node: Path | None = None,
    dry_run: bool = False,
) -> Rolled:
    """Each worker has ended its work, left, and is back; one after the other.

    Args:
        root: The site.
        wanted: Addresses of workers; none for all.
        progress: Told of each.
        patience_s: How long the work of one may take to end.
        wait_s: How long one may take to be back.
        node: Where this host keeps its place; None for `[ray] node` of site.toml.
        dry_run: Only say which.

    Raises:
        BadInput: One of them is no worker of the cluster, or another restart is under way.
        BackendUnavailable: One does not end its work, or is not back; those after it were left
            alone, and the same command goes on with it.
        Forbidden: Whoever runs this may not.
    """
    site = open_site(root)
    allow(site, Verb.ADMIT, " ".join(["restart", *wanted]), with_second=not dry_run)
    place = read_membership(node or Path(site.settings.ray.node))
    if dry_run:
        left, done = _divide(place, _take_up(site, place, wanted).hosts)
        return Rolled(left, done, is_dry_run=True)
    with rolling_plan.alone(site.paths.run):
        command = _take_up(site, place, wanted)
        left, done = _divide(place, command.hosts)
        rolling_plan.keep(site.paths.run, command, site.clock.now())
        progress.begin("Restarting", len(left))
        for host in left:
            _restart_one(site, place, host, command.hosts, patience_s, wait_s)
            progress.advance(note=host)
        rolling_plan.strike(site.paths.run, command)
    progress.end(f"{len(left)} hosts")
    return Rolled(left, done, is_dry_run=False)


def is_to_start_again(paths: SitePaths, host: str, node_id: str) -> bool:
    """Whether a host that was drained is to come back: it is asked by the host itself.

    Args:
        paths: The site's.
        host: Its address.
        node_id: The number of the life that has ended.
    """
    return rolling_plan.is_planned(paths.run, host, node_id)


def forget(paths: SitePaths, host: str) -> None:
    """The host stays away once it is drained, whatever an earlier restart had left undone."""
    rolling_plan.strike_host(paths.run, host)


def _restart_one(
    site: Site,
    place: Membership,
    host: str,
    plan: Mapping[str, str],
    patience_s: float,
    wait_s: float,
) -> None:
    found = _workers(place).get(host)
    if found is not None and found.is_alive and found.node_id == plan[host]:
        cluster_hosts.drain(place, host, patience_s)
        site.ledger.record("cluster.drained", {"host": host})
    if not _wait(lambda: _is_another(_workers(place), host, plan), wait_s):
        raise BackendUnavailable(
            f"{host} has left and is not back after {wait_s:.0f} s.",
            f"On {host}: `systemctl status appliance-ray-worker`, and `systemctl start` it. Then "
            "run the same command; it goes on with the hosts after it.",
        )
    site.ledger.record("cluster.restarted", {"host": host})


def _take_up(site: Site, place: Membership, wanted: Sequence[str]) -> rolling_plan.Command:
    """The same command where it was left undone, else a new one."""
    now = _workers(place)
    unknown = [host for host in wanted if host not in now]
    if unknown:
        raise BadInput(f"{unknown[0]} is no worker here.", "See `appliance cluster status`.")
    moment = site.clock.now()
    chosen = wanted or [host for host, state in now.items() if state.is_alive]
    lives = {host: now[host].node_id for host in chosen}
    return rolling_plan.find(site.paths.run, wanted, moment) or rolling_plan.begin(
        wanted, lives, moment
    )


def _divide(place: Membership, plan: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that are to be started again yet, and those that have been."""
    now = _workers(place)
    done = tuple(host for host in plan if _is_another(now, host, plan))
    return tuple(host for host in plan if host not in done), done


def _workers(place: Membership) -> dict[str, HostState]:
    found = cluster_hosts.list_hosts(place)
    return {one.address: one for one in found if one.role == "worker"}


def _is_another(now: Mapping[str, HostState], host: str, plan: Mapping[str, str]) -> bool:
    state = now.get(host)
    return state is not None and state.is_alive and state.node_id != plan[host]


def _wait(is_so: Callable[[], bool], longest_s: float) -> bool:
    deadline = time.monotonic() + longest_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True
