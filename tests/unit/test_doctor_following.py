"""One cause is told once: what follows from it says from which check."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from appliance.artifacts.manifest import write_manifest
from appliance.artifacts.writing import folder_atomically
from appliance.errors import BadInput, LedgerBroken, ManifestMismatch
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows.audit import _status_of
from appliance.workflows.checks.following import name_causes
from appliance.workflows.checks.outcome import Outcome, Status, passed, refused
from appliance.workflows.doctor import check_up
from appliance.workflows.ingest import import_stream
from appliance.workflows.site import init

READ_BY = {
    "keys": {"SITE004", "SITE006", "SITE007", "SITE008", "SITE010", "SITE017"},
    "ledger": {"SITE006", "SITE007", "SITE008", "BACK001", "BACK002", "BACK003"},
    "policies": {"SITE005", "SITE006", "SITE013", "SITE014", "SITE015", "SITE026"},
}
BACKUPS = {"keys": {"BACK001", "BACK002", "BACK003"}, "policies": {"BACK001", "BACK002"}}
# `setpriv` takes from root what it may do beyond an owner.
OWNER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


@pytest.fixture
def paths(tmp_path):
    site = init(tmp_path / "s", "air-gapped")
    import_stream(site, [SourceNote("1", None, "letter", "", "Invented: asthma.")], Silent())
    return site.paths


def _failed_and_following(results):
    failed = {one.check_id for one in results if one.status in {Status.FAIL, Status.ERROR}}
    following = {one.check_id: one.evidence for one in results if "Not checked" in one.evidence}
    return {one for one in failed if not one.startswith("HOST")}, following


@pytest.mark.parametrize("name", ["keys", "ledger", "policies"])
def test_of_a_directory_that_is_gone_one_check_tells(paths, tmp_path, name):
    """Eleven failures of one cause hide the others, and the cause."""
    (paths.root / name).rename(tmp_path / "elsewhere")

    results = check_up(paths.root).results

    failed, following = _failed_and_following(results)
    assert failed == {"SITE002"}
    assert set(following) == READ_BY[name] | BACKUPS.get(name, set())
    assert set(following.values()) == {"Not checked: SITE002 failed."}
    (told,) = [one for one in results if one.check_id == "SITE002"]
    assert f"missing: {name}" in told.evidence
    assert told.fix.startswith(f"Mount or restore {name}, ")
    assert ("copy" in told.fix) == (name == "policies")
    assert "chmod" not in told.fix


def test_a_directory_that_could_be_empty_may_be_made_anew(paths):
    paths.models.rmdir()

    (told,) = [one for one in check_up(paths.root).results if one.check_id == "SITE002"]

    assert "mkdir -m 700" in told.fix
    assert "Mount" not in told.fix


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which(OWNER[0]), reason="no setpriv here")
@pytest.mark.parametrize("name", ["keys", "policies"])
def test_of_a_directory_that_nobody_can_enter_one_check_tells(paths, name):
    """A wrong mode, or the wrong user: the bytes are there, so nothing is to be restored."""
    before = OWNER if os.geteuid() == 0 else ()
    (paths.root / name).chmod(0o600)

    done = subprocess.run(
        [*before, sys.executable, "-m", "appliance", "doctor", "--json", "--site", paths.root],
        capture_output=True,
        text=True,
        check=False,
    )

    (paths.root / name).chmod(0o700)
    checks = json.loads(done.stdout)["checks"]
    failed = {one["check_id"]: one for one in checks if one["status"] in {"fail", "error"}}
    ours = {check_id for check_id in failed if not check_id.startswith("HOST")}
    assert ours == {"SITE002"}, done.stdout
    assert f"shut to this user: {name}" in failed["SITE002"]["evidence"]
    assert "chmod 700" in failed["SITE002"]["fix"]
    following = {one["check_id"] for one in checks if "Not checked" in one["evidence"]}
    assert following >= READ_BY[name]


def test_of_keys_that_others_can_read_the_check_of_keys_tells_each(paths):
    """SITE003 sees the modes too; nothing else is told twice."""
    for name in ("ledger", "vault"):
        (paths.keys / f"{name}.key").chmod(0o644)

    results = check_up(paths.root).results

    failed, following = _failed_and_following(results)
    assert failed == {"SITE003", "SITE004"}
    assert set(following.values()) == {"Not checked: SITE004 failed."}
    assert {"SITE007", "SITE010", "BACK001"} <= set(following)
    (told,) = [one for one in results if one.check_id == "SITE004"]
    assert "vault key" in told.evidence
    assert "ledger key" in told.evidence
    assert "ledger.key" in told.fix


def test_what_fails_for_itself_is_told_beside_another_cause(paths, tmp_path):
    """A rule that is looser than the product's is no matter of keys."""
    shutil.move(paths.keys, tmp_path / "elsewhere")
    (paths.policies / "phi.toml").write_text("unsure =", encoding="utf-8")

    failed, following = _failed_and_following(check_up(paths.root).results)

    assert failed == {"SITE002", "SITE005"}
    assert "SITE005" not in following


def _outcomes(**more):
    sound = dict.fromkeys(("SITE002", "SITE004", "SITE007"), passed("Sound."))
    return [*(sound | more).items()]


def test_a_check_that_was_made_keeps_what_it_found():
    """Only one that could not be made can follow from another."""
    shut = Outcome(Status.FAIL, "13 directories, missing: vault.")
    found = Outcome(Status.FAIL, "Found at work.")
    outcomes = _outcomes(SITE002=shut, SITE010=found, SITE017=Outcome(Status.ERROR, "Fell over."))

    named = dict(name_causes(outcomes, frozenset({"vault"})))

    assert named["SITE010"] == found
    assert named["SITE017"].status is Status.SKIP


SHUT = Outcome(Status.FAIL, "13 directories, one is missing.")


@pytest.mark.parametrize(
    ("lost", "check_id", "error"),
    [
        ("findings", "SITE012", ManifestMismatch("/s/adapters/findings/a.bin differs.")),
        ("keys", "SITE007", LedgerBroken("1 fault(s); the first: entry 3 was changed.")),
        ("journal", "SITE014", BadInput("/s/policies/retention.toml is no TOML.")),
    ],
)
def test_what_was_found_elsewhere_is_not_hidden_by_a_lost_directory(lost, check_id, error):
    """Else whoever moves a directory away hides what they changed in another one."""
    found = refused(error)

    named = dict(name_causes(_outcomes(SITE002=SHUT, **{check_id: found}), frozenset({lost})))

    assert named[check_id] == found


def test_an_altered_adapter_is_told_though_findings_are_gone(paths):
    adapter = paths.adapters / "a"
    with folder_atomically(adapter) as draft:
        (draft / "weights").write_bytes(b"as made")
        write_manifest(draft, "adapter")
    (adapter / "weights").write_bytes(b"altered")
    paths.findings.rmdir()

    failed, following = _failed_and_following(check_up(paths.root).results)

    assert failed == {"SITE002", "SITE012"}
    assert following == {}


def test_nothing_follows_from_a_check_that_did_not_fail():
    """As of a site of another layout, whose directories are not looked at."""
    error = Outcome(Status.FAIL, "Gone.", "", ("Gone.",))

    named = dict(name_causes(_outcomes(SITE010=error), frozenset({"vault"})))

    assert named["SITE010"] == error


def test_an_audit_takes_what_could_not_be_checked_for_no_good_sign(paths, tmp_path):
    """Of what there is nothing of nothing is wrong; the evidence of a rule must have been seen."""
    shutil.move(paths.policies, tmp_path / "elsewhere")

    found = {one.check_id: one for one in check_up(paths.root).results}

    assert (found["SITE013"].status, found["SITE013"].follows) == (Status.SKIP, "SITE002")
    assert (found["SITE011"].status, found["SITE011"].follows) == (Status.SKIP, "")
    assert (_status_of(found["SITE013"]), _status_of(found["SITE011"])) == ("error", "skip")
