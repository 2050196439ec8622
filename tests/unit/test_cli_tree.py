"""What every command has: JSON, an example of ours, a dry run where it changes something."""

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from typing import get_args

import click
import pytest

from appliance.cli.init import PROFILES
from appliance.cli.main import cli, run
from appliance.cli.manual import make_pages
from appliance.cli.task import TERMINOLOGIES
from appliance.settings.site_file import Profile
from appliance.workflows import task as workflow
from tests.lib.house import REPOSITORY, command_paths, leaf_commands

# Changes a site's data, or writes a file that it was not only told to print into.
CHANGES = {
    *("demo", "init", "notes import", "notes search", "notes erase", "patients import"),
    *(
        "task vocabulary",
        "synthesize",
        "rounds",
        "corpus export",
        "corpus import",
        "corpus review",
        "corpus weigh",
    ),
    *("train", "evaluate", "extract", "findings export", "access approve"),
    *("keys rotate", "keys wrap", "keys unwrap"),
    *("findings review", "findings decide", "notes readmit", "notes expire"),
    *("adapter promote", "adapter retire", "model import", "gateway open", "audit run"),
    *("audit plant", "release key", "release sign", "release make", "ledger witness"),
    *("ledger export", "manual", "support-bundle", "site migrate", "site revert"),
    *("backup create", "backup restore", "backup rehearse", "backup recovery make"),
    *("backup recovery split", "backup recovery combine"),
    *("cluster init", "cluster token", "cluster join", "cluster drain", "cluster restart"),
}
# Works until somebody ends it.
SERVES = {"gateway serve", "model serve", "console serve", "cluster serve"}
# Prints what is there. What was read or denied is on record; --out takes what is printed.
LOOKS = {
    *("doctor", "runs", "completion", "notes rejected", "notes count", "notes show", "gate scan"),
    *("gate explain", "gate benchmark", "task validate", "task list", "task show", "corpus list"),
    *("corpus show", "corpus report", "adapter list", "adapter show", "benchmark paper"),
    *(
        "findings count",
        "findings reviewed",
        "access verbs",
        "access requests",
        "model list",
        "gateway incident",
    ),
    *("gateway traffic", "audit list", "audit verify", "release ask", "ledger head"),
    *("ledger list", "ledger verify", "ledger prove", "ledger consistency", "console token"),
    *("status", "backup verify", "backup list", "cluster status"),
}
LEAVES = sorted(one.removeprefix("appliance ") for one in leaf_commands())
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")


def _command(words):
    command = cli
    for word in words:
        command = command.get_command(click.Context(command), word)
    return command


def _options(words):
    return {name for option in _command(words).params for name in option.opts}


def test_every_command_is_of_one_kind():
    """Whoever adds one says here whether it changes anything."""
    assert sorted([*CHANGES, *SERVES, *LOOKS]) == LEAVES


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_has_what_all_have(name):
    """`--json`; `--dry-run` where it changes something, and only there."""
    options = _options(name.split())

    assert "--json" in options
    assert ("--dry-run" in options) == (name in CHANGES)


@pytest.mark.parametrize("name", LEAVES)
def test_a_help_shows_no_mark_of_its_own_making(name):
    """What tells click to keep lines apart is taken out, and not printed."""
    command = _command(name.split())

    shown = command.get_help(click.Context(command, info_name=name))

    assert "\\" not in shown
    assert "\b" not in shown


@pytest.mark.parametrize("name", LEAVES)
def test_the_example_of_a_command_is_one(name):
    """It names the very command, with options that this one has."""
    text = " ".join(_command(name.split()).help.split())
    found = re.search(rf"Example: (?:[^|]*\| )?appliance {name}\b(.*)", text)
    assert found, text[-200:]

    words = shlex.split(found[1].partition(" appliance ")[0])
    given = {word for word in words if word.startswith("--")}
    assert given <= _options(name.split())


# A fresh process for each: what the start took, and what the help took after it; the better of two.
_MEASURE = """
import json, os, sys, time
from appliance.cli.main import run
start, took = time.process_time(), {}
for words in json.loads(sys.argv[1]):
    for _ in range(2):
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(run([*words, "--help"]))
        _, status, used = os.wait4(child, 0)
        assert status == 0, words
        spent = start + used.ru_utime + used.ru_stime
        name = " ".join(words)
        took[name] = min(spent, took.get(name, spent))
print(json.dumps(took))
"""


@pytest.mark.slow
def test_no_help_takes_more_than_a_moment():
    """Under 0.3 s of CPU for every command, the start of Python included."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, json.dumps(command_paths())],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    took = json.loads(done.stdout)
    assert len(took) == len(command_paths())
    assert {name: spent for name, spent in took.items() if spent >= 0.3} == {}


def test_what_help_tells_of_the_product_is_true():
    """Written out in the commands, so that a help need not load what knows them."""
    assert get_args(Profile) == PROFILES
    assert tuple(workflow.TERMINOLOGIES) == TERMINOLOGIES


def _complete(shell, *typed):
    """What the program answers to a shell that completes `typed`."""
    environment = {
        "_APPLIANCE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(["appliance", *typed]),
        "COMP_CWORD": str(len(typed)),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from appliance.cli.main import run; run()"],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_for_its_shell(shell, capsys):
    """It asks this very program, by the variable that it listens to."""
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert run(["completion", shell, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert "_APPLIANCE_COMPLETE" in script
    assert told == {"shell": shell, "script": script.removesuffix("\n")}
    program = shutil.which(shell)
    if program is not None:
        flag = "--no-execute" if shell == "fish" else "-n"
        subprocess.run([program, flag], input=script, text=True, check=True)


@pytest.mark.slow
def test_commands_and_options_are_completed():
    assert _complete("bash", "led").split() == ["plain,ledger"]
    assert "plain,erase" in _complete("bash", "notes", "e").split()
    assert "--witness" in _complete("zsh", "audit", "run", "--w")
    assert "air-gapped" in _complete("bash", "init", "site", "--profile", "a")


def test_every_command_has_a_manual_page():
    """With the same help, option by option, in roff that no line of a help can break."""
    pages = dict(make_pages(cli, "appliance", None))

    assert set(pages) == {"-".join(["appliance", *words]) + ".1" for words in command_paths()}
    orders = re.compile(r"\.(TH|SH|TP|PP|ad|nf|fi)\b")
    for name, page in pages.items():
        wrong = [
            one for one in page.splitlines() if one[:1] in {".", "'"} and not orders.match(one)
        ]
        assert not wrong, name
        assert "" not in page.splitlines(), name
    train = pages["appliance-train.1"]
    for option in _options(["train"]):
        assert option.replace("-", "\\-") in train
    assert ".nf\nExample: appliance train" in train
    assert "\\&.csv" in "".join(pages.values())


def test_the_manual_is_good_roff(tmp_path):
    """As groff reads it, warnings and all."""
    program = shutil.which("groff")
    if program is None:
        pytest.skip("groff is not installed")
    assert run(["manual", "--out", str(tmp_path / "man1")]) == 0
    pages = sorted((tmp_path / "man1").glob("*.1"))

    done = subprocess.run(
        [program, "-man", "-Tutf8", "-ww", *map(str, pages)], capture_output=True, check=True
    )

    assert not done.stderr
    assert b"appliance train" in done.stdout


def test_the_manual_is_written_over_an_older_one(tmp_path, capsys):
    words = ["manual", "--out", str(tmp_path / "man1"), "--json"]
    assert run([*words, "--dry-run"]) == 0
    foreseen = json.loads(capsys.readouterr().out)["pages"]
    assert not (tmp_path / "man1").exists()

    for _ in range(2):
        assert run(words) == 0
        assert json.loads(capsys.readouterr().out)["pages"] == foreseen

    assert sorted(path.name for path in (tmp_path / "man1").iterdir()) == foreseen


def _plain_environment(**more):
    kept = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "NO_COLOR"}}
    return kept | {"TERM": "xterm-256color"} | more


_ASK = [sys.executable, "-m", "appliance", "task", "list"]


@pytest.mark.slow
def test_there_is_no_colour_where_nobody_looks():
    """A pipe gets letters only, whatever the terminal behind it can do."""
    done = subprocess.run(
        _ASK, cwd=REPOSITORY, env=_plain_environment(), capture_output=True, check=True
    )

    assert b"disease" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
def test_no_color_is_heeded_on_a_terminal():
    """Source: https://no-color.org."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        _ASK, cwd=REPOSITORY, env=_plain_environment(NO_COLOR="1"), stdout=theirs, stderr=theirs
    ) as program:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                # Nobody writes to the terminal any more.
                break
            if not piece:
                break
            seen += piece
    os.close(ours)

    assert program.returncode == 0
    assert b"disease" in seen
    assert not COLOUR.search(seen)
