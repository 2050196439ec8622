"""Look at the machine, and at a site where one is named; change nothing.

Exit codes are those that installers agree on: 0 pass, 1 a check could not be made, 2 bad input,
3 a check failed, 4 a check warns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import EXIT_CHECK_FAILED, EXIT_CHECK_WARNS, EXIT_OK, ApplianceError
from appliance.records.clock import Clock
from appliance.settings.clock import SystemClock
from appliance.settings.site import find_site
from appliance.workflows.checks.backups import BACKUP_CHECKS
from appliance.workflows.checks.cluster import CLUSTER_CHECKS
from appliance.workflows.checks.contents import CONTENT_CHECKS
from appliance.workflows.checks.following import name_causes
from appliance.workflows.checks.gate import SPILL_CHECKS, gate_check
from appliance.workflows.checks.gateway import GATEWAY_CHECKS
from appliance.workflows.checks.host import HOST_CHECKS, this_host
from appliance.workflows.checks.network import NETWORK_CHECKS
from appliance.workflows.checks.outcome import Check, Outcome, Status, skipped
from appliance.workflows.checks.packages import PACKAGE_CHECKS, product_lock
from appliance.workflows.checks.site import (
    ANY_LAYOUT,
    SITE_CHECKS,
    SiteView,
    lost_directories,
    view,
)
from appliance.workflows.checks.storage import STORAGE_CHECKS

_WORST_FIRST: Final = (
    (Status.ERROR, ApplianceError.exit_code),
    (Status.FAIL, EXIT_CHECK_FAILED),
    (Status.WARN, EXIT_CHECK_WARNS),
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check and what it came to; `follows` is the check that tells why it was not made."""

    check_id: str
    title: str
    status: Status
    evidence: str
    fix: str
    follows: str = ""


@dataclass(frozen=True, slots=True)
class CheckUp:
    """All checks, in the order of their ids' groups."""

    results: tuple[CheckResult, ...]

    @property
    def exit_code(self) -> int:
        """0 pass, 1 error, 3 fail, 4 warn: the worst there is."""
        seen = {result.status for result in self.results}
        return next((code for status, code in _WORST_FIRST if status in seen), EXIT_OK)

    def counts(self) -> dict[str, int]:
        """How many checks ended each way, best first; ways that did not occur are left out."""
        ends = [result.status for result in self.results]
        return {status.value: ends.count(status) for status in Status if status in ends}


def check_up(root: Path | None, clock: Clock | None = None, *, with_gate: bool = False) -> CheckUp:
    """Every check was made: of the machine, and of the site at `root` where that is given.

    Args:
        root: The site, or None.
        clock: The time.
        with_gate: Whether the gate is opened too, and shown an invented patient.

    Raises:
        SiteError: There is no site at `root`.
    """
    return CheckUp(tuple(_run(root, clock or SystemClock(), with_gate=with_gate)))


def _run(root: Path | None, clock: Clock, *, with_gate: bool) -> Iterator[CheckResult]:
    paths = find_site(root) if root else None
    owner = paths.root.stat().st_uid if paths else None
    host = this_host(paths.root if paths else _here(), clock, owner)
    for check in (*HOST_CHECKS, *STORAGE_CHECKS, *NETWORK_CHECKS):
        yield _result(check.check_id, check.title, check.run(host))
    for package_check in PACKAGE_CHECKS:
        outcome = package_check.run(product_lock())
        yield _result(package_check.check_id, package_check.title, outcome)
    if paths:
        site = view(paths, clock)
        checks = (*SITE_CHECKS, *CONTENT_CHECKS, *BACKUP_CHECKS, *GATEWAY_CHECKS, *CLUSTER_CHECKS)
        looks = (*checks, *SPILL_CHECKS, gate_check(is_asked=with_gate))
        titles = {check.check_id: check.title for check in looks}
        outcomes = [(check.check_id, _look(check, site)) for check in looks]
        for check_id, outcome in name_causes(outcomes, lost_directories(site)):
            yield _result(check_id, titles[check_id], outcome)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        # Somebody removed it under this process.
        return Path("/")


def _look(check: Check[SiteView], site: SiteView) -> Outcome:
    if check.check_id not in ANY_LAYOUT and not _has_our_layout(site):
        return skipped("This is looked at once the site has this program's layout (SITE030).")
    return check.run(site)


def _has_our_layout(site: SiteView) -> bool:
    try:
        return site.has_our_layout
    except ApplianceError:
        return False


def _result(check_id: str, title: str, outcome: Outcome) -> CheckResult:
    return CheckResult(
        check_id, title, outcome.status, outcome.evidence, outcome.fix, outcome.follows
    )
