"""Audit: a site attacked from all sides, read-only, and what came of it in a signed report."""

import dataclasses
import hashlib
import json
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from appliance import __version__
from appliance.artifacts.writing import (
    check_absent,
    check_writable,
    disk_errors,
    folder_atomically,
    write_atomically,
)
from appliance.audits.attack import carry_out
from appliance.audits.evasion import Inspector
from appliance.audits.live import Asker
from appliance.audits.regulations import HIPAA, OTHERS, judge_harbor, judge_lines
from appliance.audits.signing import report_signer, statement
from appliance.audits.standing import Check
from appliance.audits.trend import compare
from appliance.errors import ApplianceError, LedgerBroken
from appliance.ledger.checkpoint import open_checkpoint, signer_of
from appliance.ledger.proofs import prove_entry, read_bodies
from appliance.ledger.signing import Signer
from appliance.records.audits import (
    COMPLETED,
    KEPT,
    AttackResult,
    AuditReport,
    Overall,
    Standing,
)
from appliance.records.clock import Clock
from appliance.records.events import Event, Fact
from appliance.records.progress import Progress, Silent
from appliance.settings.clock import SystemClock
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.policies import digest_policies
from appliance.settings.site import SitePaths, find_site
from appliance.workflows.audit_attacks import AuditOrder, Subject, look_at_ledger, make_attacks
from appliance.workflows.audit_live import ask_gateway
from appliance.workflows.audit_reports import HTML, JSON, PDF, SIGNATURE
from appliance.workflows.audit_traffic import count_denials, count_departures, salvage_events
from appliance.workflows.checks.outcome import Status
from appliance.workflows.doctor import CheckResult, check_up
from appliance.workflows.report.audit_page import render_audit, to_pdf
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, open_site
from appliance.workflows.witness import read_kept

ENTRY, PROOF = "ledger-entry.json", "ledger-proof.txt"
_MODE: Final = 0o600
# One audit proves no periodic evaluation; the shipped timer makes one a week.
_PERIOD: Final = timedelta(days=35)
_UNASKED: Final = "The ledger is broken: the gateway is asked nothing."
# Rules where a shipped policy can't be read any more.
_SMALLEST: Final = 11


@dataclass(frozen=True, slots=True)
class Audit:
    """A finished audit.

    Attributes:
        report: What was found.
        directory: Where HTML, JSON, PDF and signature are; None for a dry run.
        has_pdf: Whether the PDF could be made.
        entry: Of the ledger that anchors it; None where the ledger is broken.
        verifier_key: Checks the signature.
    """

    report: AuditReport
    directory: Path | None
    has_pdf: bool
    entry: int | None
    verifier_key: str

    @property
    def exit_code(self) -> int:
        """0 where nothing failed, 3 where something did, 1 where an attack could not be made."""
        return {Overall.PASS: 0, Overall.INCOMPLETE: 1, Overall.FAIL: 3}[self.report.verdict]


def audit(
    root: Path,
    out: Path | None,
    order: AuditOrder,
    progress: Progress | None = None,
    *,
    clock: Clock | None = None,
    open_gate: Callable[[Site], Inspector] = open_site_gate,
) -> Audit:
    """The site was attacked, and the signed report is in `out`, anchored in the ledger.

    Args:
        root: The site.
        out: Directory to make; None for one under SITE/reports.
        order: How.
        progress: Where to report.
        clock: The time.
        open_gate: Opens today's gate.

    Raises:
        BadInput: `out` is there already or can't be written, or a witness is none.
        LedgerBroken: A witness is of another ledger, or was altered.
        NoSpace: The disk is full; no part of the report is left.
    """
    now = (clock or SystemClock()).now()
    target = out or find_site(root).reports / f"audit-{now:%Y%m%dT%H%M%S}"
    check_absent(target)
    check_writable(target)
    if order.drop is not None:
        _open_drop(order.drop)
        check_writable(order.drop / target.name)
    subject, report = _attack(root, order, progress or Silent(), clock, open_gate)
    done = _publish(subject, report, target)
    if order.drop is not None:
        _drop(target, order.drop / f"audit-{now:%Y%m%dT%H%M%S}-{report.verdict.value}")
    return done


def try_attacks(
    root: Path,
    order: AuditOrder,
    progress: Progress | None = None,
    *,
    clock: Clock | None = None,
    open_gate: Callable[[Site], Inspector] = open_site_gate,
) -> Audit:
    """The same without a report: what is read is on record, and nothing else is written.

    Raises:
        BadInput, LedgerBroken: As `audit`.
    """
    subject, report = _attack(root, order, progress or Silent(), clock, open_gate)
    return Audit(report, None, False, None, _signer(subject.paths).verifier.verifier_key())


def to_document(report: AuditReport) -> bytes:
    """The report as JSON."""
    return (json.dumps(dataclasses.asdict(report), indent=1, ensure_ascii=False) + "\n").encode()


def _attack(
    root: Path,
    order: AuditOrder,
    progress: Progress,
    clock: Clock | None,
    open_gate: Callable[[Site], Inspector],
) -> tuple[Subject, AuditReport]:
    began, time_ = time.monotonic(), clock or SystemClock()
    subject = _make_subject(root, find_site(root), order, time_)
    results = carry_out(make_attacks(subject, order, open_gate), progress)
    made_at = time_.now().isoformat(timespec="seconds")
    seconds = time.monotonic() - began
    return subject, _assemble(subject, results, made_at, seconds, order.counted())


def _signer(paths: SitePaths) -> Signer:
    return report_signer(FileKeys(paths.keys).key(Purpose.LEDGER))


def _make_subject(root: Path, paths: SitePaths, order: AuditOrder, clock: Clock) -> Subject:
    kept = read_kept(order.witnesses, signer_of(FileKeys(paths.keys).key(Purpose.LEDGER)).verifier)
    # First of all: what is done from here on is on record.
    look, events = look_at_ledger(paths, kept), salvage_events(paths.ledger)
    checks = [
        Check(one.check_id, one.title, _status_of(one), one.evidence, one.fix)
        for one in check_up(root, clock).results
    ]
    try:
        site = open_site(root, clock)
    except LedgerBroken:
        site = None
    ask = _ask(site) if site else _UNASKED
    return Subject(paths, site, events, look, len(kept), checks, _smallest(paths), ask)


def _status_of(result: CheckResult) -> str:
    # Where there is nothing to check nothing is wrong; what could not be checked may be.
    return Status.ERROR.value if result.follows else result.status.value


def _ask(site: Site) -> Asker | str:
    try:
        return ask_gateway(site)
    except ApplianceError as error:
        return f"Nobody can be asked: {error.what}"


def _smallest(paths: SitePaths) -> int:
    try:
        rules = tomllib.loads((paths.policies / "disclosure.toml").read_text(encoding="utf-8"))
        return int(rules["counts"]["smallest"])
    except (OSError, ValueError, KeyError, TypeError):
        # `safeguards` says that it can't be read.
        return _SMALLEST


def _assemble(
    subject: Subject,
    results: Sequence[AttackResult],
    made_at: str,
    seconds: float,
    asked: dict[str, int],
) -> AuditReport:
    paths, events = subject.paths, subject.events
    before, (entries, root) = _read_before(paths, events), _began(subject)
    periodic = _is_periodic(str(before.get("made_at", "")), made_at)
    return AuditReport(
        site=signer_of(FileKeys(paths.keys).key(Purpose.LEDGER)).verifier.name,
        profile=subject.site.settings.profile if subject.site else "",
        made_at=made_at,
        version=__version__,
        policy_digest=digest_policies(paths.policies),
        entries=entries,
        root=root,
        verdict=_judge(results),
        results=tuple(results),
        departures=count_departures(events),
        denials=count_denials(events),
        hipaa=judge_lines(HIPAA, results, subject.checks, is_periodic=periodic),
        harbor=judge_harbor(results),
        mappings=judge_lines(OTHERS, results, subject.checks, is_periodic=periodic),
        not_tested=tuple(
            f"{result.attack}: {spot}"
            for result in results
            for spot in (
                *([result.summary] if result.standing is Standing.NOT_TESTED else ()),
                *(one for one in result.blind_spots if one not in result.summary),
            )
        ),
        trend=compare(before, results),
        before=str(before.get("made_at", "")),
        seconds=round(seconds, 1),
        asked=asked,
    )


def _judge(results: Sequence[AttackResult]) -> Overall:
    if any(result.standing is Standing.FAIL for result in results):
        return Overall.FAIL
    return Overall.INCOMPLETE if any(one.is_broken for one in results) else Overall.PASS


def _is_periodic(before: str, now: str) -> bool:
    """Whether the audit before was not too long ago."""
    try:
        return datetime.fromisoformat(now) - datetime.fromisoformat(before) <= _PERIOD
    except ValueError:
        return False


def _began(subject: Subject) -> tuple[int, str]:
    """Entries and root, hex, of the ledger when the audit began; root "" where it was broken."""
    try:
        found = subject.look()
    except LedgerBroken:
        return len(subject.events), ""
    return found.entries, found.root if found.is_intact else ""


def _publish(subject: Subject, report: AuditReport, target: Path) -> Audit:
    document, page = to_document(report), render_audit(report)
    pdf = to_pdf(page)
    files = {JSON: document, HTML: page.encode()} | ({PDF: pdf} if pdf else {})
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    signer = _signer(subject.paths)
    key = signer.verifier.verifier_key()
    files[SIGNATURE] = signer.sign(statement(report, digests))
    entry = None
    if subject.site is not None:
        entry, anchors = _anchor(subject.site, report, digests, key)
        files |= anchors
    with folder_atomically(target, 0o700) as draft:
        for name, content in files.items():
            write_atomically(draft / name, content, _MODE)
    # What the next audit compares itself with, and what a release asks for.
    kept = subject.paths.reports / KEPT
    kept.mkdir(mode=0o700, exist_ok=True)
    write_atomically(kept / f"{digests[JSON]}.json", document)
    return Audit(report, target, pdf is not None, entry, key)


def _open_drop(place: Path) -> None:
    """The directory is there, for others to read in; what it lies in is not made: it is a mount."""
    if place.is_dir():
        return
    check_writable(place)
    with disk_errors(place):
        place.mkdir()
        # Whatever the umask of the service is.
        place.chmod(0o755)


def _drop(report: Path, place: Path) -> None:
    """A copy of the report is at `place`, whole; whoever reads there must be able to."""
    with folder_atomically(place, 0o755) as draft:
        for path in sorted(report.iterdir()):
            write_atomically(draft / path.name, path.read_bytes(), 0o644)
            # Whatever the umask of the service is.
            (draft / path.name).chmod(0o644)
        draft.chmod(0o755)


def _anchor(
    site: Site, report: AuditReport, digests: dict[str, str], key: str
) -> tuple[int, dict[str, bytes]]:
    """The ledger knows the report's digests; its entry and proof go with the report."""
    counts = Counter(result.standing for result in report.results)
    facts: dict[str, Fact] = {
        "verdict": report.verdict.value,
        "json": digests[JSON],
        "html": digests[HTML],
        "passed": counts[Standing.PASS],
        "failed": counts[Standing.FAIL],
        "not_tested": counts[Standing.NOT_TESTED],
        "key": key,
    }
    if PDF in digests:
        facts["pdf"] = digests[PDF]
    entry = site.ledger.record(COMPLETED, facts)
    signed = site.ledger.signed_head()
    # Others write too: the size is the signed head's, not the one that the next look would find.
    size = open_checkpoint(signed, site.ledger.verifier).size
    proof = prove_entry(read_bodies(site.paths.ledger, size), entry, signed)
    proof.check(site.ledger.verifier)
    return entry, {ENTRY: proof.entry + b"\n", PROOF: proof.text().encode()}


def _read_before(paths: SitePaths, events: Sequence[Event]) -> dict[str, Any]:
    """The JSON of the newest audit that the ledger knows; empty where there is none."""
    digests = [str(event.facts.get("json")) for event in events if event.kind == COMPLETED]
    for digest in reversed(digests):
        path = paths.reports / KEPT / f"{digest}.json"
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == digest:
                found: dict[str, Any] = json.loads(content)
                return found
    return {}
