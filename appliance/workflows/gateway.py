"""The gateway: served, and opened again after it shut itself."""

import asyncio
import json
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.artifacts.locks import held_alone
from appliance.errors import BadInput, Denied
from appliance.gate.opening import open_checker, open_seal_key
from appliance.gate.overlap.fingerprints import FILE
from appliance.gate.spending import SpentFile
from appliance.gateway.callers import Callers
from appliance.gateway.clearing import Clearing
from appliance.gateway.counting import LOCK, Counts, Latch
from appliance.gateway.door import Door, Fittings
from appliance.gateway.freshness import Freshness
from appliance.gateway.inspecting import Inspection, Inspector
from appliance.gateway.metering import Meters
from appliance.gateway.quarantine import Quarantine
from appliance.gateway.quotas import Quotas
from appliance.gateway.recording import Recording
from appliance.records.prompts import Route
from appliance.settings.clock import SystemClock
from appliance.settings.gateway import OWN_USER, GatewayPolicy, load_gateway_policy
from appliance.settings.keys import Purpose
from appliance.settings.secrets import read_provider_key
from appliance.settings.service import read_service_manager
from appliance.settings.site import PATIENT_INDEX, SitePaths, find_site
from appliance.spending.purse import Purse
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, open_site
from appliance.workflows.supply import SOCKET

if TYPE_CHECKING:
    from appliance.gateway.application import Front

POLICY: Final = "gateway.toml"
_REASON: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_REASON: Final = 80
_REQUEST: Final = re.compile(r"chatcmpl-[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class Listening:
    """A gateway that listens.

    Attributes:
        at: Path of its socket, or its address on loopback.
        origin: Where it leads.
        models: What may be asked there.
        callers: Who may ask.
    """

    at: str
    origin: str
    models: tuple[str, ...]
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen, and for how long.

    Attributes:
        path: Of the UNIX socket.
        port: On loopback, in its place; None for the socket.
        stop: Set from elsewhere to end it.
    """

    path: Path
    port: int | None
    stop: threading.Event


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening the door found.

    Attributes:
        was_shut: Whether it was shut at all.
        rule: The mismatch that had shut it.
    """

    was_shut: bool
    rule: str


def serve(
    root: Path,
    announce: Callable[[Listening], None],
    *,
    socket_path: Path | None = None,
    port: int | None = None,
    gate: Callable[[Site], Inspector] = open_site_gate,
    stop: threading.Event | None = None,
) -> None:
    """The gateway answered until SIGINT or SIGTERM.

    When policies, patients or notes change, nothing passes until it has loaded them.

    Args:
        root: The site.
        announce: Called once, when it listens.
        socket_path: A UNIX socket; `SITE/run/gateway.sock` when neither is given.
        port: A port on loopback in its place; 0 takes a free one.
        gate: Opens the gate that inspects: at the start, and whenever its rules changed.
        stop: Ends it too, where a thread serves and no signal reaches it.

    Raises:
        Denied: The site's profile is air-gapped.
        BadInput: The policy can't be used, or another gateway serves this site.
        SiteError, KeyMismatch: The provider's key is missing or readable by others.
    """
    paths = find_site(root)
    place = Place(socket_path or paths.run / SOCKET, port, stop or threading.Event())
    look = partial(
        Freshness, paths.policies, [paths.vault / name for name in (PATIENT_INDEX, FILE)]
    )
    what = "Another gateway serves this site already."
    with held_alone(paths.run / LOCK, what, "Stop it first."), ExitStack() as stack:
        lasting = _open_lasting(paths, stack)

        def make(noted: Freshness) -> "Front":
            return _make_front(root, lasting, gate, noted)

        # Looked at before anything is loaded: a change in between must not go unnoticed.
        first = make(look())
        asyncio.run(_serve(first, look, make, announce, place))


def open_door(root: Path, reason: str, *, dry_run: bool = False) -> Opened:
    """The door that had latched shut is open again, and the ledger says why.

    Args:
        root: The site.
        reason: A code such as "counted-by-hand"; never a sentence.
        dry_run: Only look.

    Raises:
        BadInput: The reason is no code.
    """
    _check_reason(reason)
    site = open_site(root)
    latch = Latch(site.paths.run)
    if not latch.is_shut():
        return Opened(was_shut=False, rule="")
    if dry_run:
        return Opened(was_shut=True, rule=latch.rule())
    site.ledger.record("gateway.opened", {"reason": reason, "rule": latch.rule() or "unknown"})
    return Opened(was_shut=True, rule=latch.open())


def show_incident(root: Path, request_id: str, reason: str) -> tuple[str, ...]:
    """What the provider said, and the gateway kept back; the ledger says who looked, and why.

    Args:
        root: The site.
        request_id: As the ledger's event `egress.incident` has it.
        reason: A code such as "incident-review".

    Raises:
        BadInput: The reason is no code, or nothing of that request is in quarantine.
        KeyMismatch: It does not open.
    """
    _check_reason(reason)
    if not _REQUEST.fullmatch(request_id):
        raise BadInput("That is no request's id.", "It stands in the event egress.incident.")
    site = open_site(root)
    site.ledger.record("quarantine.read", {"request": request_id, "reason": reason})
    kept: list[str] = json.loads(_quarantine_of(site).read_identified(request_id))
    return tuple(kept)


def _check_reason(reason: str) -> None:
    if not _REASON.fullmatch(reason) or len(reason) > _LONGEST_REASON:
        raise BadInput(
            "A reason is a code of small letters, digits and dashes, such as counted-by-hand.",
            "Give another --reason.",
        )


def _quarantine_of(site: Site) -> Quarantine:
    return Quarantine(site.paths.gateway / "quarantine", site.keys.key(Purpose.GATEWAY))


@dataclass(frozen=True, slots=True)
class _Lasting:
    """What outlives a change of the policies."""

    quotas: Quotas
    spent: SpentFile


def _open_lasting(paths: SitePaths, stack: ExitStack) -> _Lasting:
    purse = stack.enter_context(closing(Purse.open(paths.gateway / "spending.db")))
    # A file of the gateway's own: the site's journal is out of its reach.
    return _Lasting(Quotas(purse, SystemClock()), SpentFile(paths.gateway / "stamps.db"))


def _make_front(
    root: Path,
    lasting: _Lasting,
    open_gate: Callable[[Site], Inspector],
    noted: Freshness,
) -> "Front":
    """Everything from the site as it is on disk now; `noted` was made just before."""
    from appliance.gateway.application import Front
    from appliance.gateway.provider import Provider
    from appliance.gateway.readiness import Readiness

    site = open_site(root)
    if site.settings.profile != "cloud-allowed":
        raise Denied(
            f"The profile {site.settings.profile} has no way out, so it has no gateway.",
            "A site that may use a provider is made with `--profile cloud-allowed`.",
        )
    policy = load_gateway_policy(site.paths.policies / POLICY)
    key = read_provider_key(site.paths.keys)
    callers = Callers(policy.callers, site.paths.keys)
    fittings = _fit(site, policy, open_gate(site), noted, lasting)
    counts = fittings.counts

    def count() -> None:
        counts.sent += 1

    provider = Provider(
        policy.origin, policy.ca_file, key, site.clock, count, policy.limits.reply_bytes
    )
    door = Door(fittings, provider)
    readiness = Readiness(door, next(iter(policy.models), ""))
    return Front(
        policy=policy,
        callers=callers,
        door=door,
        provider=provider,
        readiness=readiness,
        meters=fittings.meters,
        counts=counts,
        latch=fittings.latch,
        clock=site.clock,
        recorder=site.ledger,
    )


def _fit(
    site: Site, policy: GatewayPolicy, gate: Inspector, noted: Freshness, lasting: _Lasting
) -> Fittings:
    counts = Counts()
    checker = open_checker(site.keys, site.clock, site.policy_digest, Route.CHATGPT, lasting.spent)
    return Fittings(
        policy=policy,
        clearing=Clearing(checker, open_seal_key(site.keys), policy.instruction),
        inspection=Inspection(gate),
        quotas=lasting.quotas,
        recording=Recording(site.ledger, counts),
        quarantine=_quarantine_of(site),
        meters=Meters(policy.callers, policy.models),
        counts=counts,
        latch=Latch(site.paths.run),
        is_fresh=noted.is_fresh,
        body_key=site.keys.key(Purpose.GATEWAY),
    )


async def _serve(
    first: "Front",
    look: Callable[[], Freshness],
    make: Callable[[Freshness], "Front"],
    announce: Callable[[Listening], None],
    place: Place,
) -> None:
    from appliance.gateway.application import make_application
    from appliance.gateway.listening import (
        LOOPBACK,
        let_connect,
        loopback_port,
        serve_on,
        unix_socket,
    )
    from appliance.gateway.notifying import beating
    from appliance.gateway.renewing import Renewal

    path, port, policy = place.path, place.port, first.policy

    def renew(noted: Freshness) -> "Front":
        front = make(noted)
        if port is None:
            let_connect(path, others=_has_others(front.policy))
        return front

    others = _has_others(policy)
    renewal = Renewal(first, look, renew)
    try:
        with unix_socket(path, for_others=others) if port is None else loopback_port(port) as door:
            at = str(path) if port is None else f"http://{LOOPBACK}:{door.getsockname()[1]}"
            first.recorder.record(
                "gateway.started", {"listens": "socket" if port is None else "port"}
            )
            told = Listening(at, policy.origin, tuple(policy.models), tuple(policy.callers))
            sound = partial(_is_sound, renewal.now)
            async with renewal.running(), beating(read_service_manager(), sound):
                application = make_application(renewal.now)
                await serve_on(door, application, lambda: announce(told), place.stop)
    finally:
        await renewal.close()


async def _is_sound(now: Callable[[], "Front"]) -> bool:
    """Whether nothing can pass, or the gate, as loaded, stops an identifier."""
    front = now()
    # A door that is shut needs a person, or the renewal that is under way, and no new start.
    is_shut = front.latch.is_shut() or not front.door.is_fresh()
    return is_shut or await front.readiness.is_ready()


def _has_others(policy: GatewayPolicy) -> bool:
    """Whether somebody else than the gateway's own user may call."""
    return any(set(rule.users) - {OWN_USER} for rule in policy.callers.values())
