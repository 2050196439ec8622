"""The doctor on machines that are made up: every check passes, and fails, where it should."""

import os
import sys

import pytest

from appliance.workflows.checks.host import HOST_CHECKS, Host, this_host
from appliance.workflows.checks.network import NETWORK_CHECKS
from appliance.workflows.checks.outcome import Check, Status
from appliance.workflows.checks.packages import PACKAGE_CHECKS, pins, product_lock
from appliance.workflows.checks.storage import STORAGE_CHECKS, judge_speed
from tests.lib.frozen_clock import DAWN, FrozenClock

CHECKS = {check.check_id: check for check in (*HOST_CHECKS, *STORAGE_CHECKS, *NETWORK_CHECKS)}


@pytest.fixture
def host(tmp_path):
    """A sound machine, in files."""
    files = {
        "cpuinfo": "processor : 0\nflags\t\t: fpu avx2 avx512f\n",
        "meminfo": "MemTotal: 99999999 kB\nMemAvailable:   16777216 kB\n",
        "swaps": "Filename Type Size Used Priority\n",
        "sys/kernel/core_pattern": "core\n",
        "self/status": "Name: python\nUmask:\t0077\n",
        "self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n",
        "net/route": "Iface Destination Gateway Flags\n",
        "17/comm": "bash\n",
        "17/maps": "7f00-7f01 rw-s 0 00:1a 9 /dev/shm/psm_alive\n",
    }
    for name, content in files.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(content, encoding="utf-8")
    clock = FrozenClock()
    clock.advance(300 * 24 * 3600)
    for name in ("shm", "sys", "etc"):
        (tmp_path / name).mkdir()
    places = (tmp_path / "proc", tmp_path / "shm", tmp_path)
    return Host(*places, {}, clock, tmp_path / "sys", tmp_path / "etc", 901, is_synchronised=True)


def _status(check_id, host):
    return CHECKS[check_id].run(host).status


def _with(host, **changes):
    fields = {name: getattr(host, name) for name in Host.__slots__}
    return Host(**{**fields, **changes})


def _block(host, name, number, *, under=(), uuid=""):
    """A block device as sysfs has it, on top of others."""
    place = host.sys / "devices" / name
    (place / "slaves").mkdir(parents=True)
    for one in under:
        (place / "slaves" / one).symlink_to(host.sys / "devices" / one)
    if uuid:
        (place / "dm").mkdir()
        (place / "dm/uuid").write_text(f"{uuid}\n")
    for link in (host.sys / "dev/block" / number, host.sys / "class/block" / name):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(place)


def _mount(host, number, kind, source):
    (host.proc / "self/mountinfo").write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 {number} / {host.disk} rw shared:1 - {kind} {source} rw\n"
    )


SOUND = ("HOST002", "HOST003", "HOST006", "HOST007", "HOST009", "HOST011", "HOST012", "HOST013")


@pytest.mark.parametrize(
    "check_id", [*SOUND, "HOST014", "HOST001", "HOST016", "HOST019", "HOST020", "HOST021"]
)
def test_a_sound_machine_passes(host, check_id):
    assert _status(check_id, host) is Status.PASS


@pytest.mark.parametrize(
    ("check_id", "file", "content", "status"),
    [
        ("HOST002", "cpuinfo", "flags : fpu sse2", Status.FAIL),
        ("HOST002", "cpuinfo", "", Status.FAIL),
        ("HOST003", "meminfo", "MemAvailable: 5000000 kB", Status.WARN),
        ("HOST003", "meminfo", "MemAvailable: 1000000 kB", Status.FAIL),
        ("HOST003", "meminfo", "", Status.FAIL),
        ("HOST007", "swaps", "Filename\n/dev/sda2 partition 1 0 -2\n", Status.WARN),
        ("HOST008", "sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump", Status.WARN),
        ("HOST009", "self/status", "Umask:\t0002\n", Status.FAIL),
        ("HOST011", "17/comm", "raylet\n", Status.WARN),
    ],
)
def test_what_is_wrong_with_a_machine_is_seen(host, check_id, file, content, status):
    (host.proc / file).write_text(content, encoding="utf-8")

    outcome = CHECKS[check_id].run(host)

    assert outcome.status is status
    assert outcome.fix


def test_memory_of_a_running_engine_is_left_alone_and_of_an_ended_one_is_named(host):
    """A segment that some process maps is in use; one that none does holds old prompts."""
    (host.shm / "psm_alive").write_bytes(bytes(2048))
    assert _status("HOST006", host) is Status.PASS

    (host.shm / "psm_dead").write_bytes(bytes(4096))
    outcome = CHECKS["HOST006"].run(host)

    assert outcome.status is Status.FAIL
    assert "1 segment(s)" in outcome.evidence
    assert "4 KiB" in outcome.evidence


@pytest.mark.parametrize(
    ("shut", "status"), [("17/maps", Status.PASS), ("1", Status.PASS), ("", Status.FAIL)]
)
def test_memory_of_another_user_is_no_fault_while_that_ones_programs_run(
    host, monkeypatch, shut, status
):
    """Only root sees whether it is in use; where /proc hides others, not even that they run."""
    (host.proc / "1").mkdir()
    (host.shm / "psm_served").write_bytes(bytes(4096))
    if shut == "17/maps":
        (host.proc / shut).unlink()
        (host.proc / shut).mkdir()
    elif shut:
        (host.proc / shut).rmdir()
    asking = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: asking)

    assert _status("HOST006", host) is status


@pytest.mark.parametrize(
    ("check_id", "environment", "status"),
    [
        ("HOST013", {"RAY_USAGE_STATS_ENABLED": "1"}, Status.FAIL),
        ("HOST013", {"HF_HUB_OFFLINE": "0"}, Status.FAIL),
        ("HOST013", {"HF_HUB_OFFLINE": "1"}, Status.PASS),
        ("HOST014", {"https_proxy": "http://user:hunter2@proxy"}, Status.WARN),
        ("HOST014", {"OPENAI_API_KEY": "sk-hunter2"}, Status.WARN),
    ],
)
def test_variables_are_told_by_name_and_never_by_value(host, check_id, environment, status):
    outcome = CHECKS[check_id].run(_with(host, environment=environment))

    assert outcome.status is status
    assert "hunter2" not in outcome.evidence + outcome.fix


def test_a_clock_that_was_never_set_fails(host):
    assert _status("HOST012", _with(host, clock=FrozenClock(DAWN))) is Status.FAIL


def test_a_driver_is_shown(host):
    assert _status("HOST015", host) is Status.SKIP
    (host.proc / "driver/nvidia").mkdir(parents=True)
    (host.proc / "driver/nvidia/version").write_text("NVRM version: 580\nGCC\n", encoding="utf-8")

    assert CHECKS["HOST015"].run(host).evidence == "NVRM version: 580"


def test_luks_under_a_volume_group_is_seen_and_a_bare_part_of_it_too(host):
    """The site on LVM on LUKS is encrypted; where one of two disks is not, it isn't."""
    _block(host, "sdb", "8:16")
    _block(host, "dm-0", "253:0", under=["sdb"], uuid="CRYPT-LUKS2-0123-luks")
    _block(host, "dm-1", "253:1", under=["dm-0"], uuid="LVM-4567")
    _block(host, "dm-2", "253:2", under=["dm-0", "sdb"], uuid="LVM-89ab")

    for number, status in (("253:1", Status.PASS), ("253:2", Status.WARN), ("8:16", Status.WARN)):
        _mount(host, number, "ext4", "/dev/mapper/site")
        assert _status("HOST017", host) is status, number


@pytest.mark.parametrize(
    ("kind", "source", "status"),
    [
        ("tmpfs", "tmpfs", Status.PASS),
        # Another machine's, or one with devices that it does not name.
        ("nfs4", "storage:/site", Status.WARN),
        ("zfs", "tank/site", Status.WARN),
        # Several devices: no number of its own, but a name.
        ("btrfs", "/dev/dm-0", Status.PASS),
    ],
)
def test_what_can_not_be_told_of_a_file_system_is_no_pass(host, kind, source, status):
    _block(host, "dm-0", "253:0", uuid="CRYPT-LUKS2-0123-luks")
    _mount(host, "0:99", kind, source)

    assert _status("HOST017", host) is status


def test_swap_that_is_encrypted_or_in_memory_is_none_to_warn_of(host):
    """As the check itself asks for it."""
    _block(host, "dm-3", "253:3", uuid="CRYPT-PLAIN-swap")
    _block(host, "zram0", "252:0")
    (host.proc / "swaps").write_text(
        "Filename Type\n/dev/dm-3 partition 1 0 -2\n/dev/zram0 partition 1 0 -2\n"
    )
    assert _status("HOST007", host) is Status.PASS

    with (host.proc / "swaps").open("a") as file:
        file.write("/swap\\040file file 1 0 -3\n")
    _block(host, "sda1", "8:1")

    outcome = CHECKS["HOST007"].run(host)
    assert outcome.status is Status.WARN
    assert "3 swap device(s), 1 not encrypted" in outcome.evidence


def test_a_slow_disk_is_told_and_a_try_leaves_nothing(host, tmp_path):
    """A file without a name is written, and is gone."""
    before = sorted(tmp_path.rglob("*")), tmp_path.stat().st_mtime_ns

    assert _status("HOST018", host) in {Status.PASS, Status.WARN, Status.SKIP}

    assert (sorted(tmp_path.rglob("*")), tmp_path.stat().st_mtime_ns) == before
    assert judge_speed(0.004, 150).status is Status.PASS
    assert judge_speed(0.2, 150).status is Status.WARN
    assert judge_speed(0.004, 5).status is Status.WARN


def test_processors_without_memory_of_their_own_are_named(host):
    for number, size in enumerate((67108864, 0)):
        node = host.sys / f"devices/system/node/node{number}"
        node.mkdir(parents=True)
        (node / "meminfo").write_text(f"Node {number} MemTotal:   {size} kB\n")
        (node / "cpulist").write_text("0-31\n")

    outcome = CHECKS["HOST019"].run(host)

    assert outcome.status is Status.WARN
    assert "node0 64 GiB" in outcome.evidence
    assert outcome.fix.startswith("node1:")
    (host.sys / "devices/system/node/node1/cpulist").write_text("\n")
    assert _status("HOST019", host) is Status.PASS


def test_a_clock_that_nobody_keeps_warns(host):
    assert _status("HOST016", _with(host, is_synchronised=False)) is Status.WARN
    assert _status("HOST016", _with(host, is_synchronised=None)) is Status.SKIP


# proc(5), net/tcp: address and port in hexadecimal, state, ..., user.
LISTENER = "0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000 {} 0 1\n"


@pytest.mark.parametrize(
    ("table", "address", "state", "user", "status"),
    [
        ("tcp", "00000000:20FB", "0A", 901, Status.WARN),
        ("tcp", "0A00000A:20FB", "0A", 901, Status.WARN),
        ("tcp", "0100007F:20FB", "0A", 901, Status.PASS),
        ("tcp", "0A00000A:20FB", "01", 901, Status.PASS),
        ("tcp", "00000000:0016", "0A", 0, Status.PASS),
        ("tcp6", f"{'0' * 32}:20FB", "0A", 901, Status.WARN),
        ("tcp6", f"{'0' * 24}01000000:20FB", "0A", 901, Status.PASS),
        ("tcp6", f"{'0' * 16}FFFF00000100007F:20FB", "0A", 901, Status.PASS),
    ],
)
def test_a_port_that_others_can_reach_is_told(host, table, address, state, user, status):
    """Of the site's user; what else the hospital serves there is not ours to judge."""
    (host.proc / "net" / table).write_text("head\n" + LISTENER.format(address, state, user))

    outcome = CHECKS["HOST020"].run(host)

    assert outcome.status is status
    assert ("8443" in outcome.evidence) == (status is Status.WARN)


def test_as_root_it_is_not_told_whose_port_is_whose(host):
    assert _status("HOST020", _with(host, user=0)) is Status.SKIP


def test_a_name_server_that_can_be_reached_warns(host):
    """Without a route it can't be, whatever is set."""
    (host.etc / "resolv.conf").write_text("# set by hand\nsearch x\nnameserver 10.0.0.53\n")
    assert _status("HOST021", host) is Status.PASS

    with (host.proc / "net/route").open("a") as file:
        file.write("eth0 00000000 0100000A 0003\n")

    assert _status("HOST021", host) is Status.WARN
    (host.etc / "resolv.conf").write_text("")
    assert _status("HOST021", host) is Status.PASS


def test_a_gateway_that_its_unit_would_not_start_fails(host):
    """So that an installer of an older release goes no further; with the file it does."""
    assert _status("HOST022", host) is Status.SKIP
    wants = host.etc / "systemd/system/appliance.target.wants"
    wants.mkdir(parents=True)
    (wants / "appliance-gateway.service").symlink_to("/etc/systemd/system/no-such.service")

    outcome = CHECKS["HOST022"].run(host)

    assert outcome.status is Status.FAIL
    assert "egress.env" in outcome.evidence
    (host.etc / "appliance").mkdir()
    (host.etc / "appliance/egress.env").write_text("PROVIDER=203.0.113.10\n")
    assert _status("HOST022", host) is Status.PASS


def test_a_machine_without_shared_memory_fails(host, tmp_path):
    assert _status("HOST005", _with(host, shm=tmp_path / "nowhere")) is Status.FAIL


def test_disk_is_measured_where_the_site_will_be(host, tmp_path):
    """Before the directory exists, on the disk of the nearest parent."""
    assert _status("HOST004", _with(host, disk=tmp_path / "not/yet")) is not Status.ERROR


def test_a_check_that_can_not_be_made_is_an_error_and_never_a_pass(host, tmp_path):
    """Nothing of what went wrong is repeated but its type."""
    broken = _with(host, proc=tmp_path / "nowhere")

    for check_id in ("HOST002", "HOST003", "HOST006", "HOST007", "HOST008", "HOST009", "HOST011"):
        outcome = CHECKS[check_id].run(broken)
        if check_id == "HOST006":
            continue  # Nothing in shared memory: no process has to be asked.
        assert outcome.status is Status.ERROR
        assert "nowhere" not in outcome.evidence


def test_every_check_can_be_made_on_this_machine(tmp_path):
    host = this_host(tmp_path, FrozenClock())

    assert {check.run(host).status for check in CHECKS.values()} <= set(Status) - {Status.ERROR}


def test_the_installed_packages_are_those_of_the_lock():
    """This environment is the one that was tested, and nothing is imported to find out."""
    before = set(sys.modules)

    outcomes = {check.check_id: check.run(product_lock()) for check in PACKAGE_CHECKS}

    assert {outcome.status for outcome in outcomes.values()} <= {Status.PASS, Status.WARN}
    assert not {"torch", "vllm", "spacy", "transformers"} & (set(sys.modules) - before)


def test_a_package_of_another_version_is_named(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("click==0.1 ; x\nnot-there==1\npytest==8.0\n", encoding="utf-8")

    outcome = PACKAGE_CHECKS[0].run(lock)

    assert outcome.status is Status.WARN
    assert "0 of 3" in outcome.evidence
    assert pins(lock) == {"click": "0.1", "not-there": "1", "pytest": "8.0"}


def test_a_product_without_its_lock_skips_that_check(tmp_path):
    assert PACKAGE_CHECKS[0].run(tmp_path / "nowhere").status is Status.SKIP


def test_an_unforeseen_failure_is_told_by_its_type_alone():
    def look(_):
        raise RuntimeError("Mrs Jane Roe")

    outcome = Check("TEST001", "Nothing", look).run(None)

    assert outcome.status is Status.ERROR
    assert outcome.evidence == "The check itself failed: RuntimeError."
