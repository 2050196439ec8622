"""Several hosts on one machine: a network namespace each, one wire, the appliance's own rules."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from tests.lib.house import REPOSITORY

NETWORK: Final = REPOSITORY / "deploy/cluster/network.sh"
_PREFIX: Final = "10.88.7"
_STARTS: Final = 3


class NoNamespaces(Exception):
    """This machine lets us make no network namespaces; says why."""


@dataclass
class Host:
    """One host.

    Attributes:
        namespace: Name of its network namespace.
        address: Its own, on the wire.
        node: Where it keeps its place in the cluster.
        run: Where its Ray writes.
        service: What runs on it.
    """

    namespace: str
    address: str
    node: Path
    run: Path
    service: "subprocess.Popen[str] | None" = field(default=None)

    def popen(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        """A command on that host."""
        command = ["ip", "netns", "exec", self.namespace, *words]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY, **options
        )

    def appliance(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        """`appliance ...` on that host, with its own place in the cluster."""
        environment = {"APPLIANCE_NODE": str(self.node)}
        return self.popen(
            *("env", *(f"{name}={value}" for name, value in environment.items())),
            *(sys.executable, "-m", "appliance", *words),
            **options,
        )

    def serve(self, site: Path) -> None:
        """Its part of the cluster is there: `cluster serve` has said so.

        Where it ends before, it is started again, as its unit does: on a busy machine Ray gives up
        waiting for its own processes.
        """
        where = ("--site", str(site), "--run", str(self.run), "--json")
        share = ("--cpus", "1", "--gpus", "0", "--object-store-mb", "80")
        for _ in range(_STARTS):
            with self.run.with_suffix(".said").open("w") as said:
                self.service = self.appliance("cluster", "serve", *where, *share, stderr=said)
            assert self.service.stdout is not None
            line = self.service.stdout.readline()
            if line:
                break
            self.die()
        complaint = self.run.with_suffix(".said").read_text()
        assert json.loads(line or "{}").get("host") == self.address, complaint

    def family(self) -> list[psutil.Process]:
        """Every process of the host's service, itself too."""
        if self.service is None:
            return []
        try:
            own = psutil.Process(self.service.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def die(self) -> None:
        """The host is gone between two instructions, with all that ran on it."""
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if self.service is not None:
            self.service.wait()

    def stop(self, timeout_s: float = 60) -> None:
        """Its service was told to end, and has."""
        left = self.family()
        if self.service is not None and self.service.poll() is None:
            self.service.send_signal(signal.SIGTERM)
            try:
                self.service.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.die()
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue


@contextmanager
def hosts_on_one_wire(count: int, folder: Path) -> Iterator[Mapping[str, Host]]:
    """Hosts "1" to `count` of one cluster, and "stranger", who is on the wire and not of it.

    Raises:
        NoNamespaces: They can't be made here.
    """
    _check_possible()
    tag = secrets.token_hex(2)
    wire = f"ha-{tag}-wire"
    names = [*(str(number) for number in range(1, count + 1)), "stranger"]
    addresses = {name: f"{_PREFIX}.{number}" for number, name in enumerate(names, 1)}
    spaces = {name: f"ha-{tag}-{name}" for name in names}
    try:
        _ip("netns", "add", wire)
        _ip("-netns", wire, "link", "add", "wire", "type", "bridge")
        _ip("-netns", wire, "link", "set", "wire", "up")
        for name in names:
            near, far = f"h{tag}{name[0]}", f"w{tag}{name[0]}"
            _ip("link", "add", near, "type", "veth", "peer", far, "netns", wire)
            _ip("-netns", wire, "link", "set", far, "master", "wire", "up")
            members = [address for one, address in addresses.items() if one != "stranger"]
            # The stranger's own rules let it do as it likes.
            allowed = members if name != "stranger" else list(addresses.values())
            subprocess.run(
                [NETWORK, "up", spaces[name], near, f"{addresses[name]}/24", ", ".join(allowed)],
                check=True,
            )
        yield {
            name: Host(
                spaces[name], addresses[name], folder / f"node-{name}", folder / f"r{name[0]}"
            )
            for name in names
        }
    finally:
        for space in (*spaces.values(), wire):
            _ip("netns", "del", space, check=False)
            shutil.rmtree(Path("/etc/netns") / space, ignore_errors=True)


def _check_possible() -> None:
    if os.getuid() != 0 or not shutil.which("ip") or not shutil.which("nft"):
        raise NoNamespaces("needs root, iproute2 and nftables to make hosts of namespaces")
    probe = f"ha-{secrets.token_hex(2)}-probe"
    if _ip("netns", "add", probe, check=False):
        raise NoNamespaces("network namespaces can't be made here")
    try:
        if subprocess.run(
            ["ip", "netns", "exec", probe, "nft", "list", "ruleset"],
            check=False,
            capture_output=True,
        ).returncode:
            raise NoNamespaces("this kernel has no nf_tables, or keeps it from us")
    finally:
        _ip("netns", "del", probe, check=False)


def _ip(*words: str, check: bool = True) -> int:
    return subprocess.run(["ip", *words], check=check, capture_output=True).returncode
