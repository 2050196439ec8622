"""The process ends with the code of the table, and says one sentence on stderr."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import click
import pytest

from appliance.cli import main, render
from appliance.cli.main import run
from appliance.cli.options import json_option
from appliance.errors import BackendUnavailable, Denied, LedgerBroken


@pytest.fixture
def site(tmp_path):
    assert run(["init", str(tmp_path / "site"), "--profile", "air-gapped"]) == 0
    return tmp_path / "site"


def _raising(monkeypatch, error):
    """A command that ends with `error`, found like any other."""

    @click.command()
    def fails():
        raise error

    module = type(sys)("appliance.cli.fails")
    module.fails = fails
    monkeypatch.setitem(sys.modules, "appliance.cli.fails", module)
    monkeypatch.setitem(main.COMMANDS, "fails", ("appliance.cli.fails:fails", "Fails."))


def test_help_is_success(capsys):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name in main.COMMANDS:
        assert name in out


def test_a_word_that_is_no_command_is_bad_input(capsys):
    assert run(["frobnicate"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_a_missing_site_is_bad_input(tmp_path, capsys):
    """The next step is in the message."""
    assert run(["ledger", "head", "--site", str(tmp_path / "nowhere")]) == 2
    assert "appliance init" in capsys.readouterr().err


def test_no_site_at_all_is_bad_input(monkeypatch, capsys):
    monkeypatch.delenv("APPLIANCE_SITE", raising=False)

    assert run(["ledger", "head"]) == 2
    assert "--site" in capsys.readouterr().err


def test_the_site_can_come_from_the_environment(site, monkeypatch, capsys):
    monkeypatch.setenv("APPLIANCE_SITE", str(site))

    assert run(["ledger", "head"]) == 0
    assert capsys.readouterr().out.splitlines()[-4] == "1"


def test_settings_that_are_no_toml_are_bad_input(site, capsys):
    (site / "site.toml").write_text("profile = ", encoding="utf-8")

    assert run(["ledger", "head", "--site", str(site)]) == 2
    assert "not valid TOML" in capsys.readouterr().err


def test_an_unknown_setting_is_bad_input(site, capsys):
    with (site / "site.toml").open("a", encoding="utf-8") as file:
        file.write("colour = 1\n")

    assert run(["ledger", "head", "--site", str(site)]) == 2
    assert "colour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Denied("The gate found a name.", "Change the label sheet."), 5),
        (BackendUnavailable("The server is down.", "Try again."), 6),
        (LedgerBroken("Entry 3 was altered.", "Keep a copy."), 8),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (BrokenPipeError(), 0),
    ],
)
def test_every_error_has_its_exit_code(monkeypatch, capsys, error, code):
    _raising(monkeypatch, error)
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    assert run(["fails"]) == code
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (errno.EACCES, 2, "Permission denied"),
        (errno.EROFS, 2, "Read-only file system"),
        (errno.ENAMETOOLONG, 2, "File name too long"),
        (errno.ENOSPC, 10, "No space left"),
        (errno.EDQUOT, 10, "No space left"),
        (errno.ECHILD, 1, "A bug: "),
    ],
)
def test_a_refusal_of_the_system_is_no_bug_and_names_no_file(
    monkeypatch, capsys, number, code, told
):
    """A file's name can be a patient's."""
    _raising(monkeypatch, OSError(number, os.strerror(number), "/export/Zebedee.txt"))

    assert run(["fails"]) == code

    err = capsys.readouterr().err
    assert told in err
    assert "Zebedee" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["init", "", "--profile", "air-gapped"],
        ["notes", "import", ""],
        ["patients", "import", ""],
        ["gate", "scan", ""],
        ["ledger", "head", "--out", ""],
        ["ledger", "consistency", "--kept", ""],
        ["model", "import", "", "--name", "x"],
        ["notes", "count", "--site", ""],
        ["task", "list", "--site", ""],
    ],
)
def test_an_empty_path_is_not_the_directory_one_stands_in(site, monkeypatch, capsys, words):
    """`notes import "$EXPORT"` with the variable unset must not import what lies around."""
    monkeypatch.setenv("APPLIANCE_SITE", str(site))

    assert run(words) == 2
    assert "empty path" in capsys.readouterr().err


def test_a_site_that_can_not_be_looked_into_is_said_to_be_so(tmp_path, capsys):
    """A name too long for the system stands for whatever it refuses; root is refused nothing."""
    where = str(tmp_path / ("x" * 300))

    assert run(["init", where, "--profile", "air-gapped"]) == 2
    assert run(["ledger", "head", "--site", where]) == 2

    assert capsys.readouterr().err.count("can't be looked into: File name too long") == 2


def test_an_error_is_told_in_one_line_without_a_traceback(monkeypatch, capsys):
    _raising(monkeypatch, Denied("The gate found a name.", "Change the label sheet."))

    run(["fails"])

    err = capsys.readouterr().err
    assert err == "appliance: The gate found a name. Change the label sheet.\n"


def _told_as_json(capsys):
    """The one object on stderr; stdout has nothing."""
    out, err = capsys.readouterr()
    assert out == ""
    # click ends the line that a terminal shows ^C on.
    (line,) = err.strip().splitlines()
    document = json.loads(line)
    assert set(document) == {"error"}
    return document["error"]


def _raising_with_json(monkeypatch, error):
    @click.command()
    @json_option
    def fails(as_json):  # noqa: ARG001 - click passes it
        raise error

    _raising(monkeypatch, None)
    monkeypatch.setattr(sys.modules["appliance.cli.fails"], "fails", fails)


@pytest.mark.parametrize(
    ("error", "kind", "message", "next_step", "code"),
    [
        (
            Denied("The gate found a name.", "Change the label sheet."),
            "Denied",
            "The gate found a name.",
            "Change the label sheet.",
            5,
        ),
        (LedgerBroken("Entry 3 was altered."), "LedgerBroken", "Entry 3 was altered.", "", 8),
        (
            OSError(errno.ENOSPC, "full", "/export/Zebedee.txt"),
            "NoSpace",
            "No space left.",
            "Free some and run the same command again.",
            10,
        ),
        (
            KeyboardInterrupt(),
            "Interrupted",
            "Interrupted.",
            "What was finished is kept; run the same command to go on.",
            130,
        ),
        (
            click.UsageError("Both at once.\nOne of them."),
            "BadInput",
            "Both at once.\nOne of them.",
            "Try 'appliance fails --help' for help.",
            2,
        ),
    ],
)
def test_a_program_that_asks_for_json_is_told_of_an_error_in_json(
    monkeypatch, capsys, error, kind, message, next_step, code
):
    """One object on one line of stderr, with the words that a person would read."""
    _raising_with_json(monkeypatch, error)

    assert run(["fails", "--json"]) == code

    assert _told_as_json(capsys) == {
        "kind": kind,
        "message": message,
        "next_step": next_step,
        "exit_code": code,
    }
    assert run(["fails"]) == code
    said = capsys.readouterr().err
    assert message in said
    assert next_step in said


def test_a_bug_is_told_in_json_without_its_message(monkeypatch, capsys):
    """The message of a library may hold a note's text; its type and place hold none."""
    _raising_with_json(monkeypatch, ValueError("Zebedee Quill"))

    assert run(["fails", "--json"]) == 1

    told = _told_as_json(capsys)
    assert told["kind"] == "ApplianceError"
    assert "ValueError" in told["message"]
    assert "Zebedee" not in str(told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["frobnicate"], "No such command"),
        (["ledger", "head", "--frobnicate"], "No such option"),
        (["ledger", "frobnicate"], "No such command"),
        (["ledger", "head"], "--site"),
        (["notes", "count", "--site", ""], "empty path"),
    ],
)
def test_words_that_can_not_be_read_are_told_in_json_too(monkeypatch, capsys, words, told):
    """Also where the command, whose option `--json` is, was never reached."""
    monkeypatch.delenv("APPLIANCE_SITE", raising=False)

    assert run([*words, "--json"]) == 2

    error = _told_as_json(capsys)
    assert told in error["message"]
    assert error["next_step"].startswith("Try 'appliance ")
    assert (error["kind"], error["exit_code"]) == ("BadInput", 2)


def test_what_stands_behind_two_dashes_asks_for_no_json(monkeypatch, capsys):
    monkeypatch.delenv("APPLIANCE_SITE", raising=False)

    assert run(["notes", "search", "--", "--json"]) == 2

    assert capsys.readouterr().err.startswith("Usage: ")


def test_a_number_that_a_command_returns_is_the_exit_code(monkeypatch):
    @click.command()
    def fails():
        return 4

    _raising(monkeypatch, None)
    monkeypatch.setattr(sys.modules["appliance.cli.fails"], "fails", fails)

    assert run(["fails"]) == 4


def test_ctrl_c_ends_a_real_process_with_130(tmp_path):
    """One SIGINT, one sentence, no traceback."""
    code = (
        "import sys, time\n"
        "from unittest import mock\n"
        "from appliance.cli import main\n"
        "def wait(*_):\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "with mock.patch('appliance.workflows.site.init', wait):\n"
        f"    sys.exit(main.run(['init', {str(tmp_path / 's')!r}, '--profile', 'air-gapped']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background with SIGINT ignored, and that is inherited.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    )
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)

    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(site):
    """`appliance ... | head -1` ends quietly."""
    command = f"{sys.executable} -m appliance ledger verify --json --site {site} | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_json_is_one_document_whatever_is_in_it(capsys):
    from pathlib import Path

    from appliance.records.spans import ScoredSpan, Span
    from appliance.records.verdicts import Decision

    render.emit_json(
        {
            "span": ScoredSpan(Span(0, 3, "Disease"), 0.5),
            "p": Path("a"),
            "d": Decision.DENY,
            1: (2,),
        }
    )

    assert json.loads(capsys.readouterr().out) == {
        "span": {"span": {"start": 0, "end": 3, "label": "Disease"}, "score": 0.5},
        "p": "a",
        "d": "deny",
        "1": [2],
    }


def test_a_table_shows_what_it_was_given(capsys):
    """Brackets and colons of a text are no markup, and can't break the command."""
    render.emit_table("t", ("text",), [("[/b] seen [sic] :pill:",)])

    assert "[/b] seen [sic] :pill:" in capsys.readouterr().out


def test_progress_is_drawn_on_stderr_only(capsys):
    bars = render.Bars()
    bars.advance()
    bars.begin("Sealing", 3)
    bars.advance(2, "1.0 MB")
    bars.advance()
    bars.end("3 notes sealed")
    bars.begin("Waiting")
    bars.end()

    out, err = capsys.readouterr()
    assert out == ""
    assert "Sealing: 3 notes sealed" in err
