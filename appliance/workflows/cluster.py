"""A cluster of several hosts: begun, joined, served, looked at, and one host taken out."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import write_atomically
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
from appliance.cluster.serving import HELPERS
from appliance.errors import BadInput, KeyMismatch
from appliance.records.access import Verb
from appliance.records.events import Fact
from appliance.settings.site import SitePaths
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

    A head that was made again, from a backup as a rule, has lost its own place and not the
    cluster's keys: at the same address it gets a new certificate, and no other host has to join
    again.

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
    now = site.clock.now()
    head = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"  # noqa: PLR2004 - IPv6
    expires = now + timedelta(days=days)
    is_there = (site.paths.keys / AUTHORITY_KEY).exists() and not renew
    if is_there:
        _check_returns(site, place, head)
    if dry_run:
        return Begun(head, place, _second(expires), is_dry_run=True)
    if is_there:
        authority, token, _ = _read_authority(site.paths)
    else:
        authority, token = make_authority(now), secrets.token_hex(32)
    given = _admit(authority, token, "head", str(address), head, now, days)
    # The site's keys last: what fails before them leaves no cluster, or the old one.
    facts: dict[str, Fact] = {"head": head, "renewed": renew}
    write_membership(place, given, lambda: site.ledger.record("cluster.begun", facts))
    kept = (
        (TOKEN, token.encode()),
        (ADDRESS, head.encode()),
        (AUTHORITY, authority.certificate),
        (AUTHORITY_KEY, authority.key),
    )
    for name, content in () if is_there else kept:
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
    return joined_as(read_membership(place))


def joined_as(place: Membership) -> Joined:
    """A host's place, as it is told."""
    expires = _second(place.expires)
    return Joined(place.host, place.role, place.head, place.directory, expires)


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _check_returns(site: Site, place: Path, head: str) -> None:
    """There is a cluster, and this is its head, which has no place in it any more."""
    _, _, known = _read_authority(site.paths)
    if place.exists():
        raise BadInput(
            "This site has a cluster already.",
            "Invite hosts with `appliance cluster token`; --renew makes all of them join again.",
        )
    if known != head:
        raise BadInput(
            f"This site has a cluster already; its head is {known}.",
            f"Give this host that address. Or make it the head with --renew, mend [ray] address in "
            f"{site.paths.settings}, and let every other host join again.",
        )


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
