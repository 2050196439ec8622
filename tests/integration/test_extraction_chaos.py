"""Drivers and workers shot while they extract: findings are the same bytes, and nothing leaks."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.lib.chaos import CANARY, canary_notes
from tests.lib.read_site import make_site

pytestmark = pytest.mark.slow
SHOTS = int(os.environ.get("APPLIANCE_CHAOS_SHOTS", "6"))
LONGEST_S = 240


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("world") / "site", canary_notes())


def start(site, name):
    (site.paths.run / "a-worker-is-there").unlink(missing_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lib.chaos", str(site.paths.root), name],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def family(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(process, others):
    """Nothing of the run is left behind; only what it started itself is ended."""
    for one in [*family(process), *others]:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    if process.poll() is None:
        process.kill()
    process.wait()


def shoot(process, site, at_driver, chance):
    """One of its workers, or itself, is killed once somebody is at work."""
    begun = site.paths.run / "a-worker-is-there"
    deadline = time.monotonic() + LONGEST_S
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(chance.random() * 3)
    if at_driver:
        process.kill()
        return True
    workers = [one for one in family(process) if is_worker(one)]
    try:
        chance.choice(workers).kill()
    except (IndexError, psutil.NoSuchProcess):
        return False
    return True


def is_worker(process):
    """Whether Ray calls it one; what ended since it was listed is none."""
    try:
        return "ray::" in " ".join(process.cmdline() or [process.name()])
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def parts(site, name):
    folder = site.paths.findings / name
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def test_the_findings_are_the_same_however_often_somebody_is_shot(site):
    """Alternately the driver and one of the workers, at moments nobody chose."""
    calm = start(site, "calm")
    assert calm.wait(LONGEST_S) == 0
    chance, hit = random.Random(7), 0

    for number in range(SHOTS):
        process = start(site, "shot")
        others = []
        try:
            hit += shoot(process, site, number % 2 == 0, chance)
            others = family(process)
            if number % 2:
                # Ray gives the worker's blocks to another, or the run fails and is run again.
                process.wait(LONGEST_S)
        finally:
            end(process, others)
    last = start(site, "shot")
    assert last.wait(LONGEST_S) == 0

    assert hit >= SHOTS // 2
    assert len(parts(site, "calm")) == 12
    assert parts(site, "shot") == parts(site, "calm")


def test_nothing_of_a_note_is_left_in_clear_by_those_who_were_shot(site):
    """Site, Ray's sessions, shared memory, temporary files."""
    places = [str(site.paths.root), "/dev/shm", *_own_temporary_files()]

    found = subprocess.run(
        ["grep", "-rla", CANARY, *places],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout == ""


def _own_temporary_files():
    """What this user's Ray may have left in the system's temporary folder."""
    return [str(path) for path in Path(tempfile.gettempdir()).glob("ray*")]


def test_no_process_outlives_its_driver(site):
    """Ray's processes end with the one that started them."""
    process = start(site, "alone")
    others = []
    deadline = time.monotonic() + LONGEST_S
    while not (site.paths.run / "a-worker-is-there").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    others = family(process)

    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(others, timeout=300)
    left = [one.name() for one in alive if one.is_running() and one.status() != "zombie"]
    end(process, alive)

    assert others
    assert not left
