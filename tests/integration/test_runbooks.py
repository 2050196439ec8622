"""The runbooks: each step has its check, and what one machine can carry out is carried out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.invented.hospital import invent
from appliance.workflows.hospital import export_hospital
from tests.lib.house import REPOSITORY

RUNBOOKS = REPOSITORY / "deploy/runbooks"
# In the order of the table, which is that in which a hospital meets them.
ORDER = re.findall(r"^\| \[([\w-]+\.md)\]", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
_STEP = re.compile(r"^## .*$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(name):
    return _BLOCK.findall((RUNBOOKS / name).read_text())


def test_the_table_has_every_runbook():
    assert sorted(ORDER) == sorted(
        path.name for path in RUNBOOKS.glob("*.md") if path.name != "README.md"
    )


@pytest.mark.parametrize("name", ORDER)
def test_every_step_is_followed_by_its_check(name):
    """A step is a heading; after "Check" there is a block that shows that it worked."""
    text = (RUNBOOKS / name).read_text()
    steps = _STEP.split(text)[1:]

    assert steps
    for step in steps:
        before, said, after = step.partition("\nCheck")
        assert _BLOCK.search(before), step[:60]
        assert said, step[:60]
        assert _BLOCK.search(after), step[:60]
    assert {language for language, _ in _blocks(name)} <= {"sh", "console"}


@pytest.mark.parametrize("name", ORDER)
def test_every_command_of_ours_in_a_runbook_exists(name):
    """With each option that it names, whether it can be carried out here or not."""
    import click

    from appliance.cli.main import cli

    found = re.findall(
        r"\bappliance ((?:[a-z-]+ )+[^\n|`]*)", " \n".join(b for _, b in _blocks(name))
    )
    for line in found:
        words = line.replace("(", " ").replace(")", " ").split()
        command = cli
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
            assert command is not None, line
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.fixture
def place(tmp_path):
    hospital = tmp_path / "hospital"
    export_hospital(hospital, invent(notes=30))
    for name in ("backups", "heads", "private", "bin"):
        (tmp_path / name).mkdir()
    program = tmp_path / "bin/appliance"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m appliance "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.slow
def test_the_runbooks_do_what_they_say(place, capsys):
    """Every block for a shell, one after the other, in one scratch place; each ends with 0."""
    variables = {
        "SITE": place / "site",
        "BACKUPS": place / "backups",
        "HEADS": place / "heads",
        "HOSPITAL": place / "hospital",
        "PRIVATE": place / "private",
        "RELEASE": REPOSITORY,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "PATH": os.pathsep.join(
            [str(place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        ),
    }
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    carried, left = 0, []
    for name in ORDER:
        blocks = _blocks(name)
        left += [f"{name}: {block.splitlines()[0]}" for kind, block in blocks if kind != "sh"]
        steps = [block for kind, block in blocks if kind == "sh"]
        # In one shell, as a person would: a name that one step sets, the next one knows.
        script = "".join(f"echo '== {at}' >&2\n{step}" for at, step in enumerate(steps, start=1))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment,
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        carried += len(steps)
    with capsys.disabled():
        sys.stdout.write(f"\n{carried} blocks carried out; not: {'; '.join(left)}\n")
    assert carried > 25
