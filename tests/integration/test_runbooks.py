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


def _text(name):
    return (RUNBOOKS / name).read_text()


def _blocks(name):
    return _BLOCK.findall(_text(name))


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


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 8, 130])
def test_a_machine_passes_with_warnings_and_with_nothing_worse(code):
    """The step of install.md that begins everything: 0 and 4 go on, all else stops."""
    [line] = re.findall(r"^appliance doctor \|\| .*$", _text("install.md"), re.MULTILINE)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"appliance() {{ return {code}; }}\n{line}"], check=False
    )

    assert (done.returncode == 0) is (code in {0, 4})


@pytest.mark.parametrize("name", ORDER)
def test_one_backup_is_chosen_where_there_are_several(name):
    """And no path leads past `current`, to where no release lies."""
    text = _text(name)

    for line in text.splitlines():
        assert "appliance-*.age" not in line or "ls -t" in line, line
    assert "/opt/appliance/.venv" not in text
    assert "/opt/appliance/deploy" not in text


def test_every_timer_is_enabled_by_the_runbook():
    enabled = re.findall(r"^# systemctl enable .*$", _text("install.md"), re.MULTILINE)

    timers = {path.name for path in (REPOSITORY / "deploy/systemd").glob("*.timer")}
    assert timers
    assert timers <= set(" ".join(enabled).split())


def test_heads_are_kept_in_a_directory_by_every_document_and_unit():
    """A name without a slash that is not there yet would keep the newest head only."""
    files = [*(REPOSITORY / "deploy").rglob("*.md"), *REPOSITORY.glob("deploy/systemd/*.service")]
    found = re.findall(r"ledger witness --to (\S+)", "\n".join(path.read_text() for path in files))

    assert found
    assert all(place.rstrip('"`).').endswith("/") for place in found)


def test_what_a_leak_looks_at_is_loaded_by_the_set_up_with_units():
    [table] = re.findall(r"^# nft list (table inet \w+)$", _text("leak.md"), re.MULTILINE)

    assert table in (REPOSITORY / "deploy/egress/users.nft").read_text()


@pytest.mark.parametrize("name", ORDER)
def test_no_runbook_starts_ray_without_a_token_and_tls(name):
    assert not re.search(r"\bray (start|stop|status)\b", _text(name))


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
        "TO": place / "restored",
        # A disk that could still be read.
        "OLD": place / "site",
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
