"""The workers of a cluster started again one after the other, while a run goes on.

The plan lies in the site, which every host mounts: address of a worker to the number of its present
life. A host that was drained and stands in it under that number starts again instead of staying
away; one that is there under another number has been started again. So whoever is cut off in the
middle runs the same command, and it goes on where it was.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import write_atomically
from appliance.cluster import hosts as cluster_hosts
from appliance.cluster.hosts import HostState
from appliance.cluster.membership import Membership, read_membership
from appliance.errors import BackendUnavailable, BadInput, IntegrityError
from appliance.records.access import Verb
from appliance.records.progress import Progress
from appliance.settings.site import SitePaths
from appliance.workflows.access import allow
from appliance.workflows.site import Site, open_site

_PLAN: Final = "cluster-restart.json"
_LOOK_EVERY_S: Final = 2.0
# What was left undone longer ago was another occasion.
_COUNTS_FOR: Final = timedelta(days=1)


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
        BadInput: One of them is no worker of the cluster.
        BackendUnavailable: One does not end its work, or is not back; those after it were left
            alone, and the same command goes on with it.
        Forbidden: Whoever runs this may not.
    """
    site = open_site(root)
    allow(site, Verb.ADMIT, " ".join(["restart", *wanted]), with_second=not dry_run)
    place = read_membership(node or Path(site.settings.ray.node))
    now = _workers(place)
    plan = _take_up(site, now, wanted)
    done = tuple(host for host in plan if _is_another(now, host, plan))
    left = tuple(host for host in plan if host not in done)
    if dry_run:
        return Rolled(left, done, is_dry_run=True)
    _write(site, plan)
    progress.begin("Restarting", len(left))
    for host in left:
        _restart_one(site, place, host, plan, patience_s, wait_s)
        progress.advance(note=host)
    (site.paths.run / _PLAN).unlink(missing_ok=True)
    progress.end(f"{len(left)} hosts")
    return Rolled(left, done, is_dry_run=False)


def is_to_start_again(paths: SitePaths, host: str, node_id: str) -> bool:
    """Whether a host that was drained is to come back: it is asked by the host itself.

    Args:
        paths: The site's.
        host: Its address.
        node_id: The number of the life that has ended.
    """
    return _read(paths.run / _PLAN).get(host) == node_id


def forget(paths: SitePaths, host: str) -> None:
    """The host stays away once it is drained, whatever an earlier restart had left undone."""
    plan = _read(paths.run / _PLAN)
    if plan.pop(host, None) is not None:
        _replace(paths.run / _PLAN, plan, _begun(paths.run / _PLAN))


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


def _take_up(site: Site, now: Mapping[str, HostState], wanted: Sequence[str]) -> dict[str, str]:
    """The plan that was left undone, if it is of the same hosts; else a new one."""
    path = site.paths.run / _PLAN
    unknown = [host for host in wanted if host not in now]
    if unknown:
        raise BadInput(f"{unknown[0]} is no worker here.", "See `appliance cluster status`.")
    kept, begun = _read(path), _begun(path)
    counts = begun is not None and site.clock.now() - begun < _COUNTS_FOR
    if kept and counts and (not wanted or set(wanted) == set(kept)):
        return kept
    chosen = wanted or [host for host, state in now.items() if state.is_alive]
    return {host: now[host].node_id for host in chosen}


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


def _write(site: Site, plan: Mapping[str, str]) -> None:
    path = site.paths.run / _PLAN
    begun = _begun(path) if _read(path) == plan else None
    _replace(path, plan, begun or site.clock.now())


def _replace(path: Path, plan: Mapping[str, str], begun: datetime | None) -> None:
    content = {"version": 1, "begun": begun.isoformat() if begun else "", "hosts": dict(plan)}
    write_atomically(path, json.dumps(content).encode())


def _read(path: Path) -> dict[str, str]:
    try:
        return {str(host): str(one) for host, one in json.loads(path.read_bytes())["hosts"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"{path} is damaged.", "Remove it, and restart the hosts from the first on."
        ) from None


def _begun(path: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(path.read_bytes())["begun"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
