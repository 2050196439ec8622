"""The doctor at the gate, and at what Ray leaves: a canary stopped, no session left, no way out."""

import re

import pytest

from appliance.workflows.checks.gate import SPILL_CHECKS, gate_check
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import view
from appliance.workflows.site import init, open_site
from tests.lib.frozen_clock import FrozenClock

[SPILLED] = SPILL_CHECKS
# Of a process that has ended long since: no machine has so many.
SESSION = "session_2026-01-02_03-04-05_678901_99999999"


@pytest.fixture
def paths(tmp_path):
    return init(tmp_path / "s", "air-gapped", FrozenClock()).paths


def outcome(check, paths):
    return check.run(view(paths, FrozenClock()))


def test_a_site_where_ray_never_ran_passes(paths):
    assert outcome(SPILLED, paths).status is Status.PASS


def test_a_session_that_was_left_is_told_and_left_where_it_is(paths):
    """The doctor changes nothing; what was spilled may be notes."""
    (paths.run / "ray" / SESSION).mkdir(parents=True)

    found = outcome(SPILLED, paths)

    assert found.status is Status.WARN
    assert "1 session(s)" in found.evidence
    assert (paths.run / "ray" / SESSION).is_dir()


def test_a_place_for_spilled_notes_outside_the_site_fails(paths, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (paths.run / "ray").symlink_to(tmp_path / "elsewhere")

    assert outcome(SPILLED, paths).status is Status.FAIL


def test_the_gate_is_not_opened_where_nobody_asked(paths):
    """It takes seconds; who wants it is told how."""
    found = outcome(gate_check(is_asked=False), paths)

    assert found.status is Status.SKIP
    assert "--gate" in found.evidence


@pytest.mark.slow
def test_a_canary_is_stopped_and_nothing_is_on_record(paths):
    """By the gate as every prompt meets it; the look itself leaves the ledger as it was."""
    before = open_site(paths.root).ledger.head().size

    found = outcome(gate_check(is_asked=True), paths)

    assert found.status is Status.PASS
    assert "PERSON" in found.evidence
    assert open_site(paths.root).ledger.head().size == before


@pytest.mark.slow
def test_a_site_that_must_know_its_patients_and_knows_none_yet_is_told_to_import_them(paths):
    """The gate is shut, which is no reason to refuse an upgrade; a broken one still is."""
    path = paths.policies / "phi.toml"
    text = path.read_text()
    assert "require_patient_index = false" in text
    path.write_text(text.replace("require_patient_index = false", "require_patient_index = true"))

    found = outcome(gate_check(is_asked=True), paths)

    assert found.status is Status.WARN
    assert "patients import" in found.fix


@pytest.mark.slow
def test_a_gate_that_does_not_open_fails(paths):
    path = paths.policies / "phi.toml"
    path.write_text(re.sub(r"PERSON = [\d.]+", "PERSON = 0.99", path.read_text()))

    assert outcome(gate_check(is_asked=True), paths).status is Status.FAIL
