"""`appliance init` and `appliance ledger`: what an operator and an auditor see."""

import json
import subprocess
import sys
from os import geteuid

import pytest

from appliance.cli.main import run
from appliance.ledger import files
from appliance.ledger.checkpoint import open_checkpoint
from appliance.ledger.proofs import check_export
from appliance.ledger.signing import Verifier
from appliance.workflows.site import init, open_site


@pytest.fixture
def site(tmp_path, capsys):
    assert run(["init", str(tmp_path / "site"), "--profile", "air-gapped", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["made"] is True
    ledger = open_site(tmp_path / "site").ledger
    ledger.record_many([("thing.done", {"number": number}) for number in range(9)])
    return tmp_path / "site"


@pytest.fixture
def call(site, capsys):
    def _call(*words):
        code = run(["ledger", *words, "--site", str(site)])
        out, err = capsys.readouterr()
        return code, out, err

    return _call


def test_init_can_say_what_it_would_do(tmp_path, capsys):
    where = tmp_path / "site"

    assert run(["init", str(where), "--profile", "air-gapped", "--dry-run"]) == 0
    assert "Would make" in capsys.readouterr().out
    assert not where.exists()


def test_init_refuses_what_it_can_not_do(site, capsys):
    for extra in ([], ["--dry-run"]):
        assert run(["init", str(site), "--profile", "air-gapped", *extra]) == 2
        assert "already" in capsys.readouterr().err


def test_init_needs_a_known_profile(tmp_path, capsys):
    assert run(["init", str(tmp_path / "site"), "--profile", "open"]) == 2
    assert "air-gapped" in capsys.readouterr().err


def test_the_head_can_be_carried_away(call, tmp_path):
    """What is printed, what is written and what JSON says are one head."""
    code, out, _ = call("head", "--out", str(tmp_path / "head"))
    document = json.loads(call("head", "--json")[1])

    assert code == 0
    assert (tmp_path / "head").read_text(encoding="utf-8") == out == document["signed"]
    verifier = Verifier.from_key(document["verifier_key"])
    assert open_checkpoint(out.encode(), verifier).size == document["size"] == 10


def test_an_intact_ledger_verifies(call):
    code, out, err = call("verify", "--json")

    assert code == 0
    document = json.loads(out)
    assert (document["intact"], document["entries"], document["faults"]) == (True, 10, [])
    assert "intact: 10 entries" in err


@pytest.mark.parametrize("words", [["verify"], ["verify", "--json"]])
def test_a_broken_ledger_ends_with_exit_code_8(call, site, words):
    """It is named where, even though the ledger can't be opened any more."""
    path = site / "ledger" / files.ENTRIES
    path.write_bytes(path.read_bytes().replace(b'"number":3', b'"number":4'))

    code, out, err = call(*words)

    assert code == 8
    assert "Entry 4 was altered" in out
    assert "not intact: 2 fault(s)" in err
    assert call("head")[0] == 8


def test_an_entry_can_be_proved(call):
    code, out, _ = call("prove", "3")
    document = json.loads(call("prove", "3", "--json")[1])

    assert code == 0
    entry, _, proof = out.partition("\n")
    assert json.loads(entry)["facts"] == {"number": 2}
    assert (entry, proof) == (document["entry"], document["proof"])


def test_an_entry_that_is_not_there_is_bad_input(call):
    code, _, err = call("prove", "10")

    assert code == 2
    assert "entries 0 to 9" in err


def test_growth_can_be_proved(call):
    document = json.loads(call("consistency", "3", "7", "--json")[1])

    assert (document["first"], document["second"]) == (3, 7)
    assert call("consistency", "3")[0] == 0
    assert call("consistency", "3", "11")[0] == 2
    assert call("consistency", "11")[0] == 2
    assert call("consistency")[0] == 2
    assert call("consistency", "3", "--kept", "x")[0] == 2


def test_a_head_kept_elsewhere_finds_a_rollback(call, site, tmp_path):
    """A lone box can't: entries and head were both put back to an older state."""
    ledger = site / "ledger"
    old = {path.name: path.read_bytes() for path in ledger.iterdir()}
    open_site(site).ledger.record("thing.done", {})
    kept = tmp_path / "kept"
    assert call("head", "--out", str(kept))[0] == 0
    assert call("consistency", "--kept", str(kept))[0] == 0
    for name, content in old.items():
        (ledger / name).write_bytes(content)

    assert call("verify")[0] == 0
    code, _, err = call("consistency", "--kept", str(kept))
    assert code == 8
    assert "rolled back" in err


def test_a_head_kept_elsewhere_finds_a_ledger_written_anew(call, site, tmp_path):
    """Even by somebody who has the key, and made it as long."""
    kept = tmp_path / "kept"
    assert call("head", "--out", str(kept))[0] == 0
    for path in (site / "ledger").iterdir():
        path.unlink()
    from appliance.ledger.store import Ledger
    from appliance.settings.clock import SystemClock
    from appliance.settings.keys import FileKeys, Purpose

    Ledger.open(
        site / "ledger",
        key=FileKeys(site / "keys").key(Purpose.LEDGER),
        clock=SystemClock(),
        actor="tester",
        policy_digest="0" * 64,
    ).record_many([("site.initialised", {})] * 12)

    assert call("verify")[0] == 0
    code, _, err = call("consistency", "--kept", str(kept))
    assert code == 8
    assert "rewritten" in err


@pytest.mark.parametrize(
    "content", [b"no head", b"", b"\xff\n\n", b"name\n3\nroot\n\n\xe2\x80\x94 x y\n", b"x" * 10**6]
)
def test_a_file_that_is_no_head_is_the_wrong_file(call, tmp_path, content):
    """And no alarm: the ledger was not even asked."""
    (tmp_path / "kept").write_bytes(content)

    code, _, err = call("consistency", "--kept", str(tmp_path / "kept"))

    assert code == 2
    assert "holds no signed head" in err
    assert call("consistency", "--kept", str(tmp_path / "nowhere"))[0] == 2


def test_a_head_of_another_ledger_is_an_alarm_that_says_both(call, tmp_path):
    """It may be the wrong file, and it may be that somebody replaced ledger and keys."""
    init(tmp_path / "other", "air-gapped")
    assert (
        run(["ledger", "head", "--site", str(tmp_path / "other"), "--out", str(tmp_path / "k")])
        == 0
    )

    code, _, err = call("consistency", "--kept", str(tmp_path / "k"))

    assert code == 8
    assert "ledger and keys were replaced" in err


def test_a_kept_head_that_was_altered_is_an_alarm(call, tmp_path):
    kept = tmp_path / "kept"
    assert call("head", "--out", str(kept))[0] == 0
    kept.write_bytes(kept.read_bytes().replace(b"\n10\n", b"\n11\n"))

    code, _, err = call("consistency", "--kept", str(kept))

    assert code == 8
    assert "altered" in err


def test_sizes_in_the_wrong_order_are_said_to_be(call):
    """Not that the ledger never had as many entries as it has."""
    code, _, err = call("consistency", "5", "3")

    assert code == 2
    assert "FIRST (5) is larger than SECOND (3)" in err


def test_an_export_proves_itself_and_is_on_record(call, tmp_path):
    """What leaves is recorded before it does; an earlier export is not overwritten."""
    out = tmp_path / "export.json"
    code, _, err = call("export", "--out", str(out), "--from", "2", "--to", "5")

    assert code == 0
    assert "3 entries" in err
    content = out.read_bytes()
    verifier = Verifier.from_key(json.loads(content)["verifier_key"])
    head, bodies = check_export(content, verifier)
    assert head.size == 11
    assert [json.loads(body)["index"] for body in bodies] == [2, 3, 4]
    assert call("export", "--out", str(out), "--json")[0] == 2
    assert out.read_bytes() == content
    out = tmp_path / "all.json"
    document = json.loads(call("export", "--out", str(out), "--json")[1])
    assert document["entries"] == 11
    assert json.loads(json.loads(out.read_bytes())["entries"][10])["kind"] == "ledger.exported"


def test_a_stretch_that_is_not_there_can_not_be_exported(call, tmp_path):
    out = tmp_path / "export.json"

    assert call("export", "--out", str(out), "--from", "5", "--to", "5")[0] == 2
    assert call("export", "--out", str(out), "--to", "99")[0] == 2
    assert not out.exists()
    assert json.loads(call("head", "--json")[1])["size"] == 10


def test_a_ledger_that_may_only_be_read_is_verified(site):
    """An auditor's copy lies on a disk that can't be written to.

    Without these capabilities modes bind root too.
    """
    for path in (*site.rglob("*"), site):
        path.chmod(0o500 if path.is_dir() else 0o400)
    weakened = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if not geteuid() else []
    program = [sys.executable, "-m", "appliance", "ledger", "verify", "--site", str(site)]

    try:
        done = subprocess.run([*weakened, *program], capture_output=True, text=True, check=False)
    finally:
        for path in (site, *site.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)

    assert done.returncode == 0, done.stderr
    assert "intact" in done.stderr
