"""The attacks of an audit, each with what it needs from the site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.audits.atrest import AtRest
from appliance.audits.attack import Attack, not_tested
from appliance.audits.evasion import Evasion, Inspector
from appliance.audits.extraction import Extraction
from appliance.audits.kernel import Kernel
from appliance.audits.live import Asker, LiveGateway
from appliance.audits.membership import Membership
from appliance.audits.memorisation import Memorisation
from appliance.audits.overlap import Overlap
from appliance.audits.regate import Regate
from appliance.audits.reidentification import Reidentification
from appliance.audits.replay import Evidence, Replay
from appliance.audits.standing import Check, Provenance, Safeguards, Sound
from appliance.errors import ApplianceError, LedgerBroken
from appliance.gate.opening import open_stamp_key
from appliance.ledger.checkpoint import Checkpoint
from appliance.ledger.examination import Examination, examine
from appliance.records.audits import PATIENTS, PAYLOADS, SEARCHED, AttackResult
from appliance.records.events import Event
from appliance.records.progress import Progress
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.site import SitePaths
from appliance.workflows.audit_evidence import (
    SECRETS,
    STRETCHES,
    Outputs,
    SiteNotes,
    count_planted,
    draw_patients,
    gather_outputs,
    identifiers_of,
    make_needles,
    planted_values,
    read_public,
)
from appliance.workflows.audit_facts import read_extracted
from appliance.workflows.audit_holdout import read_holdout
from appliance.workflows.audit_members import make_trials
from appliance.workflows.audit_places import make_places
from appliance.workflows.audit_redrawing import redraw
from appliance.workflows.audit_traffic import salvage_events
from appliance.workflows.audit_writers import make_beginnings, make_writers
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site

FIRST_EVENT: Final = "site.initialised"
_UNHEARD: Final = "The ledger is broken: no note or patient is read without a record."
_DRAWN_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class AuditOrder:
    """What an audit is to do.

    Attributes:
        witnesses: Heads of the ledger kept elsewhere: files or directories.
        drop: Directory where a copy of the report is put, for people or a mail gateway.
        holdout: Exports of notes that were never in the vault, as a control; without any, held-out
            patients of the vault are.
        look: More paths to search for clear text: exports, backups, logs.
        provider_requests: What the provider has counted for the site's key; None if not asked.
        provider_since: From which day on it has, ISO 8601, UTC; "" for the beginning.
        kernel: What the firewall has counted; None if not asked.
        payloads: Identifiers to send against the gate.
        patients: Most patients whose identifiers are searched for.
        seeds: Of runs from before seeds were on record, whose prompts are drawn again.
        seed: Of all samples.
    """

    witnesses: tuple[Path, ...] = ()
    drop: Path | None = None
    holdout: tuple[Path, ...] = ()
    look: tuple[Path, ...] = ()
    provider_requests: int | None = None
    provider_since: str = ""
    kernel: Kernel | None = None
    payloads: int = PAYLOADS
    patients: int = PATIENTS
    seeds: tuple[int, ...] = (_DRAWN_SEED,)
    seed: int = 0

    def counted(self) -> dict[str, int]:
        """How much was asked for, by name: what another audit could have looked at besides."""
        return {
            "identifiers sent against the gate": self.payloads,
            SEARCHED: self.patients,
            "heads or directories of heads kept elsewhere": len(self.witnesses),
            "exports of a holdout": len(self.holdout),
            "more places searched": len(self.look),
            "counts of the provider": int(self.provider_requests is not None),
            "counts of the firewall": int(self.kernel is not None),
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What is attacked.

    Attributes:
        paths: Of the site.
        site: Open; None where its ledger is broken, so that nothing may be read that is to be
            recorded.
        events: The ledger's, as they lie.
        look: Gives the ledger as it was before the audit wrote into it; raises where it can't.
        witnesses: How many heads kept elsewhere it was compared with.
        checks: The doctor's.
        smallest: Smallest count of patients that may be told.
        ask: Asks the running gateway what would pass, or why nobody can; it is handed over, because
            what holds notes knows no way to a gateway.
    """

    paths: SitePaths
    site: Site | None
    events: Sequence[Event]
    look: Callable[[], Examination]
    witnesses: int
    checks: Sequence[Check]
    smallest: int
    ask: Asker | str


class _Untested:
    """An attack that can't be tried here, and why; an `Attack`."""

    def __init__(self, name: str, claim: str, why: str) -> None:
        self.name = name
        self.claim = claim
        self._why = why

    def run(self, progress: Progress) -> AttackResult:
        """Not tested."""
        del progress
        return not_tested(self, self._why, is_broken=True)


class _Unready:
    """An attack whose evidence could not be gathered; an `Attack`."""

    def __init__(self, name: str, claim: str, error: Exception) -> None:
        self.name = name
        self.claim = claim
        self._error = error

    def run(self, progress: Progress) -> AttackResult:
        """Raises what stood in the way."""
        del progress
        raise self._error


def make_attacks(
    subject: Subject,
    order: AuditOrder,
    open_gate: Callable[[Site], Inspector] = open_site_gate,
) -> list[Attack]:
    """All attacks, in the order of the report.

    Args:
        subject: What is attacked.
        order: How.
        open_gate: Opens today's gate.

    Raises:
        BadInput: There is no holdout where the order says.
    """
    paths = subject.paths
    outputs, holdout = gather_outputs(paths), read_holdout(order.holdout)
    # A live site goes on: what lies there by now is on record by now.
    events = salvage_events(paths.ledger)
    evidence = Evidence(
        events,
        outputs.journals,
        open_stamp_key(FileKeys(paths.keys)),
        # What could not be looked at may be shut.
        any(
            check.check_id == "SITE021" and check.status in {"fail", "error"}
            for check in subject.checks
        ),
        order.provider_requests,
        order.provider_since,
        outputs.damaged,
        order.kernel,
    )
    standing: list[Attack] = [
        Sound(subject.look, subject.witnesses),
        Safeguards(subject.checks, count_policies(subject.events)),
        Provenance(outputs.products, events),
        Replay(evidence),
    ]
    if subject.site is None:
        return [*standing, *map(_silence, _READING)]
    try:
        reading = _make_reading(subject, subject.site, order, outputs, holdout, open_gate)
    except Exception as error:  # noqa: BLE001 - each of them tells it, and the report is made
        reading = [_fail(one, error) for one in _READING]
    return [*standing, *reading]


def look_at_ledger(paths: SitePaths, kept: Sequence[Checkpoint]) -> Callable[[], Examination]:
    """The ledger is read now; what is returned gives the result, or raises what that raised.

    An audit is on record itself: what it adds would hide that the ledger was cut.
    """
    key = FileKeys(paths.keys).key(Purpose.LEDGER)
    try:
        found = examine(paths.ledger, key, first_kind=FIRST_EVENT, kept=kept)
    except LedgerBroken as error:
        broken = error

        def complain() -> Examination:
            raise broken

        return complain
    return lambda: found


def count_policies(events: Sequence[Event]) -> dict[str, int]:
    """Each policy digest to the first entry under it."""
    first: dict[str, int] = {}
    for number, event in enumerate(events):
        first.setdefault(event.policy_digest, number)
    return first


def _make_reading(
    subject: Subject,
    site: Site,
    order: AuditOrder,
    outputs: Outputs,
    holdout: Sequence[str],
    open_gate: Callable[[Site], Inspector],
) -> list[Attack]:
    """Those that read notes, patients or texts."""
    planted = count_planted(subject.events)
    notes, public = SiteNotes(site, planted), read_public(site.paths.labels)
    registered = notes.patients()
    patients = draw_patients(registered, order.patients, order.seed)
    again = redraw(site.paths, subject.events, order.seeds)
    extracted, unread = read_extracted(site)
    gate = _open(site, open_gate)
    known = {item.value for item in identifiers_of(registered)}
    needles = make_needles(site, notes, patients, public, planted, order.seed, known)
    # One that was erased is nobody whom the gateway could know.
    canaries = [value for value in planted_values(site, planted) if value in known]
    trials, recalls = make_trials(site, order.seed)
    searched = (
        f"{len(patients)} of {len(registered)} patients were searched for, and {STRETCHES} "
        "stretches of notes at most, both drawn at random."
    )
    return [
        Regate(again.prompts, again.others, again.sent, gate),
        Evasion(identifiers_of(patients), gate, order.payloads, order.seed),
        LiveGateway(canaries, subject.ask, seed=order.seed),
        Overlap(outputs.outgoing, notes, public, holdout, order.seed),
        Reidentification(outputs.outgoing, notes, subject.smallest, order.seed, extracted),
        Membership(trials, order.seed),
        Memorisation(recalls),
        Extraction(make_writers(site), len(trials), make_beginnings(site, subject.events)),
        AtRest(
            make_places(site.paths, order.look),
            needles,
            SECRETS,
            (*outputs.unread, *unread, searched),
        ),
    ]


_READING: Final[tuple[type, ...]] = (
    *(Regate, Evasion, LiveGateway, Overlap, Reidentification),
    *(Membership, Memorisation, Extraction, AtRest),
)


def _silence(attack: type) -> Attack:
    return _Untested(attack.name, attack.claim, _UNHEARD)  # type: ignore[attr-defined]


def _fail(attack: type, error: Exception) -> Attack:
    return _Unready(attack.name, attack.claim, error)  # type: ignore[attr-defined]


def _open(site: Site, open_gate: Callable[[Site], Inspector]) -> Inspector | None:
    try:
        return open_gate(site)
    except ApplianceError:
        # It has told the ledger; `safeguards` says why.
        return None
