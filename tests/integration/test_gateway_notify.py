"""What systemd hears of a gateway: ready when a canary was stopped, alive while it still is."""

import socket
import time

import pytest

from appliance.gateway import readiness
from appliance.gateway.counting import Counts, Latch
from tests.lib.running_gateway import WordGate, make_site, running_gateway

pytestmark = pytest.mark.slow
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """From nothing to what the manager heard in the next so many seconds."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        # An answer about the canary is good for 10 s; here it is asked each time.
        monkeypatch.setattr(readiness, "_GOOD_FOR_S", 0.0)

        def listen(seconds):
            words, until = [], time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                listener.settimeout(left)
                try:
                    words.append(listener.recv(100).decode())
                except TimeoutError:
                    break
            return words

        yield listen


@pytest.fixture
def site(tmp_path):
    return make_site(tmp_path / "s", NOWHERE)


def test_a_gateway_is_ready_and_alive_while_its_gate_stops_a_canary(site, heard):
    gate = WordGate()
    with running_gateway(site, gate):
        words = heard(1.5)
        assert words[0] == "READY=1"
        assert set(words[1:]) == {"WATCHDOG=1"}
        assert len(words) > 3

        gate.words = ()
        heard(0.5)
        assert heard(1.0) == []

    assert heard(0.2) == ["STOPPING=1"]


def test_a_gateway_whose_gate_stops_nothing_is_never_ready(site, heard):
    gate = WordGate()
    gate.words = ()

    with running_gateway(site, gate):
        assert heard(1.5) == []


def test_a_door_that_is_shut_is_alive(site, heard):
    """Nothing passes, and a new start would not open it."""
    gate = WordGate()
    with running_gateway(site, gate):
        assert heard(0.5)[0] == "READY=1"
        Latch(site.paths.run).shut("counts", Counts())
        gate.words = ()
        heard(0.5)

        assert set(heard(1.0)) == {"WATCHDOG=1"}
