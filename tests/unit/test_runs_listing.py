"""Runs are told from what they keep on disk, and nothing of theirs is touched."""

import fcntl
import json
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from appliance.artifacts.locks import is_locked
from appliance.cli.main import run
from appliance.errors import BadInput
from appliance.learning.tuning.checkpoints import held_by_one
from appliance.records.identifiers import DraftId
from appliance.records.progress import Silent
from appliance.records.prompts import Completion, Route
from appliance.synthesis.journal.lock import run_lock
from appliance.synthesis.journal.store import Journal
from appliance.workflows import train as training
from appliance.workflows.runs import RunState, list_runs
from appliance.workflows.site import init
from tests.lib.tiny_corpora import write_tiny_corpus


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped")


def _answer(number):
    return Completion(DraftId(f"d-{number}"), Route.VLLM, "m", "Invented.", "stop", 1, 1)


def _begin(site, name, begun, answered):
    with Journal.open(site.paths.journal / f"{name}.db") as journal:
        journal.intend((f"k-{n}", DraftId(f"d-{n}")) for n in range(begun))
        journal.finish((f"k-{n}", _answer(n)) for n in range(answered))


def _seen(site):
    return {
        run.name: (run.verb, run.state, run.done, run.total) for run in list_runs(site.paths.root)
    }


def _files(site):
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in site.paths.root.rglob("*")
        if path.is_file()
    }


def test_a_synthesis_tells_how_many_answers_it_has(site):
    """Running while its lock is held, then not finished, then finished with its corpus."""
    path = site.paths.journal / "first.db"
    _begin(site, "first", 7, 3)

    with run_lock(path):
        running = _seen(site)
        assert is_locked(path.with_suffix(".lock"))
    stopped = _seen(site)
    write_tiny_corpus(site.paths.corpora / "first")

    assert running["first"] == ("synthesize", RunState.RUNNING, 3, 7)
    assert stopped["first"] == ("synthesize", RunState.OPEN, 3, 7)
    assert _seen(site)["first"][1] is RunState.FINISHED


def test_a_training_tells_its_epoch(site):
    """Of as many as the settings say; one whose file can't be read is at the beginning."""
    state = json.dumps({"epoch": 3, "step": 40})
    weights = {"w": np.zeros(1, dtype=np.float32)}
    save_file(weights, site.paths.run / "train-reader.safetensors", {"state": state})
    (site.paths.run / "train-torn.safetensors").write_bytes(b"\x08")

    seen = _seen(site)

    assert seen["reader"] == ("train", RunState.OPEN, 2, site.settings.learning.epochs)
    assert seen["torn"][2] == 0


def test_a_training_that_somebody_has_in_hand_is_running(site):
    """Before its first checkpoint too; the lock that is left of one that ended is no run."""
    state = json.dumps({"epoch": 2, "step": 1})
    weights = {"w": np.zeros(1, dtype=np.float32)}
    reader, fresh = (site.paths.run / f"train-{name}.safetensors" for name in ("reader", "fresh"))
    save_file(weights, reader, {"state": state})

    with held_by_one(reader), held_by_one(fresh):
        running = _seen(site)
        with pytest.raises(BadInput, match="training that adapter already"), held_by_one(reader):
            pass
    stopped = _seen(site)

    epochs = site.settings.learning.epochs
    assert running["reader"] == ("train", RunState.RUNNING, 1, epochs)
    assert running["fresh"] == ("train", RunState.RUNNING, 0, epochs)
    assert stopped["reader"][1] is RunState.OPEN
    assert "fresh" not in stopped


def test_a_training_holds_its_lock_while_it_lasts(site, monkeypatch):
    """What runs on the cluster runs with the lock held."""
    seen = []
    job = SimpleNamespace(out=site.paths.adapters / "reader", base="", lesson=None)
    monkeypatch.setattr(training, "ModelStore", lambda _: SimpleNamespace(resolve=lambda _: None))
    monkeypatch.setattr(training, "_config", lambda *_: {})

    def look(*_, **__):
        seen.append(_seen(site)["reader"][1])
        raise BadInput("Stop here.")

    monkeypatch.setattr(training, "train_on_cluster", look)
    with pytest.raises(BadInput, match="Stop here"):
        training._run(site, None, job, Silent())

    assert seen == [RunState.RUNNING]
    assert "reader" not in _seen(site)


def test_an_extraction_tells_its_parts(site):
    """By the tickets of parts; a draft of an older release does not say of how many."""
    for name, parts in (("all", "5"), ("old", None)):
        draft = site.paths.findings / f".{name}.partial"
        draft.mkdir()
        (draft / ".part-00000.ticket").write_text("{}")
        if parts:
            (draft / ".parts").write_text(parts)
    lock = site.paths.findings / ".all.partial" / ".lock"

    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        seen = _seen(site)

    assert seen["all"] == ("extract", RunState.RUNNING, 1, 5)
    assert seen["old"] == ("extract", RunState.OPEN, 1, None)


def test_looking_touches_nothing(site):
    """Not even a log beside a journal that nobody has open."""
    _begin(site, "first", 2, 1)
    before = _files(site)

    list_runs(site.paths.root)

    assert _files(site) == before


def test_the_command_lists_what_can_be_gone_on_with_first(site, capsys):
    _begin(site, "done", 1, 1)
    write_tiny_corpus(site.paths.corpora / "done")
    _begin(site, "open", 2, 1)

    assert run(["runs", "--json", "--site", str(site.paths.root)]) == 0

    found = json.loads(capsys.readouterr().out)["runs"]
    assert [(one["name"], one["state"]) for one in found] == [
        ("open", "not finished"),
        ("done", "finished"),
    ]


def test_a_lock_is_not_known_of_a_file_that_is_gone(tmp_path):
    assert not is_locked(tmp_path / "none")
    (tmp_path / "file").touch()
    assert not is_locked(tmp_path / "file", tmp_path / "no-table")
