"""What systemd hears of a gateway: ready when a canary was stopped, alive while it still is."""

import socket
import time

import pytest

from appliance.gateway import readiness
from appliance.gateway.counting import Counts, Latch
from tests.lib.running_gateway import WordGate, make_site, running_gateway

pytestmark = pytest.mark.slow
NOWHERE = "http://127.0.0.1:9"


class Manager:
    """Hears what it is told at its socket."""

    def __init__(self, listener):
        self._listener = listener

    def words(self, count):
        """The next so many, however long a busy machine takes for them."""
        self._listener.settimeout(120)
        return [self._listener.recv(100).decode() for _ in range(count)]

    def until_silent(self, seconds):
        """Those that came before so many seconds without one; there may be a minute of them."""
        self._listener.settimeout(seconds)
        words, until = [], time.monotonic() + 60
        while time.monotonic() < until:
            try:
                words.append(self._listener.recv(100).decode())
            except TimeoutError:
                return words
        pytest.fail("never silent")


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """What the service manager hears of a gateway of this test."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        # An answer about the canary is good for 10 s; here it is asked each time.
        monkeypatch.setattr(readiness, "_GOOD_FOR_S", 0.0)

        yield Manager(listener)


@pytest.fixture
def site(tmp_path):
    return make_site(tmp_path / "s", NOWHERE)


def test_a_gateway_is_ready_and_alive_while_its_gate_stops_a_canary(site, heard):
    gate = WordGate()
    with running_gateway(site, gate):
        assert heard.words(4) == ["READY=1", *["WATCHDOG=1"] * 3]

        gate.words = ()
        heard.until_silent(1.0)
        assert heard.until_silent(1.0) == []

    assert heard.until_silent(0.2) == ["STOPPING=1"]


def test_a_gateway_whose_gate_stops_nothing_is_never_ready(site, heard):
    gate = WordGate()
    gate.words = ()

    with running_gateway(site, gate):
        assert heard.until_silent(1.5) == []


def test_a_door_that_is_shut_is_alive(site, heard):
    """Nothing passes, and a new start would not open it."""
    gate = WordGate()
    with running_gateway(site, gate):
        assert heard.words(1) == ["READY=1"]
        Latch(site.paths.run).shut("counts", Counts())
        gate.words = ()

        # More than were said before, and are read only now.
        time.sleep(0.5)
        assert heard.words(6) == ["WATCHDOG=1"] * 6
