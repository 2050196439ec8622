"""The doctor on backups: an old one, none, one that was never tried, one with somebody erased."""

import pytest

from appliance.workflows.checks.backups import BACKUP_CHECKS
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import view
from appliance.workflows.notes import erase
from tests.lib.backed_up_site import make_backed_up
from tests.lib.frozen_clock import FrozenClock

CHECKS = {check.check_id: check for check in BACKUP_CHECKS}
DAY = 24 * 3600


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def backed_up(tmp_path, clock):
    return make_backed_up(tmp_path, clock)


def _status(check_id, backed_up, clock):
    return CHECKS[check_id].run(view(backed_up.site.paths, clock)).status


def test_a_vault_that_was_never_backed_up_is_told(backed_up, clock):
    assert _status("BACK001", backed_up, clock) is Status.WARN
    assert _status("BACK002", backed_up, clock) is Status.WARN
    assert _status("BACK003", backed_up, clock) is Status.SKIP


@pytest.mark.parametrize(
    ("check_id", "kind", "days"),
    [("BACK001", "backup.created", 2), ("BACK002", "backup.rehearsed", 90)],
)
def test_an_old_one_is_told_and_a_fresh_one_is_not(backed_up, clock, check_id, kind, days):
    """By the days that policies/backup.toml allows."""
    from appliance.workflows.site import open_site

    open_site(backed_up.root, clock).ledger.record(kind, {"begun": 1})
    clock.advance(days * DAY)
    fresh = _status(check_id, backed_up, clock)
    clock.advance(1)

    assert (fresh, _status(check_id, backed_up, clock)) == (Status.PASS, Status.WARN)


def test_a_backup_from_before_an_erasure_is_told_until_there_is_a_newer_one(backed_up, clock):
    backed_up.backup()
    erase(backed_up.root, "P-1")
    before = _status("BACK003", backed_up, clock)
    clock.advance(1)
    backed_up.backup()

    assert (before, _status("BACK003", backed_up, clock)) == (Status.WARN, Status.PASS)


def test_a_site_without_the_policy_is_told_what_to_copy(backed_up, clock):
    (backed_up.site.paths.policies / "backup.toml").unlink()
    backed_up.site.ledger.record("backup.created", {"begun": 1})

    outcome = CHECKS["BACK001"].run(view(backed_up.site.paths, clock))

    assert outcome.status is Status.FAIL
    assert "copy" in outcome.fix
