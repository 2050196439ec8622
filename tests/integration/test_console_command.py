"""`appliance console serve` as a process of its own: it listens, says where, and ends when told."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from appliance.console.asking import ask_token
from appliance.workflows.site import init
from tests.lib.house import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_listens_answers_and_ends(tmp_path, number):
    """At both places with one signal, with exit code 0, its socket gone, nothing said."""
    site = init(tmp_path / "site", "air-gapped")
    words = ["console", "serve", "--port", "0", "--json", "--site", str(site.paths.root)]
    with subprocess.Popen(
        [sys.executable, "-m", "appliance", *words],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        told = json.loads(program.stdout.readline())
        socket = Path(told["socket"])
        assert httpx2.get(f"{told['address']}/livez", trust_env=False).json() == {"live": True}
        token = ask_token(socket).token
        httpx2.post(f"{told['address']}/login", data={"token": token}, trust_env=False)

        program.send_signal(number)
        out, err = program.communicate(timeout=300)

    assert program.returncode == 0
    assert not socket.exists()
    assert (out, err) == ("", "")


def test_a_killed_one_leaves_nothing_that_hinders_the_next(tmp_path):
    """Its lock goes with it, and its socket is replaced."""
    site = init(tmp_path / "site", "air-gapped")
    words = ["console", "serve", "--port", "0", "--json", "--site", str(site.paths.root)]
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-m", "appliance", *words],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            told = json.loads(program.stdout.readline())
            assert ask_token(Path(told["socket"])).address == told["address"]
            program.send_signal(number)
            program.communicate(timeout=300)
