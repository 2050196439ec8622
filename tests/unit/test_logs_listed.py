"""Logs drop by default: what is planted in any part of a record is in no line."""

import io
import json
import logging
import os
import subprocess
import sys
import warnings

import pytest

from appliance.cli.main import COMMANDS, run
from appliance.errors import BadInput
from appliance.settings import logs

CANARY = "Zebedee Quillfeather 078-05-1121"
LIBRARIES = ("presidio-analyzer", "uvicorn.error", "transformers", "ray", "py.warnings", "", "x.y")


@pytest.fixture
def stream():
    """What the process writes; the handler is gone afterwards."""
    stream = io.StringIO()
    logs.install(frozenset(COMMANDS), stream)
    yield stream
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, logs.ListedHandler)]:
        root.removeHandler(handler)


def _lines(stream):
    return [json.loads(line.partition(">")[2]) for line in stream.getvalue().splitlines()]


def test_what_is_listed_gets_through(stream):
    logs.tell(logs.ENDED, command="notes", exit_code=2, seconds=0.25, error="BadInput")

    [line] = _lines(stream)
    assert line["event"] == "command.ended"
    assert line["process"] == os.getpid()
    assert {"command": "notes", "exit_code": 2, "seconds": 0.25, "error": "BadInput"}.items() <= (
        line.items()
    )
    assert stream.getvalue().startswith("<6>{")


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, logging.CRITICAL])
def test_no_library_gets_a_word_out(stream, name, level):
    logging.getLogger(name).log(level, CANARY)
    logging.getLogger(name).log(level, "%s", CANARY, extra={"fields": {"command": "notes"}})

    assert stream.getvalue() == ""


@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL, 10_000])
def test_a_librarys_own_handler_sees_nothing(stream, level):
    """As transformers and ray do it: a handler that prints, and nothing handed up."""
    printed = io.StringIO()
    library = logging.getLogger("library.of-its-own")
    library.propagate = False
    library.setLevel(logging.DEBUG)
    handler = logging.StreamHandler(printed)
    library.addHandler(handler)
    logging.getLogger().addHandler(handler)
    try:
        library.log(level, CANARY)
        logging.getLogger("other").critical(CANARY)
    finally:
        library.removeHandler(handler)
        logging.getLogger().removeHandler(handler)

    assert printed.getvalue() + stream.getvalue() == ""


_LIBRARIES_AT_WORK = """
import logging
from appliance.settings import logs
logs.install(frozenset({"notes"}))
import ray
from ray._private.ray_constants import LOGGER_FORMAT
from ray._private.ray_logging import setup_logger
from transformers.utils import logging as of_transformers
setup_logger(logging.WARNING, LOGGER_FORMAT)
logging.getLogger("ray").warning("CANARY")
logging.getLogger("ray.data").error("CANARY")
of_transformers.get_logger("transformers.models").warning("CANARY")
of_transformers.get_logger().warning_once("CANARY")
logs.tell(logs.STARTED, command="notes")
"""


@pytest.mark.slow
def test_transformers_and_ray_themselves_get_no_word_out():
    """Imported after the list is in place, with the handlers that they bring."""
    # Where another test has silenced transformers for its process, there would be less to drop.
    loud = {name: value for name, value in os.environ.items() if "VERBOSITY" not in name}
    done = subprocess.run(
        [sys.executable, "-c", _LIBRARIES_AT_WORK],
        env=loud | {"JOURNAL_STREAM": "8:1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "CANARY" not in done.stdout + done.stderr
    [line] = [one for one in done.stderr.splitlines() if one.startswith("<6>")]
    assert json.loads(line[3:])["dropped"] >= 4


def test_a_canary_in_any_part_of_a_record_is_in_no_line(stream):
    """Message, arguments, fields known and unknown, exception, names of thread and logger."""
    logger = logging.getLogger(logs.LOGGER)
    planted = 0
    for field in ("command", "error", "exit_code", "seconds", "note", CANARY):
        for value in (CANARY, [CANARY], {CANARY: CANARY}, 78_051_121, CANARY.encode(), True):
            logs.tell(logs.ENDED, **{field: value})
            planted += 1
    for message in (CANARY, f"command.ended {CANARY}", f"{CANARY}.ended", [CANARY], {CANARY: 1}):
        logger.error(message)
        logs.tell(message, command="notes")
        planted += 2
    logger.error("command.ended", extra={"fields": CANARY})
    [handler] = [one for one in logging.getLogger().handlers if isinstance(one, logs.ListedHandler)]
    record = {"name": logs.LOGGER, "msg": logs.ENDED, "levelno": 20}
    handler.handle(logging.makeLogRecord(record | {"args": (CANARY,)}))
    handler.handle(logging.makeLogRecord(record | {"levelno": CANARY, "created": CANARY}))
    logger.getChild(CANARY).error(logs.ENDED)
    planted_error = ValueError(CANARY)
    extra = {CANARY: CANARY, "fields": {"error": CANARY}}
    logger.error(logs.ENDED, exc_info=planted_error, extra=extra)
    logger.error(logs.ENDED, stack_info=True)

    written = stream.getvalue()
    assert planted > 40
    assert len(written.splitlines()) > 30
    for part in (*CANARY.split(), "78051121", "78_051_121"):
        assert part not in written
    known = {"event", "at", "process", "dropped"}
    assert all(set(line) <= known for line in _lines(stream))


def test_what_was_dropped_is_counted(stream):
    logging.getLogger("somebody").error(CANARY)
    logging.getLogger("somebody").error(CANARY)

    logs.tell(logs.STARTED, command="notes")

    assert _lines(stream)[0]["dropped"] == 2


@pytest.mark.parametrize(
    ("error", "name"),
    [(BadInput(CANARY), "BadInput"), (KeyError(CANARY), "other"), (None, "other")],
)
def test_an_error_is_told_by_its_kind_alone(error, name):
    assert logs.name_error(error) == name


def test_a_stream_that_is_gone_costs_the_line_and_nothing_else():
    stream = io.StringIO()
    handler = logs.ListedHandler(frozenset(), stream)
    stream.close()

    handler.handle(logging.makeLogRecord({"name": logs.LOGGER, "msg": logs.ENDED, "levelno": 20}))

    assert handler.dropped == 1


def test_a_service_tells_the_journal_what_ran_and_how_it_ended_and_not_on_what(monkeypatch, capsys):
    """By the variable that systemd sets; names of files and sites stay out."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    try:
        code = run(["notes", "show", CANARY, "--reason", CANARY, "--site", f"/nowhere/{CANARY}"])
    finally:
        logging.captureWarnings(capture=False)

    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("<")]
    told = [json.loads(line.partition(">")[2]) for line in lines]
    assert [one["event"] for one in told] == ["command.started", "command.ended"]
    assert told[1]["command"] == "notes"
    assert told[1]["exit_code"] == code == 2
    assert told[1]["error"] == "SiteError"
    assert not any("Quillfeather" in line or "nowhere" in line for line in lines)


def test_a_person_at_a_terminal_gets_no_log(monkeypatch, capsys):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)

    run(["task", "list", "--site", "/nowhere"])

    assert not [line for line in capsys.readouterr().err.splitlines() if line.startswith("<")]


def test_a_warning_of_a_library_does_not_get_out_either(stream, monkeypatch, capsys):
    """Under systemd Python's own warnings go the same way."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    try:
        logs.install(frozenset(COMMANDS), stream)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn(CANARY, stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)

    assert CANARY not in stream.getvalue() + "".join(capsys.readouterr())
