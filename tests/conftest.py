"""The network is shut in every test: sockets reach this machine's loopback and nothing else."""

import ctypes
import errno
import ipaddress
import logging
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lib.name_server import name_server_of

# A busy machine is not a broken product: no example fails for being slow.
settings.register_profile("appliance", deadline=None)
settings.load_profile("appliance")

_NEW_NETWORK, _NEW_MOUNTS = 0x40000000, 0x00020000  # CLONE_NEWNET, CLONE_NEWNS, unshare(2)
_SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_ASKING = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_OWN_NAMES = frozenset({"", "None", "localhost", socket.gethostname()})
_SERVER = pytest.StashKey()
_attempts: list[str] = []
_HAND_OUT = logging.Logger.callHandlers


class NetworkShut(OSError):
    """A test tried to reach beyond loopback; an OSError, as an unplugged cable would give."""


def _host(event: str, arguments: tuple[object, ...]) -> str:
    if event in _ASKING:
        asked = arguments[0]
        return asked.decode("ascii", "replace") if isinstance(asked, bytes) else str(asked)
    address = arguments[1]
    # Not a tuple: a Unix socket's path, or a netlink address of the kernel's own.
    return str(address[0]) if isinstance(address, tuple) else ""


def _is_local(event: str, host: str) -> bool:
    if host in _OWN_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    # Looking up an address asks nobody.
    return event in _ASKING or address.is_loopback


def _shut_network(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _SENDING and event not in _ASKING:
        return
    if _is_local(event, _host(event, arguments)):
        return
    # A datagram socket's connect sends nothing; libraries use it to ask for their own address.
    # It is refused like the others, but only what would have left fails the test.
    if event != "socket.connect" or getattr(arguments[0], "type", None) != socket.SOCK_DGRAM:
        _attempts.append(event)
    raise NetworkShut(errno.ENETUNREACH, "the network is shut in tests")


sys.addaudithook(_shut_network)


def pytest_configure(config):
    """Each of several workers has its own loopback and shared memory: none sees another's.

    Its name server answers nobody and keeps what it is asked, by whatever process a test starts.
    """
    # Libraries that report to their makers don't where they take themselves to be tested.
    os.environ.pop("CI", None)
    if not hasattr(config, "workerinput") or not os.environ.get("APPLIANCE_LOOPBACK_ONLY"):
        return
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    if unshare(_NEW_NETWORK) != 0:
        return
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Tests say that nothing is left in /dev/shm, where the other worker's engine has its own.
    if unshare(_NEW_MOUNTS) != 0:
        return
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "shm", "/dev/shm"], check=True)
    with tempfile.TemporaryDirectory() as directory:
        config.stash[_SERVER] = name_server_of(Path(directory))


@pytest.fixture(autouse=True)
def _no_network():
    """A test that tries to leave this machine fails, even where the refusal was swallowed."""
    _attempts.clear()
    yield
    attempts = list(_attempts)
    _attempts.clear()
    assert not attempts, f"tried to reach beyond loopback: {attempts}"


@pytest.fixture(autouse=True)
def _no_name_asked(request):
    """Nor does any process that a test starts ask for a name, whatever language it is in."""
    yield
    server = request.config.stash.get(_SERVER, None)
    asked = server.asked() if server else []
    assert not asked, f"a name server was asked for: {asked}"


@pytest.fixture(autouse=True)
def _logs_as_python_has_them(monkeypatch):
    """A command run in an earlier test drops all records: a later test's caplog would see none."""
    monkeypatch.setattr(logging.Logger, "callHandlers", _HAND_OUT)


@pytest.fixture
def network_attempts():
    """The attempts of this test to leave the machine; clear it to say they were meant."""
    return _attempts
