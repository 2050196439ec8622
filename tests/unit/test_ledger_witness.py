"""Heads kept elsewhere find what a machine alone can't: its own rollback, and a fork."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.cli.main import run
from appliance.errors import BadInput, LedgerBroken
from appliance.ledger.examination import examine
from appliance.ledger.faults import FaultKind
from appliance.workflows.ledger import verify
from appliance.workflows.site import init, open_site
from appliance.workflows.witness import keep_head
from tests.lib.ledgers import KEY, filled, lines, open_ledger, rewrite

AGAIN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def site(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    site.ledger.record_many([("thing.done", {"number": number}) for number in range(5)])
    return site


@pytest.fixture
def stick(tmp_path):
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def _kinds(found):
    return {fault.kind for fault in found.faults}


def _put_back(site, saved):
    shutil.rmtree(site.paths.ledger)
    shutil.copytree(saved, site.paths.ledger)


def test_a_directory_keeps_every_head_and_a_file_the_newest(site, stick, tmp_path):
    for number in range(3):
        assert keep_head(site.paths.root, stick).before == number
        keep_head(site.paths.root, tmp_path / "one")

    assert len(list(stick.iterdir())) == 3
    assert verify(site.paths.root, [stick, tmp_path / "one"]).is_intact
    sizes = [int(path.stem[-12:]) for path in sorted(stick.iterdir())]
    assert sizes == [7, 9, 11]
    assert (tmp_path / "one").read_text().split("\n")[1] == "12"


def test_a_slash_at_the_end_makes_a_directory_that_keeps_every_head(site, tmp_path, capsys):
    """Without it a name that is not there yet is a file; which of the two it was is said."""
    words = ["ledger", "witness", "--site", str(site.paths.root), "--to"]

    for name in ("heads/", "heads/", "one", "one"):
        assert run([*words, f"{tmp_path}/{name}"]) == 0

    said = " ".join(capsys.readouterr().err.split())
    assert len(list((tmp_path / "heads").glob("*.checkpoint"))) == 2
    assert (tmp_path / "one").is_file()
    assert said.count("heads/ is a directory: it keeps every head.") == 2
    assert said.count("one is a file: it keeps the newest head only") == 2


def test_only_the_last_directory_is_made_and_none_by_a_dry_run(site, tmp_path):
    """A medium that is not mounted is told, not made up; a file is not taken for a directory."""
    (tmp_path / "one").write_text("")
    words = ["ledger", "witness", "--site", str(site.paths.root), "--to"]
    before = site.ledger.head().size

    assert run([*words, f"{tmp_path}/none/heads/"]) == 2
    assert run([*words, f"{tmp_path}/one/"]) == 2
    assert run([*words, f"{tmp_path}/heads/", "--dry-run"]) == 0

    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "heads").exists()
    assert site.ledger.head().size == before


def test_a_rollback_is_found_with_a_witness_and_only_with_one(site, stick, tmp_path):
    """The whole directory, head included, is put back to an older state."""
    shutil.copytree(site.paths.ledger, tmp_path / "old")
    site.ledger.record("thing.hidden", {})
    keep_head(site.paths.root, stick)
    _put_back(site, tmp_path / "old")

    assert verify(site.paths.root).is_intact
    found = verify(site.paths.root, [stick])
    assert [(fault.kind, fault.entry) for fault in found.faults] == [(FaultKind.ROLLED_BACK, 6)]


def test_a_fork_is_found_with_a_witness_and_only_with_one(site, stick, tmp_path):
    """Put back, and then made longer than before, with the site's own key."""
    shutil.copytree(site.paths.ledger, tmp_path / "old")
    site.ledger.record("thing.hidden", {})
    keep_head(site.paths.root, stick)
    _put_back(site, tmp_path / "old")
    open_site(site.paths.root).ledger.record_many([("thing.invented", {})] * 9)

    assert verify(site.paths.root).is_intact
    assert _kinds(verify(site.paths.root, [stick])) == {FaultKind.FORKED}


def test_a_ledger_that_was_put_back_is_not_witnessed(site, stick, tmp_path):
    """What was kept before would be lost, or stand beside its own contradiction."""
    shutil.copytree(site.paths.ledger, tmp_path / "old")
    keep_head(site.paths.root, stick)
    keep_head(site.paths.root, tmp_path / "one")
    kept = (tmp_path / "one").read_bytes()
    _put_back(site, tmp_path / "old")

    for place in (stick, tmp_path / "one"):
        with pytest.raises(LedgerBroken, match="no continuation"):
            keep_head(site.paths.root, place)

    assert len(list(stick.iterdir())) == 1
    assert (tmp_path / "one").read_bytes() == kept


def test_a_witness_that_is_none_is_told(site, tmp_path):
    (tmp_path / "text").write_text("no head")
    for kept in (tmp_path / "text", tmp_path / "nowhere"):
        with pytest.raises(BadInput):
            verify(site.paths.root, [kept])
    keep_head(site.paths.root, tmp_path / "one")
    (tmp_path / "one").write_bytes((tmp_path / "one").read_bytes().replace(b"\n7\n", b"\n6\n"))
    with pytest.raises(LedgerBroken, match="altered"):
        verify(site.paths.root, [tmp_path / "one"])
    with pytest.raises(BadInput, match="can't be written"):
        keep_head(site.paths.root, tmp_path / "no" / "where")


def test_the_commands_say_what_they_did(site, stick, tmp_path, capsys):
    root = str(site.paths.root)
    words = ["ledger", "witness", "--to", str(stick), "--site", root]
    assert run([*words, "--dry-run"]) == 0
    assert "Would keep" in capsys.readouterr().err
    assert not list(stick.iterdir())
    assert run([*words, "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert (kept["size"], kept["before"]) == (7, 0)
    shutil.copytree(site.paths.ledger, tmp_path / "old")
    assert run(words) == 0
    _put_back(site, tmp_path / "old")
    capsys.readouterr()

    assert run(["ledger", "verify", "--site", root, "--witness", str(stick), "--json"]) == 8
    found = json.loads(capsys.readouterr().out)
    assert (found["witnesses"], found["faults"][0]["kind"]) == (1, "rolled-back")
    assert run(words) == 8


@pytest.mark.slow
@AGAIN
@given(size=st.integers(1, 19), longer=st.integers(0, 12))
def test_every_rollback_and_every_fork_is_found(tmp_path_factory, size, longer):
    """To whatever size it is put back and however far it is led on, under its own key."""
    directory = tmp_path_factory.mktemp("ledger")
    filled(directory, 20)
    kept = open_ledger(directory).head()
    whole = lines(directory)
    (directory / "head").unlink()
    rewrite(directory, [])
    for path in directory.iterdir():
        path.unlink()
    twin = open_ledger(directory)
    twin.record_many([("thing.done", {"number": number}) for number in range(size)])
    assert lines(directory) == whole[:size]
    twin.record_many([("thing.other", {})] * longer)

    assert examine(directory, KEY).is_intact
    found = {fault.kind for fault in examine(directory, KEY, kept=[kept]).faults}
    wanted = FaultKind.FORKED if size + longer >= 20 else FaultKind.ROLLED_BACK
    assert found == {wanted}
