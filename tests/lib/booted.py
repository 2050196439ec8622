"""A machine with systemd on it, for units to run on; made of namespaces, gone with the test."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from tests.lib.house import REPOSITORY

_BOOT: Final = REPOSITORY / "tests/lib/boot.sh"
_TOOLS: Final = ("unshare", "nsenter", "pivot_root", "ip", "systemd-creds", "useradd")
_PATIENCE_S: Final = 180
_UP: Final = {"running", "degraded"}


class NoMachine(Exception):
    """None can be made here; says why."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that is up.

    Attributes:
        pid: Of its process 1, as this machine counts.
    """

    pid: int

    def run(self, *words: str, user: str = "") -> "subprocess.CompletedProcess[str]":
        """A command on it, as root or as a user."""
        inside = ["nsenter", "-t", str(self.pid), *("-m", "-p", "-n", "-i", "-u", "-C", "-r", "-w")]
        known = ["env", "-i", "PATH=/opt/appliance/current/.venv/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        as_user = ["runuser", "-u", user, "--"] if user else []
        return subprocess.run(
            [*inside, *known, *as_user, *words], capture_output=True, text=True, check=False
        )

    def sure(self, *words: str, user: str = "") -> str:
        """What a command says that must succeed; what it complains of, and the journal, if not."""
        done = self.run(*words, user=user)
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.journal())
        return done.stdout

    def install(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The installed release's `install.sh`; without one that of the bundle, named first."""
        installed = "/opt/appliance/current/deploy/install.sh"
        is_there = self.run("test", "-e", installed).returncode == 0
        script = installed if is_there else f"{words[0]}/deploy/install.sh"
        return self.run("env", "APPLIANCE_PYTHON=/opt/python/bin/python3", script, *words, "--json")

    def journal(self) -> str:
        """The last lines of all units."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-n", "60").stdout


@contextmanager
def booted(bundles: Path) -> Iterator[Machine]:
    """A machine on which nothing of ours is installed yet.

    Args:
        bundles: What is at /media/usb.

    Raises:
        NoMachine: Here can't be made one.
    """
    _check_possible()
    place = Path(tempfile.mkdtemp(prefix="appliance-boot-", dir="/var/tmp"))
    for name in ("box", "srv"):
        (place / name).mkdir()
    place.chmod(0o755)
    packages = sysconfig.get_path("purelib")
    words = [place / "box", sys.base_prefix, packages, place / "srv", bundles]
    with (place / "said").open("w") as said:
        process = subprocess.Popen(
            [_BOOT, *map(str, words)], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        yield _wait(process, place / "said")
    finally:
        # With the process that made the namespaces their process 1 goes, and all below it.
        process.kill()
        process.wait()
        shutil.rmtree(place, ignore_errors=True)
        _remove_group(process.pid)


def _wait(process: "subprocess.Popen[bytes]", said: Path) -> Machine:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
        children = psutil.Process(process.pid).children()
        if not children or children[0].name() != "systemd":
            continue
        machine = Machine(children[0].pid)
        if machine.run("systemctl", "is-system-running").stdout.strip() in _UP:
            return machine
    raise NoMachine(f"systemd does not come up in namespaces here: {said.read_text()[-300:]}")


def _remove_group(pid: int) -> None:
    """The group of its processes, of which the last are just ending, is gone."""
    place = Path(tempfile.mkdtemp())
    script = 'mount -t cgroup2 groups "$1" && find "$1/appliance-test-$2" -depth -type d -delete'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(place), str(pid)]
    for _ in range(50):
        if subprocess.run(words, check=False, capture_output=True).returncode == 0:
            break
        time.sleep(0.1)
    place.rmdir()


def _check_possible() -> None:
    missing = [name for name in _TOOLS if shutil.which(name) is None]
    if os.getuid() != 0 or missing or not Path("/lib/systemd/systemd").exists():
        raise NoMachine(f"needs root, systemd and {', '.join(missing or _TOOLS)}")
