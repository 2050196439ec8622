"""Checks of the gateway: what it needs before it can serve, and what keeps it from serving."""

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.artifacts.wal import looked_into
from appliance.errors import IntegrityError
from appliance.gateway.counting import LOCK, Latch
from appliance.settings.credentials import is_handed_over
from appliance.settings.gateway import OWN_USER, GatewayPolicy, load_gateway_policy
from appliance.settings.secrets import PROVIDER_KEY, read_provider_key
from appliance.synthesis.routing.policy import AIR_GAPPED, load_routing
from appliance.workflows.checks.network import has_rules, judge_way_out, lines_of
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped
from appliance.workflows.checks.site import SiteView
from appliance.workflows.orders import GATEWAY_POLICY
from appliance.workflows.supply import SOCKET

_OTHERS: Final = 0o077
_MAY_WRITE: Final = 0o022
_MAY_ENTER: Final = 0o001
SEALED: Final = Path("/etc/credstore.encrypted/appliance.provider-key")
"""Where deploy/systemd has the provider's key."""
_NOT_IN_USE: Final = "gateway.toml lists no model, so nobody can be served."


def _policy(site: SiteView) -> Outcome:
    if not _has_cloud(site):
        return _air_gapped()
    policy = _load(site)
    profile = site.settings().profile
    wanted = load_routing(site.paths.policies / "routing.toml", profile).cloud.model
    without_price = bool(wanted) and wanted not in policy.models
    return judge(
        f"{len(policy.models)} model(s) with a price, {len(policy.callers)} caller(s), "
        f"to {policy.origin}"
        f"{'; the model of routing.toml is not among them' if without_price else ''}.",
        "List the model of routing.toml's [cloud] in gateway.toml with what it costs.",
        warns=without_price,
    )


def _provider_key(site: SiteView) -> Outcome:
    if not _is_in_use(site):
        return _not_in_use(site)
    path = site.paths.keys / PROVIDER_KEY
    found = _stat(path)
    if found is None and not is_handed_over(path):
        sealed = _is_sealed()
        if sealed is None:
            return skipped("No file holds it; what is sealed for the gateway's unit root can see.")
        if sealed:
            return passed(f"It is sealed for the gateway's unit: {SEALED}.")
    if found is not None and found.st_uid != os.getuid():
        # The gateway's own user keeps it; its mode can be seen all the same.
        mode = stat.S_IMODE(found.st_mode)
        return judge(
            f"It is of user id {found.st_uid}, mode {mode:04o}.",
            f"Have it replaced, then run `chmod 600 {path}`.",
            fails=bool(mode & _OTHERS),
        )
    read_provider_key(site.paths.keys)
    return passed("It is there, and readable by its owner only.")


def _callers(site: SiteView) -> Outcome:
    if not _is_in_use(site):
        return _not_in_use(site)
    from appliance.gateway.callers import Callers

    callers = _load(site).callers
    Callers(callers, site.paths.keys)
    tokens = sum(rule.has_token for rule in callers.values())
    return judge(
        f"{len(callers)} caller(s), {tokens} of them by a token.",
        "Name a caller in gateway.toml: nobody is served.",
        warns=not callers,
    )


def _latch(site: SiteView) -> Outcome:
    if not _has_cloud(site):
        return _air_gapped()
    latch = Latch(site.paths.run)
    return judge(
        f"It is shut: {latch.rule() or 'no reason can be read'}." if latch.is_shut() else "Open.",
        "Find out why the counts did not agree, then run `appliance gateway open --reason CODE`.",
        fails=latch.is_shut(),
    )


def _socket(site: SiteView) -> Outcome:
    if not _is_in_use(site):
        return _not_in_use(site)
    at = site.settings().gateway.at
    if at.startswith("http"):
        return skipped("It listens on a port of this machine; callers are known by their tokens.")
    path = Path(at) if at else site.paths.run / SOCKET
    directory = _stat(path.parent)
    if directory is None:
        return judge(
            f"{path.parent} is not there.", "Make it, or mend gateway.at in site.toml.", fails=True
        )
    mode = stat.S_IMODE(directory.st_mode)
    can_be_replaced = bool(mode & _MAY_WRITE) and not mode & stat.S_ISVTX
    users = {user for rule in _load(site).callers.values() for user in rule.users}
    is_closed = any(not parent.stat().st_mode & _MAY_ENTER for parent in path.parents)
    shut_out = bool(users - {OWN_USER}) and is_closed
    return judge(
        f"Its directory has mode {mode:04o}"
        f"{'; others could put a socket of theirs there' if can_be_replaced else ''}"
        f"{'; users of gateway.toml can not reach it' if shut_out else ''}.",
        "Put it in a directory that only its user writes and its callers may enter: "
        "`gateway serve --socket`, `[gateway] at` in site.toml.",
        fails=can_be_replaced,
        warns=shut_out,
    )


def _serving(site: SiteView) -> Outcome:
    if not _has_cloud(site):
        return _air_gapped()
    lock = _stat(site.paths.run / LOCK)
    holders = list(_holders(lock.st_ino)) if lock else []
    left = not holders and (site.paths.run / SOCKET).is_socket()
    return judge(
        f"{len(holders)} gateway(s) serve this site"
        f"{f': process {holders[0]}' if holders else ''}"
        f"{'; one that was killed has left its socket' if left else ''}.",
        "Nothing has to be done: the next `appliance gateway serve` replaces it.",
        warns=left,
    )


def _use(site: SiteView) -> Outcome:
    if not _has_cloud(site):
        return _air_gapped()
    paths = site.paths
    wanted = (
        paths.gateway / "spending.db",
        paths.gateway / "stamps.db",
        paths.journal / "budget.purse",
    )
    found = [path for path in wanted if path.exists()]
    open_ = [path.name for path in found if stat.S_IMODE(path.stat().st_mode) & _OTHERS]
    for path in found:
        _check_sound(path)
    names = ", ".join(open_)
    return judge(
        f"{len(found)} record(s) of what was spent can be read"
        f"{f'; open to others: {names}' if open_ else ''}.",
        "Run `chmod 600` on them.",
        fails=bool(open_),
    )


def _egress(site: SiteView) -> Outcome:
    # Air-gapped or not: where nothing is to leave, a way out is the worse.
    return judge_way_out(Path("/proc"), has_rules=has_rules(site.owner))


GATEWAY_CHECKS: Final = (
    Check("SITE018", "The gateway's policy can be read", _policy),
    Check("SITE019", "The provider's key is there, and private", _provider_key),
    Check("SITE020", "The gateway's callers can be told apart", _callers),
    Check("SITE021", "The gateway's door is not latched", _latch),
    Check("SITE022", "Nobody can put himself in the gateway's place", _socket),
    Check("SITE023", "One gateway serves the site at most", _serving),
    Check("SITE024", "What was spent is on record", _use),
    Check("SITE025", "Only the gateway has a way out", _egress),
)


def _holders(inode: int) -> Iterator[int]:
    """Processes that hold a lock on that file, as the kernel lists them; proc(5), locks."""
    for line in lines_of(Path("/proc/locks")):
        match = re.search(r"FLOCK +ADVISORY +WRITE +(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) ", line)
        if match and int(match[2]) == inode:
            yield int(match[1])


def _check_sound(path: Path) -> None:
    try:
        with looked_into(path) as file:
            (said,) = file.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error:
        said = "unreadable"
    if said != "ok":
        raise IntegrityError(
            f"{path.name} is damaged.", "Restore it from a backup: it says what was spent."
        )


def _has_cloud(site: SiteView) -> bool:
    return site.settings().profile != AIR_GAPPED


def _air_gapped() -> Outcome:
    return skipped("The profile is air-gapped: there is no gateway.")


def _is_in_use(site: SiteView) -> bool:
    return _has_cloud(site) and bool(_load(site).models)


def _not_in_use(site: SiteView) -> Outcome:
    return skipped(_NOT_IN_USE) if _has_cloud(site) else _air_gapped()


def _load(site: SiteView) -> GatewayPolicy:
    return load_gateway_policy(site.paths.policies / GATEWAY_POLICY)


def _is_sealed() -> bool | None:
    """Whether the gateway's unit has the key; None where this user can't see."""
    try:
        return _stat(SEALED) is not None
    except PermissionError:
        return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
