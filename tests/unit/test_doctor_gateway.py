"""The doctor at a site that may use a provider: what keeps its gateway shut, or its way open."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from appliance.spending.purse import Purse
from appliance.workflows.checks import gateway
from appliance.workflows.checks.gateway import GATEWAY_CHECKS
from appliance.workflows.checks.network import judge_way_out
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import view
from appliance.workflows.site import init
from tests.lib.frozen_clock import FrozenClock
from tests.lib.running_gateway import make_site

CHECKS = {check.check_id: check for check in GATEWAY_CHECKS}
# What the kernel of a machine with one interface says, and of a namespace with loopback only.
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\n"
OUT = ROUTES + "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
IPV6_LO = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"
IPV6_OUT = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} 00000400 00000001 00000000 00000003     eth1\n"


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "d").mkdir(mode=0o755)
    return make_site(tmp_path / "d/s", "https://api.example.org").paths


def outcome(check_id, paths):
    return CHECKS[check_id].run(view(paths, FrozenClock()))


def test_a_site_that_is_well_fails_no_check(paths):
    """The way out of the machine that tests it aside."""
    for check_id in set(CHECKS) - {"SITE025"}:
        assert outcome(check_id, paths).status is Status.PASS, outcome(check_id, paths)


def test_an_air_gapped_site_has_nothing_to_check(tmp_path):
    paths = init(tmp_path / "s", "air-gapped", FrozenClock()).paths

    assert {outcome(check_id, paths).status for check_id in set(CHECKS) - {"SITE025"}} == {
        Status.SKIP
    }


def test_a_way_out_is_looked_for_where_nothing_is_to_leave(tmp_path):
    """Above all there."""
    paths = init(tmp_path / "s", "air-gapped", FrozenClock()).paths

    assert outcome("SITE025", paths).status in {Status.PASS, Status.WARN}


def test_a_key_that_is_sealed_for_the_gateways_unit_is_no_missing_one(paths, tmp_path, monkeypatch):
    """As deploy/systemd has it: no file in the site, and only root sees whether it is there."""
    (paths.keys / "provider-key").unlink()
    monkeypatch.setattr(gateway, "SEALED", tmp_path / "store/appliance.provider-key")
    assert outcome("SITE019", paths).status is Status.FAIL

    (tmp_path / "store").mkdir()
    (tmp_path / "store/appliance.provider-key").write_bytes(b"sealed")
    assert outcome("SITE019", paths).status is Status.PASS

    monkeypatch.setattr(gateway, "_is_sealed", lambda: None)
    assert outcome("SITE019", paths).status is Status.SKIP


def test_without_a_model_key_and_callers_are_not_asked_for(tmp_path):
    """A site as it is made lists none: nobody can be served, and nothing is missing."""
    paths = init(tmp_path / "s", "cloud-allowed", FrozenClock()).paths

    for check_id in ("SITE019", "SITE020", "SITE022"):
        assert outcome(check_id, paths).status is Status.SKIP
    assert outcome("SITE018", paths).status is Status.PASS


def _unknown_key(paths):
    with (paths.policies / "gateway.toml").open("a") as file:
        file.write("colour = 1\n")


def _plain_http(paths):
    path = paths.policies / "gateway.toml"
    path.write_text(path.read_text().replace("https://api.example", "http://api.example"))


def _no_key(paths):
    (paths.keys / "provider-key").unlink()


def _open_key(paths):
    (paths.keys / "provider-key").chmod(0o640)


def _open_key_of_another_user(paths):
    if os.getuid() != 0:
        pytest.skip("needs root to give a file to another user")
    _open_key(paths)
    os.chown(paths.keys / "provider-key", 64_990, 64_990)


def _unknown_user(paths):
    path = paths.policies / "gateway.toml"
    path.write_text(path.read_text().replace("@gateway", "nobody-of-that-name"))


def _token_missing(paths):
    path = paths.policies / "gateway.toml"
    path.write_text(path.read_text() + "token = true\n")


def _latched(paths):
    (paths.run / "gateway.latch").write_text('{"rule": "sent-without-record"}')


def _open_directory(paths):
    paths.run.chmod(0o777)


def _no_directory(paths):
    path = paths.settings
    path.write_text(path.read_text().replace('at = ""', f'at = "{paths.root}/nowhere/g.sock"'))


def _damaged_purse(paths):
    (paths.gateway / "spending.db").write_bytes(b"no database at all" * 99)
    (paths.gateway / "spending.db").chmod(0o600)


def _open_purse(paths):
    Purse.open(paths.journal / "budget.purse").close()
    (paths.journal / "budget.purse").chmod(0o644)


@pytest.mark.parametrize(
    ("check_id", "harm"),
    [
        ("SITE018", _unknown_key),
        ("SITE018", _plain_http),
        ("SITE019", _no_key),
        ("SITE019", _open_key),
        ("SITE019", _open_key_of_another_user),
        ("SITE020", _unknown_user),
        ("SITE020", _token_missing),
        ("SITE021", _latched),
        ("SITE022", _open_directory),
        ("SITE022", _no_directory),
        ("SITE024", _damaged_purse),
        ("SITE024", _open_purse),
    ],
)
def test_what_is_wrong_fails_its_check(paths, check_id, harm):
    """With evidence and a next step; what the key is, is not shown."""
    harm(paths)

    found = outcome(check_id, paths)

    assert found.status is Status.FAIL, found
    assert found.evidence
    assert found.fix
    assert "sk-" not in found.evidence + found.fix


def test_a_model_without_a_price_warns(paths):
    path = paths.policies / "routing.toml"
    path.write_text(path.read_text().replace('model = ""', 'model = "unknown"'))

    assert outcome("SITE018", paths).status is Status.WARN


def test_callers_that_can_not_reach_the_socket_warn(paths):
    """They are named, and the directory, or one above it, is the owner's alone."""
    path = paths.policies / "gateway.toml"
    path.write_text(path.read_text().replace("['@gateway']", '["@gateway", "root"]'))
    paths.run.chmod(0o711)

    assert outcome("SITE022", paths).status is Status.WARN
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        text = paths.settings.read_text().replace('at = ""', f'at = "{directory}/g.sock"')
        paths.settings.write_text(text)
        assert outcome("SITE022", paths).status is Status.PASS


def test_a_port_has_no_socket_to_look_at(paths):
    text = paths.settings.read_text().replace('at = ""', 'at = "http://127.0.0.1:9"')
    paths.settings.write_text(text)

    assert outcome("SITE022", paths).status is Status.SKIP


HOLD = """
    import fcntl, os, sys
    handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_gateway_that_serves_is_named_and_one_that_was_killed_as_well(paths):
    """By the kernel's list of locks: nothing is touched to find out."""
    import socket

    lock, listener = paths.run / "gateway.lock", socket.socket(socket.AF_UNIX)
    where = os.open(paths.run, os.O_RDONLY)
    # A socket's path is short; pytest's are not.
    listener.bind(f"/proc/self/fd/{where}/gateway.sock")
    listener.close()
    os.close(where)

    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        serving = outcome("SITE023", paths)
        holder.stdin.close()
        holder.wait(10)
    killed = outcome("SITE023", paths)

    assert serving.status is Status.PASS
    assert f"process {holder.pid}" in serving.evidence
    assert killed.status is Status.WARN
    assert "left its socket" in killed.evidence


def test_a_purse_is_read_beside_who_writes_it_and_left_as_it_is(paths):
    """With and without a log beside it; no file is made or changed by looking."""
    idle = Purse.open(paths.gateway / "spending.db")
    idle.close()
    busy = Purse.open(paths.journal / "budget.purse")
    before = {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")}

    found = outcome("SITE024", paths)

    assert (found.status, found.evidence[:1]) == (Status.PASS, "2")
    assert {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")} == before
    busy.close()


@pytest.mark.parametrize(
    ("route", "ipv6", "has_rules", "status", "named"),
    [
        (ROUTES, IPV6_LO, False, Status.PASS, ""),
        (ROUTES, None, False, Status.PASS, ""),
        (OUT, IPV6_LO, False, Status.WARN, "eth0"),
        (ROUTES, IPV6_OUT, False, Status.WARN, "eth1"),
        (OUT, IPV6_LO, True, Status.PASS, "eth0"),
    ],
)
def test_a_way_out_warns_unless_rules_stand_in_it(tmp_path, route, ipv6, has_rules, status, named):
    """By the routes that the kernel shows to this process."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/route").write_text(route)
    if ipv6 is not None:
        (tmp_path / "net/ipv6_route").write_text(ipv6)

    found = judge_way_out(tmp_path, has_rules=has_rules)

    assert found.status is status
    assert named in found.evidence
