"""The unit of the web page: systemd takes it, it is shut in, and has no way to a note."""

import re
import shutil
import subprocess

import click
import pytest

from appliance.cli.main import cli
from tests.lib.house import REPOSITORY

UNIT = REPOSITORY / "deploy/systemd/appliance-console.service"


def test_its_command_is_one_of_ours():
    """With every option that it names."""
    [line] = re.findall(r"^ExecStart=\S+/appliance (.+)$", UNIT.read_text(), re.MULTILINE)
    command, rest = cli, line.split()
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
        assert command is not None, line

    known = {name for option in command.params for name in option.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_the_vault_the_keys_and_the_network_are_out_of_its_reach():
    text = UNIT.read_text()

    assert "InaccessiblePaths=/srv/appliance/vault\n" in text
    assert "InaccessiblePaths=/srv/appliance/keys\n" in text
    assert "IPAddressDeny=any\nIPAddressAllow=localhost\n" in text
    [writable] = re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE)
    assert writable.split() == [f"/srv/appliance/{name}" for name in ("ledger", "run", "corpora")]


def test_it_is_shut_in():
    """As systemd itself judges it, which needs no running systemd."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    words = ("security", "--offline=yes", "--threshold=25", "--no-pager", str(UNIT))

    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
