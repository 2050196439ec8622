"""Checks of the gateway: what it needs before it can serve, and what keeps it from serving."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.artifacts.wal import looked_into
from appliance.errors import IntegrityError
from appliance.gateway.counting import LOCK, Latch
from appliance.settings.gateway import OWN_USER, GatewayPolicy, load_gateway_policy
from appliance.settings.secrets import PROVIDER_KEY, read_provider_key
from appliance.synthesis.routing.policy import AIR_GAPPED, load_routing
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped
from appliance.workflows.checks.site import SiteView
from appliance.workflows.orders import GATEWAY_POLICY
from appliance.workflows.supply import SOCKET

_OTHERS: Final = 0o077
_MAY_WRITE: Final = 0o022
_MAY_ENTER: Final = 0o001
_NOT_IN_USE: Final = "gateway.toml lists no model, so nobody can be served."
# deploy/egress: of a namespace of the gateway's own, and of three users on the host's network.
_NAMESPACE, _USERS = "appliance_egress", "appliance_users"
_NFT_TIMEOUT_S: Final = 10
# proc(5): a route that is up; in IPv6 also one that only refuses.
_UP: Final = 0x1
_REJECT: Final = 0x200


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
    if not _has_cloud(site):
        return _air_gapped()
    return judge_way_out(Path("/proc"), has_rules=has_rules(_owner(site)))


def _owner(site: SiteView) -> int:
    """Whose site it is: root may be the one who looks."""
    found = _stat(site.paths.root)
    return os.getuid() if found is None else found.st_uid


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


def judge_way_out(proc: Path, *, has_rules: bool) -> Outcome:
    """Whether this process could reach another machine.

    Args:
        proc: Where /proc is.
        has_rules: Whether the rules of deploy/egress are in force here.
    """
    routes = sorted(set(_devices(proc)))
    if not routes:
        return passed("There is no route out where this process runs.")
    return judge(
        f"Routes lead out by {', '.join(routes)}"
        f"{', and the rules of deploy/egress are in force' if has_rules else ''}.",
        "Run the appliance in a namespace with loopback only, and the gateway behind the rules of "
        "deploy/egress: else any program here has a way out. Rules are seen by root only.",
        warns=not has_rules,
    )


def has_rules(user: int) -> bool:
    """Whether rules of deploy/egress are in force here that hold this user.

    Args:
        user: Number of the user that the appliance runs as.

    Returns:
        False also where this process may not see them: only root may.
    """
    held = re.compile(rf"meta skuid {user} jump (?:clinical|model)\n")
    return "policy drop" in _rules(_NAMESPACE) or held.search(_rules(_USERS)) is not None


def _rules(table: str) -> str:
    """As nft prints them, users by number; nothing where there are none to be seen."""
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return ""
    command = [program, "--numeric", "list", "table", "inet", table]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_NFT_TIMEOUT_S, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _devices(proc: Path) -> Iterator[str]:
    """Devices, other than loopback, of routes that are up; proc(5), net/route, net/ipv6_route."""
    for line in _lines(proc / "net/route")[1:]:
        device, _, _, state = line.split()[:4]
        if device != "lo" and int(state, 16) & _UP:
            yield device
    for line in _lines(proc / "net/ipv6_route"):
        fields = line.split()
        flags, is_default = int(fields[8], 16), fields[1] == "00"
        if is_default and fields[9] != "lo" and flags & _UP and not flags & _REJECT:
            yield fields[9]


def _lines(path: Path) -> list[str]:
    # A kernel without IPv6 has no such file.
    return path.read_text(encoding="ascii").splitlines() if path.exists() else []


def _holders(inode: int) -> Iterator[int]:
    """Processes that hold a lock on that file, as the kernel lists them; proc(5), locks."""
    for line in _lines(Path("/proc/locks")):
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


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
