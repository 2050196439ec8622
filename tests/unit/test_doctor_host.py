"""The doctor on machines that are made up: every check passes, and fails, where it should."""

import sys

import pytest

from appliance.workflows.checks.host import HOST_CHECKS, Host, this_host
from appliance.workflows.checks.outcome import Check, Status
from appliance.workflows.checks.packages import PACKAGE_CHECKS, pins, product_lock
from tests.lib.frozen_clock import DAWN, FrozenClock

CHECKS = {check.check_id: check for check in HOST_CHECKS}


@pytest.fixture
def host(tmp_path):
    """A sound machine, in files."""
    files = {
        "cpuinfo": "processor : 0\nflags\t\t: fpu avx2 avx512f\n",
        "meminfo": "MemTotal: 99999999 kB\nMemAvailable:   16777216 kB\n",
        "swaps": "Filename Type Size Used Priority\n",
        "sys/kernel/core_pattern": "core\n",
        "self/status": "Name: python\nUmask:\t0077\n",
        "17/comm": "bash\n",
        "17/maps": "7f00-7f01 rw-s 0 00:1a 9 /dev/shm/psm_alive\n",
    }
    for name, content in files.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(content, encoding="utf-8")
    (tmp_path / "shm").mkdir()
    clock = FrozenClock()
    clock.advance(300 * 24 * 3600)
    return Host(tmp_path / "proc", tmp_path / "shm", tmp_path, {}, clock)


def _status(check_id, host):
    return CHECKS[check_id].run(host).status


def _with(host, **changes):
    fields = {name: getattr(host, name) for name in Host.__slots__}
    return Host(**{**fields, **changes})


SOUND = ("HOST002", "HOST003", "HOST006", "HOST007", "HOST009", "HOST011", "HOST012", "HOST013")


@pytest.mark.parametrize("check_id", [*SOUND, "HOST014", "HOST001"])
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

    assert {check.run(host).status for check in HOST_CHECKS} <= set(Status) - {Status.ERROR}


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
