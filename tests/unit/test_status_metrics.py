"""The status of a site, the same for Prometheus, and the dashboard that shows it."""

import json
import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance.cli.main import run
from appliance.errors import BadInput, Forbidden, KeyMismatch, NoSpace, NotWritable
from appliance.gateway.counting import Counts, Latch
from appliance.gateway.metering import Meters
from appliance.ledger.proofs import read_bodies
from appliance.records.backups import CREATED, REHEARSED
from appliance.records.status import WORK
from appliance.workflows.fingerprints import fingerprints_of
from appliance.workflows.metrics import expose
from appliance.workflows.site import init
from appliance.workflows.status import status
from tests.lib.backed_up_site import NOTES, make_backed_up
from tests.lib.house import REPOSITORY

DASHBOARD = REPOSITORY / "deploy/grafana/appliance.json"
_METRIC = re.compile(r"\bappliance_[a-z_]+\b")


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory):
    return make_backed_up(tmp_path_factory.mktemp("status"))


def _families(found):
    return {one.name: one for one in text_string_to_metric_families(expose(found).decode())}


def test_a_new_site_has_nothing_and_says_never(tmp_path, capsys):
    site = init(tmp_path / "site", "air-gapped")

    assert run(["status", "--site", str(site.paths.root)]) == 0

    shown = capsys.readouterr().out
    assert re.search(r"notes\s+0", shown)
    assert re.search(r"backup\s+never", shown)
    assert re.search(r"at work\s+nothing", shown)


def test_what_is_there_is_counted(backed_up):
    found = status(backed_up.root)

    assert found.notes == len(NOTES)
    assert found.products == {"corpora": 1, "adapters": 0, "findings": 0, "exports": 0}
    assert found.ledger_entries == backed_up.site.ledger.head().size
    assert 0 <= found.ledger_moved.age_s < 3600
    assert found.disk_size > found.disk_free > 0


def test_backup_rehearsal_and_audit_have_an_age(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    site.ledger.record(CREATED, {"begun": 1})
    site.ledger.record(REHEARSED, {})
    site.ledger.record("audit.completed", {"verdict": "fail"})

    found = status(site.paths.root)

    assert found.audit_verdict == "fail"
    for moment in (found.backed_up, found.rehearsed, found.audited):
        assert 0 <= moment.age_s < 60
    values = {name: one.samples[0].value for name, one in _families(found).items()}
    assert values["appliance_site_audit_failed"] == 1
    assert abs(values["appliance_site_backed_up_timestamp_seconds"] - time.time()) < 60


def test_what_never_happened_has_no_time(tmp_path):
    """An alert on absence must fire; a zero would be 1970, or a fresh one."""
    names = _families(status(init(tmp_path / "site", "air-gapped").paths.root))

    assert "appliance_site_notes" in names
    assert not {name for name in names if re.search("backed_up|rehearsed|audit", name)}


def test_a_latched_gateway_and_an_import_under_way_are_seen(tmp_path):
    backed_up = make_backed_up(tmp_path)
    Latch(backed_up.site.paths.run).shut("sent-without-record", Counts())

    with fingerprints_of(backed_up.site).alone():
        during = status(backed_up.root)
    after = status(backed_up.root)

    assert during.is_latched
    assert (during.work, after.work) == (("import",), ())


def test_the_file_for_prometheus_is_whole_and_can_be_read_by_its_collector(backed_up, tmp_path):
    out = tmp_path / "appliance.prom"

    assert run(["status", "--prometheus", str(out), "--site", str(backed_up.root)]) == 0

    assert out.stat().st_mode & 0o777 == 0o644
    families = list(text_string_to_metric_families(out.read_text()))
    assert {sample.name for one in families for sample in one.samples} > {"appliance_site_notes"}


def test_no_label_is_anything_but_a_word_of_the_product(backed_up):
    """Nothing that a person chose, and nothing about anybody: the labels are all known here."""
    labels = {
        (name, value)
        for one in _families(status(backed_up.root)).values()
        for sample in one.samples
        for name, value in sample.labels.items()
    }

    assert labels == {
        *(("kind", kind) for kind in ("corpora", "adapters", "findings", "exports")),
        *(("work", work) for work in WORK),
    }


def test_json_has_the_same(backed_up, capsys):
    assert run(["status", "--json", "--site", str(backed_up.root)]) == 0

    assert json.loads(capsys.readouterr().out)["notes"] == len(NOTES)


def test_nobody_sees_the_counts_without_leave(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    path = site.paths.policies / "roles.toml"
    path.write_text(path.read_text().replace('mode = "owner"', 'mode = "roles"'))

    with pytest.raises(Forbidden):
        status(site.paths.root)


def test_the_status_writes_nothing(backed_up):
    size = backed_up.site.ledger.head().size
    before = {path: path.stat().st_size for path in backed_up.root.rglob("*") if path.is_file()}

    status(backed_up.root)

    after = {path: path.stat().st_size for path in backed_up.root.rglob("*") if path.is_file()}
    assert after == before
    assert len(read_bodies(backed_up.site.paths.ledger, size)) == size


def _exposed(tmp_path):
    """Every name that a Prometheus server would get from this product."""
    site = init(tmp_path / "site", "air-gapped")
    site.ledger.record(CREATED, {"begun": 1})
    site.ledger.record(REHEARSED, {})
    site.ledger.record("audit.completed", {"verdict": "pass"})
    meters = Meters(["ward"], ["model"])
    meters.passed("ward", "model", (1, 2), 3)
    meters.took("gate", 0.1)
    meters.state(0, is_latched=False)
    text = expose(status(site.paths.root)) + meters.expose()
    families = text_string_to_metric_families(text.decode())
    return {sample.name for one in families for sample in one.samples}


def test_every_metric_of_the_dashboard_exists_and_every_one_of_the_site_is_shown(tmp_path):
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for expression in expressions for name in _METRIC.findall(expression)}
    exposed = _exposed(tmp_path)

    assert named
    assert named - exposed == set()
    assert {name for name in exposed if name.startswith("appliance_site_")} <= named


def test_the_dashboard_and_its_page_name_no_address():
    for path in (DASHBOARD, DASHBOARD.with_name("README.md")):
        assert "http" not in path.read_text().replace("/metrics", "")


def test_the_alerts_that_are_advised_are_on_metrics_that_exist(tmp_path):
    named = set(_METRIC.findall(DASHBOARD.with_name("README.md").read_text()))

    assert named
    assert named - _exposed(tmp_path) == set()


def test_notes_that_can_not_be_counted_now_are_not_said_to_be_none(tmp_path, monkeypatch, capsys):
    """As on a full disk, with a log beside the vault that a killed import left."""
    site = make_backed_up(tmp_path).site
    (site.paths.vault / "vault.db-wal").write_bytes(b"left")

    def refuse(_site):
        raise NoSpace("The disk under the vault is full or fails.")

    monkeypatch.setattr("appliance.workflows.status.opened_vault", refuse)

    assert run(["status", "--site", str(site.paths.root)]) == 0

    assert re.search(r"notes\s+not known", capsys.readouterr().out)
    found = status(site.paths.root)
    assert found.notes is None
    assert "appliance_site_notes" not in _families(found)


def test_only_of_a_disk_that_takes_nothing_the_notes_are_not_known(tmp_path, monkeypatch):
    """A vault that is busy, or a later program's, is an error as it is everywhere else."""
    root = make_backed_up(tmp_path).root

    def refuse(error):
        def raise_it(*_):
            raise error

        monkeypatch.setattr("appliance.workflows.status.count_at_rest", raise_it)

    for error in (NoSpace("Full."), NotWritable("Read-only.")):
        refuse(error)
        assert status(root).notes is None
    refuse(BadInput("Another process keeps the vault busy."))
    with pytest.raises(BadInput, match="busy"):
        status(root)


def test_a_wrong_pseudonym_key_is_told(tmp_path):
    site = make_backed_up(tmp_path).site
    (site.paths.keys / "pseudonym.key").write_bytes(b"x" * 32)

    with pytest.raises(KeyMismatch, match="pseudonym"):
        status(site.paths.root)
