"""The doctor at a site: everything that can be wrong with it, put wrong and found."""

import json
import os

import pytest

from appliance.artifacts.manifest import write_manifest
from appliance.cli.main import run
from appliance.ledger import files
from appliance.settings.site import SitePaths
from appliance.workflows.checks.contents import CONTENT_CHECKS
from appliance.workflows.checks.gateway import GATEWAY_CHECKS
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import SITE_CHECKS, view
from appliance.workflows.doctor import CheckResult, CheckUp, check_up
from appliance.workflows.site import init
from tests.lib.frozen_clock import FrozenClock

CHECKS = {check.check_id: check for check in (*SITE_CHECKS, *CONTENT_CHECKS, *GATEWAY_CHECKS)}


@pytest.fixture
def paths(tmp_path):
    return init(tmp_path / "s", "air-gapped", FrozenClock()).paths


def _outcome(check_id, paths, clock=None):
    return CHECKS[check_id].run(view(SitePaths(paths.root), clock or FrozenClock()))


def test_a_new_site_fails_no_check(paths):
    for check_id in CHECKS:
        assert _outcome(check_id, paths).status in {Status.PASS, Status.SKIP, Status.WARN}, check_id


def _unknown_setting(paths):
    with paths.settings.open("a", encoding="utf-8") as file:
        file.write("colour = 1\n")


def _open_directory(paths):
    paths.vault.chmod(0o750)


def _missing_directory(paths):
    paths.journal.rmdir()


def _open_file(paths):
    (paths.ledger / files.ENTRIES).chmod(0o644)


def _open_key(paths):
    (paths.keys / "vault.key").chmod(0o644)


def _one_key_for_two(paths):
    (paths.keys / "vault.key").write_bytes((paths.keys / "ledger.key").read_bytes())


def _policy_no_toml(paths):
    (paths.policies / "phi.toml").write_text("unsure =", encoding="utf-8")


def _looser_gate(paths):
    path = paths.policies / "phi.toml"
    path.write_text(path.read_text().replace("PERSON = 0.4", "PERSON = 0.8"), encoding="utf-8")


def _sheet_with_unknown_key(paths):
    with (paths.labels / "disease.toml").open("a", encoding="utf-8") as file:
        file.write("colour = 1\n")


def _altered_entry(paths):
    path = paths.ledger / files.ENTRIES
    path.write_bytes(path.read_bytes().replace(b"air-gapped", b"air-tapped"))


def _no_ledger(paths):
    for path in paths.ledger.iterdir():
        path.unlink()


def _no_vault_but_a_file(paths):
    (paths.vault / "vault.db").write_bytes(b"x" * 8192)
    (paths.vault / "vault.db").chmod(0o600)


def _changed_model(paths):
    model = paths.models / "abc"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"abc")
    write_manifest(model, "model")
    (model / "model.safetensors").write_bytes(b"abd")


def _changed_corpus(paths):
    corpus = paths.corpora / "first"
    corpus.mkdir()
    (corpus / "train.parquet").write_bytes(b"abc")
    write_manifest(corpus, "corpus")
    (corpus / "train.parquet").unlink()


def _longer_retention(paths):
    path = paths.policies / "retention.toml"
    path.write_text(path.read_text().replace("run = 7", "run = 8"), encoding="utf-8")


def _looser_disclosure(paths):
    path = paths.policies / "disclosure.toml"
    text = path.read_text().replace('notes = "never"', 'notes = "after-audit"')
    path.write_text(text, encoding="utf-8")


def _smaller_cells(paths):
    path = paths.policies / "disclosure.toml"
    path.write_text(path.read_text().replace("smallest = 11", "smallest = 1"), encoding="utf-8")


def _rule_of_a_wrong_kind(paths):
    path = paths.policies / "retention.toml"
    path.write_text(path.read_text().replace("run = 7", 'run = "7"'), encoding="utf-8")


def _rules_left_out(paths):
    (paths.policies / "retention.toml").write_text("version = 1\n", encoding="utf-8")


def _no_rules(paths):
    (paths.policies / "retention.toml").unlink()


def _cloud_route(paths):
    path = paths.policies / "routing.toml"
    text = path.read_text(encoding="utf-8").replace('["vllm"]', '["vllm", "chatgpt"]')
    path.write_text(text, encoding="utf-8")


def _no_routing(paths):
    (paths.policies / "routing.toml").unlink()


@pytest.mark.parametrize(
    ("check_id", "harm"),
    [
        ("SITE001", _unknown_setting),
        ("SITE002", _open_directory),
        ("SITE002", _missing_directory),
        ("SITE003", _open_file),
        ("SITE003", _open_key),
        ("SITE004", _open_key),
        ("SITE004", _one_key_for_two),
        ("SITE005", _policy_no_toml),
        ("SITE005", _looser_gate),
        ("SITE005", _sheet_with_unknown_key),
        ("SITE007", _altered_entry),
        ("SITE007", _no_ledger),
        ("SITE010", _no_vault_but_a_file),
        ("SITE011", _changed_model),
        ("SITE012", _changed_corpus),
        ("SITE013", _longer_retention),
        ("SITE013", _looser_disclosure),
        ("SITE013", _smaller_cells),
        ("SITE013", _rule_of_a_wrong_kind),
        ("SITE013", _rules_left_out),
        ("SITE013", _no_rules),
        ("SITE015", _cloud_route),
        ("SITE015", _no_routing),
    ],
)
def test_what_is_wrong_with_a_site_fails_its_check(paths, check_id, harm):
    """With evidence and a next step, and without the other checks falling over."""
    harm(paths)

    outcome = _outcome(check_id, paths)

    assert outcome.status is Status.FAIL, outcome
    assert outcome.evidence
    assert outcome.fix
    for other in CHECKS:
        assert other == check_id or _outcome(other, paths).status is not None


def test_a_policy_that_changed_since_the_last_event_warns(paths):
    with (paths.policies / "phi.toml").open("a", encoding="utf-8") as file:
        file.write("# a comment is a change\n")

    assert _outcome("SITE006", paths).status is Status.WARN


def test_a_clock_behind_the_ledger_warns(paths):
    late = FrozenClock()
    late.advance(-3600)

    assert _outcome("SITE008", paths, late).status is Status.WARN


def test_a_site_at_a_long_path_warns(tmp_path):
    paths = init(tmp_path / ("long" * 20), "air-gapped", FrozenClock()).paths

    assert _outcome("SITE009", paths).status is Status.WARN


def test_an_unfinished_corpus_warns(paths):
    (paths.corpora / "half").mkdir()

    outcome = _outcome("SITE012", paths)

    assert outcome.status is Status.WARN
    assert "half" in outcome.evidence


def test_leftovers_that_outlived_their_time_warn(paths):
    old = paths.run / "engine.log"
    old.touch()
    os.utime(old, (0, 0))

    outcome = _outcome("SITE014", paths)

    assert outcome.status is Status.WARN
    assert "1 file(s) in run" in outcome.evidence


def test_a_cloud_site_may_name_the_cloud_route(tmp_path):
    paths = init(tmp_path / "s", "cloud-allowed", FrozenClock()).paths
    _cloud_route(paths)

    assert _outcome("SITE015", paths).status is Status.PASS


def test_settings_for_a_graphics_device_need_one(paths, monkeypatch):
    text = paths.settings.read_text(encoding="utf-8").replace('device = "cpu"', 'device = "cuda"')
    paths.settings.write_text(text, encoding="utf-8")
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: iter(()))

    assert _outcome("SITE016", paths).status is Status.FAIL


def test_a_ledger_without_an_event_has_nothing_to_compare_with(paths):
    from tests.lib.ledgers import open_ledger

    _no_ledger(paths)
    (paths.keys / "ledger.key").write_bytes(bytes(range(32)))
    open_ledger(paths.ledger)

    assert _outcome("SITE006", paths).status is Status.SKIP
    assert _outcome("SITE008", paths).status is Status.SKIP
    assert _outcome("SITE007", paths).status is Status.FAIL


def test_a_vault_that_opens_is_counted(paths):
    from appliance.clinical.vault.store import Vault
    from appliance.settings.keys import FileKeys, Purpose
    from tests.lib.ledgers import open_ledger

    assert _outcome("SITE010", paths).status is Status.SKIP
    keys = FileKeys(paths.keys)
    ledger = open_ledger(paths.root / "vault")
    Vault.open(paths.vault, keys.key(Purpose.VAULT), keys.key(Purpose.PSEUDONYM), ledger).close()

    outcome = _outcome("SITE010", paths)

    assert (outcome.status, "0 notes" in outcome.evidence) == (Status.PASS, True)


def test_the_doctor_changes_nothing(paths):
    """Every byte and every time of the site is as before; reading the lock aside."""
    before = {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")}

    check_up(paths.root)

    assert {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")} == before


def test_ids_are_unique_and_of_one_form():
    ids = [result.check_id for result in check_up(None).results] + list(CHECKS)

    assert len(ids) == len(set(ids)) >= 30
    assert all(check_id[:4] in {"HOST", "PACK", "SITE"} for check_id in ids)
    assert all(len(check_id) == 7 and check_id[4:].isdigit() for check_id in ids)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ([], 0),
        ([Status.PASS, Status.SKIP], 0),
        ([Status.PASS, Status.WARN], 4),
        ([Status.WARN, Status.FAIL], 3),
        ([Status.WARN, Status.FAIL, Status.ERROR], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(seen, code):
    results = tuple(CheckResult("X", "x", status, "x", "") for status in seen)

    assert CheckUp(results).exit_code == code


def test_the_command_shows_a_site_and_ends_with_the_code(paths, capsys):
    code = run(["doctor", "--site", str(paths.root), "--json"])
    document = json.loads(capsys.readouterr().out)

    assert code == document["exit_code"]
    assert {check["check_id"] for check in document["checks"]} >= set(CHECKS)


def test_the_command_works_without_a_site(capsys, monkeypatch):
    monkeypatch.delenv("APPLIANCE_SITE", raising=False)

    assert run(["doctor"]) in {0, 3, 4}
    out, err = capsys.readouterr()
    assert "HOST001" in out
    assert "SITE001" not in out
    assert "27 checks" in err


def test_a_site_that_is_not_there_is_bad_input(tmp_path, capsys):
    assert run(["doctor", "--site", str(tmp_path / "nowhere")]) == 2
    assert "appliance init" in capsys.readouterr().err
