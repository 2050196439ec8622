"""The units that ship: systemd takes them, they are shut in, and the commands in them exist."""

import re
import shutil
import subprocess

import click
import pytest

from appliance.cli.main import cli
from tests.lib.house import REPOSITORY

UNITS = REPOSITORY / "deploy/systemd"
PROGRAM = "/opt/appliance/.venv/bin/appliance"


def _commands():
    text = (UNITS / "appliance-audit.service").read_text()
    return [line.split() for line in re.findall(rf"^Exec\w+={PROGRAM} (.+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("words", _commands())
def test_every_command_of_a_unit_is_one_of_ours(words):
    """With every option that it names."""
    command, rest = cli, list(words)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
        assert command is not None, words

    known = {name for option in command.params for name in option.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_the_unit_is_shut_in():
    """As systemd itself judges it, which needs no running systemd."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [
            program,
            *("security", "--offline=yes", "--threshold=20", "--no-pager"),
            str(UNITS / "appliance-audit.service"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_the_service_has_no_network_and_writes_only_where_it_must():
    text = (UNITS / "appliance-audit.service").read_text()

    assert "PrivateNetwork=yes" in text
    assert "LimitCORE=0" in text
    assert re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE) == [
        "/srv/appliance /mnt/witness"
    ]
