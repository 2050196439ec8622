"""Checks of a cluster of several hosts: its authority, this host's place in it, invitations."""

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from appliance.cluster.certificates import is_issued_by, read_expiry
from appliance.cluster.joining import is_loopback
from appliance.cluster.membership import Membership, read_membership
from appliance.errors import KeyMismatch
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped
from appliance.workflows.checks.site import SiteView
from appliance.workflows.cluster import ADDRESS, AUTHORITY, AUTHORITY_KEY, TOKEN

_OTHERS: Final = 0o077
_SOON: Final = timedelta(days=30)
_NONE: Final = "This site has no cluster of several hosts."


def _authority(site: SiteView) -> Outcome:
    if not (site.paths.keys / AUTHORITY_KEY).exists():
        return skipped(_NONE)
    names = (AUTHORITY, AUTHORITY_KEY, TOKEN, ADDRESS)
    missing = [name for name in names if not (site.paths.keys / name).is_file()]
    open_ = [
        name
        for name in (AUTHORITY_KEY, TOKEN)
        if name not in missing and _mode(site.paths.keys / name) & _OTHERS
    ]
    if missing or open_:
        return judge(
            f"Missing: {', '.join(missing) or 'nothing'}; open to others: "
            f"{', '.join(open_) or 'nothing'}.",
            "Run `appliance cluster init --renew` on the head, and let every host join again.",
            fails=True,
        )
    return _expiry(site, "The authority", read_expiry((site.paths.keys / AUTHORITY).read_bytes()))


def _place(site: SiteView) -> Outcome:
    address = site.settings().ray.address
    if not address or is_loopback(address):
        return skipped("Ray runs on this machine alone: [ray] address.")
    place = _membership(site)
    return judge(
        f"This host is its {place.role}; token and TLS are set"
        f"{'' if place.head == address else f', for {place.head} and not {address}'}.",
        "Let this host join the cluster at [ray] address, or mend that.",
        fails=place.head != address,
    )


def _certificate(site: SiteView) -> Outcome:
    directory = Path(site.settings().ray.node)
    if not directory.is_dir():
        return skipped("This host belongs to no cluster.")
    place = _membership(site)
    authority = site.paths.keys / AUTHORITY
    if authority.is_file() and not is_issued_by(
        (directory / "host.pem").read_bytes(), authority.read_bytes()
    ):
        raise KeyMismatch(
            "This host's certificate is of an authority that the site no longer has.",
            "Let it join again: `appliance cluster token`, `appliance cluster join`.",
        )
    return _expiry(site, "This host's certificate", place.expires)


def _invitations(site: SiteView) -> Outcome:
    if not site.paths.invitations.is_dir():
        return skipped("Nobody was invited.")
    now, found = site.clock.now(), sorted(site.paths.invitations.iterdir())
    late = [path.name for path in found if _expires(path) < now]
    return judge(
        f"{len(found) - len(late)} host(s) may still join; {len(late)} invitation(s) too old.",
        f"Remove {site.paths.invitations}/*, or invite somebody: that clears them.",
        warns=bool(late),
    )


CLUSTER_CHECKS: Final = (
    Check("CLUS001", "The cluster's authority is whole, private and counts", _authority),
    Check("CLUS002", "A cluster of several hosts is spoken to with token and TLS", _place),
    Check("CLUS003", "This host's certificate is the cluster's, and counts", _certificate),
    Check("CLUS004", "No invitation lies about that nobody can use", _invitations),
)


def _membership(site: SiteView) -> Membership:
    return read_membership(Path(site.settings().ray.node))


def _expiry(site: SiteView, what: str, expires: datetime) -> Outcome:
    left = expires - site.clock.now()
    if left > _SOON:
        return passed(f"{what} counts for {left.days} more days.")
    return judge(
        f"{what} {'ended' if left < timedelta() else 'ends'} on {expires.date().isoformat()}.",
        "Let the host join again (`appliance cluster token`, `appliance cluster join`); for the "
        "authority run `appliance cluster init --renew`.",
        fails=left < timedelta(),
        warns=True,
    )


def _expires(path: Path) -> datetime:
    try:
        return datetime.fromisoformat(json.loads(path.read_bytes())["expires"])
    except (OSError, ValueError, KeyError, TypeError):
        raise KeyMismatch(
            f"The invitation {path.name} is damaged.", f"Remove {path}, and invite that host again."
        ) from None


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
