"""What the installer does to the machine around a release."""

import shutil
from pathlib import Path

import pytest

from offline import machine
from offline.environment import pins
from offline.machine import add_users, put_lists, put_units
from offline.refusal import Refused
from tests.lib.house import REPOSITORY

UNITS = REPOSITORY / "deploy/systemd"


@pytest.fixture
def release(tmp_path):
    units = tmp_path / "release/deploy/systemd"
    (units / "more").mkdir(parents=True)
    (units / "appliance-audit.timer").write_text("[Timer]\n")
    (units / "more/appliance-gateway.service").write_text("[Service]\n")
    (units / "README.md").write_text("for people\n")
    (tmp_path / "units").mkdir()
    return tmp_path / "release"


def test_units_are_put_where_systemd_finds_them(release, tmp_path):
    """Units only, whole, and what did not change is left alone."""
    units = tmp_path / "units"

    changed = put_units(release, units)

    assert changed == ["appliance-audit.timer", "appliance-gateway.service"]
    assert (units / "appliance-gateway.service").read_text() == "[Service]\n"
    assert sorted(path.name for path in units.iterdir()) == changed
    (release / "deploy/systemd/appliance-audit.timer").write_text("[Timer]\nPersistent=true\n")
    assert put_units(release, units) == ["appliance-audit.timer"]
    assert put_units(release, units) == []


def test_what_an_operator_changed_by_a_drop_in_stays(release, tmp_path):
    drop_in = tmp_path / "units/appliance-audit.service.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\n")

    put_units(release, tmp_path / "units")

    assert drop_in.read_text() == "[Service]\n"


def test_lists_of_users_and_directories_are_put_and_read(release, tmp_path, monkeypatch):
    """Under the names that systemd looks for; its programs read them where there are any."""
    programs, etc = tmp_path / "programs", tmp_path / "etc"
    programs.mkdir()
    said = tmp_path / "said"
    for name in ("sysusers", "tmpfiles"):
        (release / f"deploy/systemd/appliance.{name}").write_text(f"# {name}\n")
        program = programs / f"systemd-{name}"
        program.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >> {said}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    put = put_lists(release, etc)

    lists = [f"{etc}/{name}.d/appliance.conf" for name in ("sysusers", "tmpfiles")]
    assert put == lists
    assert [Path(path).read_text() for path in put] == ["# sysusers\n", "# tmpfiles\n"]
    assert said.read_text().splitlines() == [
        f"systemd-sysusers {lists[0]}",
        f"systemd-tmpfiles --create {lists[1]}",
    ]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert put_lists(release, etc) == lists


def test_an_upgrade_cuts_nothing_off_that_ends_by_itself(tmp_path, monkeypatch):
    """A backup or an audit goes on; the network of the cluster and the views of a site stay."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "has_systemd", lambda: True)
    units = {path.name: path.read_text() for path in UNITS.glob("*.service")}

    machine.restart_units()

    verb, *restarted = (tmp_path / "said").read_text().split()
    assert verb == "try-restart"
    assert set(restarted) == {name for name in units if "Type=oneshot" not in units[name]}


def test_a_user_that_is_there_is_not_made_again():
    assert add_users({"root": "/root"}) == []


def test_where_selinux_rules_a_release_gets_the_labels_of_its_place(release, tmp_path, monkeypatch):
    """Else systemd may not start what lies there; elsewhere nothing is asked."""
    monkeypatch.setattr(machine, "SELINUX", tmp_path / "selinux")
    program = tmp_path / "restorecon"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert not machine.label(release)
    (tmp_path / "selinux").mkdir()
    assert machine.label(release)

    assert (tmp_path / "said").read_text().split() == ["-R", "-F", str(release)]


def test_a_program_of_the_system_is_found_without_roots_own_path(monkeypatch):
    """As after `su` without a login: useradd, systemctl and nft are in sbin."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    assert machine.find("useradd") == shutil.which("useradd", path="/usr/sbin:/sbin")


def test_a_program_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(machine, "find", lambda _: None)

    with pytest.raises(Refused, match="useradd is not installed") as refusal:
        add_users({"nobody-has-this-name": "/"})

    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "2.13.0+cpu"),
        ("appliance-0.1.0-py3-none-any.whl", "0.1.0"),
        ("apache_tvm_ffi-0.1.15.post2-cp38-abi3-manylinux2014_x86_64.whl", "0.1.15.post2"),
        ("numpy-2.3.5-1-cp311-cp311-linux_x86_64.whl", "2.3.5"),
    ],
)
def test_a_wheels_name_says_what_it_is(name, version):
    """Name and version as the binary distribution format has them (PEP 427)."""
    assert pins({f"wheels/{name}": None, "LICENSE": None}) == [
        (f"wheels/{name}", name.partition("-")[0], version)
    ]


@pytest.mark.parametrize("name", ["evil.tar.gz", "appliance-1.whl", "a/b-1-py3-none-any.whl"])
def test_what_is_no_wheel_is_not_given_to_pip(name):
    with pytest.raises(Refused, match="no wheel"):
        pins({f"wheels/{name}": None})
