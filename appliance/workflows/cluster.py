"""A cluster of several hosts: begun, joined, served, looked at, and one host taken out."""

import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import write_atomically
from appliance.cluster import hosts as cluster_hosts
from appliance.cluster.certificates import (
    Credentials,
    issue,
    make_authority,
    read_address,
    read_expiry,
)
from appliance.cluster.invitations import Invitation, accept, clear_expired, invite
from appliance.cluster.membership import (
    Admission,
    Membership,
    read_membership,
    write_membership,
)
from appliance.cluster.serving import HELPERS, Shares
from appliance.cluster.serving import serve as serve_part
from appliance.errors import BackendUnavailable, BadInput, KeyMismatch
from appliance.records.access import Verb
from appliance.records.events import Fact
from appliance.settings.service import read_service_manager
from appliance.settings.site import SitePaths, find_site
from appliance.settings.site_file import load_site_file
from appliance.workflows.access import allow
from appliance.workflows.site import Site, open_site

AUTHORITY: Final = "cluster-authority.pem"
AUTHORITY_KEY: Final = "cluster-authority.key"
TOKEN: Final = "cluster.token"  # noqa: S105 - a file's name
ADDRESS: Final = "cluster.address"
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Begun:
    """A cluster of one host, or what would be one.

    Attributes:
        address: HOST:PORT; what `[ray] address` of site.toml is to be.
        node: Where the head keeps its place.
        expires: Until when the head's certificate counts.
        is_dry_run: Whether nothing was made.
    """

    address: str
    node: Path
    expires: str
    is_dry_run: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """A host's place in the cluster.

    Attributes:
        host: Its own address.
        role: "head" or "worker".
        head: HOST:PORT of the cluster.
        node: Where the host keeps its place.
        expires: Until when its certificate counts.
    """

    host: str
    role: str
    head: str
    node: Path
    expires: str


@dataclass(frozen=True, slots=True)
class Invited:
    """A host that may join, once.

    Attributes:
        host: Its address.
        token: What it has to show; "" after a dry run.
        expires: Until when.
    """

    host: str
    token: str
    expires: str


def init(
    root: Path,
    host: str,
    *,
    port: int,
    days: int,
    node: Path | None = None,
    renew: bool = False,
    dry_run: bool = False,
) -> Begun:
    """The site has a cluster's authority and token, and this host is its head.

    Args:
        root: The site.
        host: This host's address.
        port: Where the head will listen.
        days: For how long its certificate counts.
        node: Where it keeps its place; None for `[ray] node` of site.toml.
        renew: Make authority and token anew: every other host has to join again.
        dry_run: Only look.

    Raises:
        BadInput: There is a cluster already, or that is no address, or a helper's port.
        Forbidden: Whoever runs this may not.
    """
    site = open_site(root)
    allow(site, Verb.ADMIT, with_second=not dry_run)
    address = read_address(host)
    place = node or Path(site.settings.ray.node)
    _check_outside(site, place)
    if port in HELPERS.values():
        raise BadInput(f"Port {port} is for one of Ray's helpers.", "Give another --port.")
    if (site.paths.keys / AUTHORITY_KEY).exists() and not renew:
        raise BadInput(
            "This site has a cluster already.",
            "Invite hosts with `appliance cluster token`; --renew makes all of them join again.",
        )
    now = site.clock.now()
    head = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"  # noqa: PLR2004 - IPv6
    expires = now + timedelta(days=days)
    if dry_run:
        return Begun(head, place, _second(expires), is_dry_run=True)
    authority, token = make_authority(now), secrets.token_hex(32)
    given = _admit(authority, token, "head", str(address), head, now, days)
    # The site's keys last: what fails before them leaves no cluster, or the old one.
    facts: dict[str, Fact] = {"head": head, "renewed": renew}
    write_membership(place, given, lambda: site.ledger.record("cluster.begun", facts))
    for name, content in (
        (TOKEN, token.encode()),
        (ADDRESS, head.encode()),
        (AUTHORITY, authority.certificate),
        (AUTHORITY_KEY, authority.key),
    ):
        write_atomically(site.paths.keys / name, content)
    return Begun(head, place, _second(read_membership(place).expires), is_dry_run=False)


def invite_host(
    root: Path, host: str, *, hours: float, days: int, dry_run: bool = False
) -> Invited:
    """A sealed invitation for that host lies in the site; its token is in the answer alone.

    Args:
        root: The site.
        host: Address of the host that is to join.
        hours: For how long the token counts.
        days: For how long the host's certificate will.
        dry_run: Only look.

    Raises:
        BadInput: There is no cluster yet, or that is no address.
        Forbidden: Whoever runs this may not.
    """
    site = open_site(root)
    allow(site, Verb.ADMIT, host, with_second=not dry_run)
    address, now = read_address(host), site.clock.now()
    authority, token, head = _read_authority(site.paths)
    lasts = timedelta(hours=hours)
    if dry_run:
        return Invited(str(address), "", _second(now + lasts))
    clear_expired(site.paths.invitations, now)
    given = _admit(authority, token, "worker", str(address), head, now, days)
    made: Invitation = invite(site.paths.invitations, given, now, lasts)
    site.ledger.record("cluster.invited", {"host": str(address), "invitation": made.number})
    return Invited(str(address), made.token, _second(made.expires))


def join(root: Path, token: str, *, node: Path | None = None, dry_run: bool = False) -> Joined:
    """This host belongs to the cluster; the token is used up.

    Args:
        root: The site, as this host mounts it.
        token: As `cluster token` printed it.
        node: Where this host keeps its place; None for `[ray] node` of site.toml.
        dry_run: Only look whether the token is good.

    Raises:
        BadInput: The token was used, is too old, or is none.
        KeyMismatch: It doesn't open the invitation.
    """
    site = open_site(root)
    place = node or Path(site.settings.ray.node)
    _check_outside(site, place)
    invitations, now = site.paths.invitations, site.clock.now()
    number, given = accept(invitations, token, now, dry_run=True)
    if dry_run:
        expires = read_expiry(given.certificate.encode("ascii"))
        return Joined(given.host, given.role, given.head, place, _second(expires))
    # Used up once all is on this host's disk, and before it counts.
    write_membership(place, given, lambda: accept(invitations, token, now))
    site.ledger.record("cluster.joined", {"host": given.host, "invitation": number})
    return _joined(read_membership(place))


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
        BackendUnavailable: The head doesn't answer, or Ray ended by itself.
    """
    from appliance.gateway.notifying import Beat

    settings = load_site_file(find_site(root).settings).ray
    place = read_membership(node or Path(settings.node))
    beat = Beat(read_service_manager())

    def ready() -> None:
        beat.ready()
        announce(_joined(place))

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


def _joined(place: Membership) -> Joined:
    expires = _second(place.expires)
    return Joined(place.host, place.role, place.head, place.directory, expires)


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _place(root: Path, node: Path | None) -> Membership:
    settings = load_site_file(find_site(root).settings).ray
    return read_membership(node or Path(settings.node))


def _check_outside(site: Site, place: Path) -> None:
    """The host's key does not lie where every other host can read it."""
    if place.absolute().is_relative_to(site.paths.root):
        raise BadInput(
            "A host's place in the cluster must not lie in the site, which all hosts mount.",
            "Name another directory: `[ray] node` in site.toml, or --node.",
        )


def _admit(
    authority: Credentials,
    token: str,
    role: str,
    host: str,
    head: str,
    now: datetime,
    days: int,
) -> Admission:
    made = issue(authority, read_address(host), now, days)
    return Admission(
        role=role,
        host=host,
        head=head,
        token=token,
        authority=authority.certificate.decode("ascii"),
        certificate=made.certificate.decode("ascii"),
        key=made.key.decode("ascii"),
    )


def _read_authority(paths: SitePaths) -> tuple[Credentials, str, str]:
    """The cluster's authority, its token, and its head's address."""
    try:
        for name in (AUTHORITY_KEY, TOKEN):
            if (paths.keys / name).stat().st_mode & _OTHERS:
                raise KeyMismatch(
                    f"{name} is readable by others.",
                    "Run `appliance cluster init --renew`, and let every host join again.",
                )
        authority = Credentials(
            (paths.keys / AUTHORITY).read_bytes(), (paths.keys / AUTHORITY_KEY).read_bytes()
        )
        token = (paths.keys / TOKEN).read_text(encoding="ascii")
        return authority, token, (paths.keys / ADDRESS).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            "This site has no cluster.", "Begin one on its head: `appliance cluster init`."
        ) from None


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
