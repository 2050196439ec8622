"""Checks of the network, by what the kernel shows: nothing is sent, nobody is asked."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.workflows.checks.host import Host
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped

# deploy/egress: of a namespace of the gateway's own, and of three users on the host's network.
_NAMESPACE, _USERS = "appliance_egress", "appliance_users"
_GATEWAY: Final = "appliance-gateway.service"
_NFT_TIMEOUT_S: Final = 10
# proc(5): a route that is up; in IPv6 also one that only refuses.
_UP: Final = 0x1
_REJECT: Final = 0x200
# proc(5), net/tcp: a socket that listens.
_LISTENS: Final = "0A"
# 127.0.0.0/8, ::1, and the former written as IPv6; four bytes at a time, each the other way round.
_LOOPBACK: Final = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")


def _ports(host: Host) -> Outcome:
    if not host.user:
        return skipped("Everybody's services are root's: look as the appliance's user.")
    found = [port for port, user in _listeners(host.proc) if user == host.user]
    return judge(
        f"{len(found)} port(s) of this user are open to other machines"
        f"{f': {_list(found)}' if found else ''}.",
        "Find out what listens there (`ss -ltnp`). Only the console by mutual TLS and, between its "
        "hosts, a cluster are meant to.",
        warns=bool(found),
    )


def _names(host: Host) -> Outcome:
    servers = list(_name_servers(host.etc))
    if not servers or not set(route_devices(host.proc)):
        return passed(f"{len(servers)} name server(s) set, and no way to any.")
    is_held = has_rules(host.user)
    return judge(
        f"{len(servers)} name server(s) set"
        f"{', and the rules of deploy/egress are in force' if is_held else ''}.",
        "Load deploy/egress/users.nft: a question to a name server carries text out, whatever it "
        "is answered. Rules are seen by root only.",
        warns=not is_held,
    )


def _gateway_starts(host: Host) -> Outcome:
    # Asked by the installer before it switches to this release, also by one of an older release.
    units, settings = host.etc / "systemd/system", host.etc / "appliance/egress.env"
    if not any((folder / _GATEWAY).is_symlink() for folder in units.glob("*.wants")):
        return skipped("No gateway is enabled here.")
    try:
        is_described = settings.exists()
    except PermissionError:
        return skipped(f"{settings.parent} is shut to this user.")
    has_own = any((units / "appliance-egress.service.d").glob("*.conf"))
    return judge(
        f"The gateway is enabled, and {settings} is {'there' if is_described else 'missing'}.",
        "Make it from deploy/systemd/examples/egress.env: its unit starts no gateway before the "
        "rules of its users (deploy/runbooks/upgrade.md).",
        fails=not is_described and not has_own,
    )


NETWORK_CHECKS: Final = (
    Check("HOST020", "No port of this user is open to other machines", _ports),
    Check("HOST021", "No name server can be asked", _names),
    Check("HOST022", "A gateway that is enabled can start", _gateway_starts),
)


def judge_way_out(proc: Path, *, has_rules: bool) -> Outcome:
    """Whether this process could reach another machine.

    Args:
        proc: Where /proc is.
        has_rules: Whether the rules of deploy/egress are in force here.
    """
    routes = sorted(set(route_devices(proc)))
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


def route_devices(proc: Path) -> Iterator[str]:
    """Devices, other than loopback, of routes that are up; proc(5), net/route, net/ipv6_route."""
    for line in lines_of(proc / "net/route")[1:]:
        device, _, _, state = line.split()[:4]
        if device != "lo" and int(state, 16) & _UP:
            yield device
    for line in lines_of(proc / "net/ipv6_route"):
        fields = line.split()
        flags, is_default = int(fields[8], 16), fields[1] == "00"
        if is_default and fields[9] != "lo" and flags & _UP and not flags & _REJECT:
            yield fields[9]


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


def _listeners(proc: Path) -> Iterator[tuple[int, int]]:
    """Port and user of every TCP socket that listens beyond loopback."""
    for table in ("net/tcp", "net/tcp6"):
        for line in lines_of(proc / table)[1:]:
            fields = line.split()
            address, _, port = fields[1].rpartition(":")
            if fields[3] == _LISTENS and not _LOOPBACK.fullmatch(address):
                yield int(port, 16), int(fields[7])


def _name_servers(etc: Path) -> Iterator[str]:
    for line in lines_of(etc / "resolv.conf"):
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            yield words[1]


def lines_of(path: Path) -> list[str]:
    """What the kernel, or who set it up, says there; nothing where there is no such file."""
    # A kernel without IPv6 has none.
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _list(ports: list[int]) -> str:
    return ", ".join(map(str, sorted(set(ports))))
