"""What a service manager hears: ready when ready, alive while sound, nothing otherwise."""

import asyncio
import os
import socket

import pytest

from appliance.gateway.notifying import ALIVE, READY, STOPPING, Beat, beating, notify
from appliance.settings.service import ServiceManager, read_service_manager


@pytest.fixture
def manager(tmp_path):
    """A service manager's socket; what it hears comes out of `heard`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)

        def heard():
            words = []
            while True:
                try:
                    words.append(listener.recv(100).decode())
                except BlockingIOError:
                    return words

        yield ServiceManager(str(tmp_path / "notify"), 0.04), heard


def run(manager, is_sound, was_asked=None):
    """It serves for five beats, or until it was asked as often as a test wants."""

    async def serve():
        async with beating(manager, is_sound), asyncio.timeout(60):
            await (was_asked.wait() if was_asked else asyncio.sleep(5 * manager.every_s))

    asyncio.run(serve())


def test_a_sound_service_is_ready_then_alive_then_stopping(manager):
    told, heard = manager

    asked, was_asked = [], asyncio.Event()

    async def sound():
        asked.append(True)
        if len(asked) > 3:
            was_asked.set()
        return True

    run(told, sound, was_asked)

    words = heard()
    assert words[0] == READY
    assert words[-1] == STOPPING
    assert len(words) > 3
    assert set(words[1:-1]) == {ALIVE}


@pytest.mark.parametrize("kind", ["no", "raises", "hangs"])
def test_a_service_that_is_not_sound_is_never_ready(manager, kind):
    """Whatever keeps it from saying so."""
    told, heard = manager

    async def unsound():
        if kind == "raises":
            raise RuntimeError
        if kind == "hangs":
            await asyncio.Event().wait()
        return False

    run(told, unsound)

    assert heard() == [STOPPING]


def test_a_service_that_turns_unsound_falls_silent(manager):
    told, heard = manager
    state = {"sound": True}

    async def sound():
        return state["sound"]

    async def serve():
        async with beating(told, sound):
            await asyncio.sleep(0.1)
            state["sound"] = False
            await asyncio.sleep(0.1)
            heard()
            await asyncio.sleep(0.15)
            assert heard() == []

    asyncio.run(serve())


def test_a_beat_is_due_as_often_as_asked(manager):
    told, heard = manager
    beat = Beat(ServiceManager(told.socket, 1000.0))

    assert not beat.is_due()
    assert not Beat(ServiceManager(told.socket, None)).is_due()
    assert Beat(ServiceManager(told.socket, 0.0)).is_due()
    beat.ready()
    beat.alive()
    assert heard() == [READY, ALIVE]


def test_where_nobody_asks_nothing_is_told(tmp_path):
    """Nor does it matter that the manager has gone."""
    notify(ServiceManager("", None), READY)
    notify(ServiceManager(str(tmp_path / "gone"), None), READY)


def test_an_abstract_socket_is_found():
    name = f"appliance-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(60)

        notify(ServiceManager(f"@{name}", None), READY)

        assert listener.recv(100) == READY.encode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ServiceManager("", None)),
        ({"NOTIFY_SOCKET": "/n"}, ServiceManager("/n", None)),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "90000000"}, ServiceManager("/n", 30.0)),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"},
            ServiceManager("/n", None),
        ),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, ServiceManager("/n", None)),
    ],
)
def test_the_environment_says_who_asks(monkeypatch, given, expected):
    """A watchdog of another process is not ours to feed."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert read_service_manager() == expected
