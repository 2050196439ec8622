"""The journal: what was answered stays answered."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap

import pytest

from appliance.errors import IntegrityError
from appliance.records.prompts import Completion, DraftKind, Route, SamplingParameters
from appliance.synthesis.journal.keys import request_key
from appliance.synthesis.journal.store import Journal
from appliance.synthesis.prompting.drafting import make_draft

DRAFT = make_draft("drug", DraftKind.SINGLE, ("aspirin",), "note", "The invented prompt")


def completion(text="An answer."):
    return Completion(DRAFT.draft_id, Route.SCRIPTED, "m@1", text, "stop", 3, 2)


def test_an_answer_is_found_again(tmp_path):
    """After a reopening, every field of a completion is as it was."""
    with Journal.open(tmp_path / "a.db") as journal:
        journal.intend([("k", DRAFT.draft_id)])
        journal.finish([("k", completion())])

    with Journal.open(tmp_path / "a.db") as journal:
        assert journal.find("k") == completion()
        assert journal.find("other") is None
        assert journal.counts() == (1, 1)


def test_the_first_answer_stays(tmp_path):
    """A second answer to the same request changes nothing: reruns are repeatable."""
    with Journal.open(tmp_path / "a.db") as journal:
        journal.finish([("k", completion("first"))])
        journal.finish([("k", completion("second"))])

        found = journal.find("k")

    assert found is not None
    assert found.text == "first"


def test_a_key_depends_on_all_that_shapes_the_answer():
    """Prompt, model, parameters and template: change one, and it is another request."""
    usual = SamplingParameters()
    keys = {
        request_key(DRAFT, "m@1", usual, "t1"),
        request_key(DRAFT, "m@2", usual, "t1"),
        request_key(DRAFT, "m@1", SamplingParameters(temperature=0.1), "t1"),
        request_key(DRAFT, "m@1", SamplingParameters(max_tokens=5), "t1"),
        request_key(DRAFT, "m@1", usual, "t2"),
        request_key(make_draft("drug", DraftKind.NONE, (), "note", "Other"), "m@1", usual, "t1"),
    }

    assert len(keys) == 6


def test_the_file_is_its_owners_and_holds_no_prompt(tmp_path):
    """Answers may rest there, prompts only as digests."""
    path = tmp_path / "a.db"
    with Journal.open(path) as journal:
        key = request_key(DRAFT, "m@1", SamplingParameters(), "t")
        journal.intend([(key, DRAFT.draft_id)])
        journal.finish([(key, completion())])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert DRAFT.prompt.encode() not in path.read_bytes()


def test_killing_the_writer_loses_no_finished_answer(tmp_path):
    """Every answer whose commit returned is there after `kill -9`."""
    script = """
        import sys
        from pathlib import Path
        from appliance.records.prompts import Completion, Route
        from appliance.synthesis.journal.store import Journal
        journal = Journal.open(Path(sys.argv[1]))
        for number in range(10_000):
            journal.intend([(f"k{number}", "d-1")])
            answer = Completion("d-1", Route.SCRIPTED, "m", "t", "stop", 1, 1)
            journal.finish([(f"k{number}", answer)])
            print(number, flush=True)
    """
    path = tmp_path / "a.db"
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        done = [int(writer.stdout.readline()) for _ in range(20)][-1]
        os.kill(writer.pid, signal.SIGKILL)

    with Journal.open(path) as journal:
        assert all(journal.find(f"k{number}") is not None for number in range(done + 1))


def test_a_damaged_file_is_refused(tmp_path):
    """Bytes that are no journal are not read as one."""
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 40)

    with pytest.raises(IntegrityError, match="damaged"):
        Journal.open(path)


def test_a_journal_of_another_version_is_refused(tmp_path):
    """What a later release wrote is not guessed at."""
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")
    other.close()

    with pytest.raises(IntegrityError, match="version 99"):
        Journal.open(path)
