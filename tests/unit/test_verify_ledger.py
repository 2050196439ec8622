"""The verifier that an auditor takes along: alone, and of the same opinion as the product."""

import ast
import json
import subprocess
import sys

import pytest

from appliance.ledger import files
from appliance.workflows import ledger as workflow
from appliance.workflows.site import init
from appliance.workflows.witness import keep_head
from tests.lib.house import REPOSITORY

PROGRAM = REPOSITORY / "deploy/verify_ledger.py"


@pytest.fixture
def site(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    site.ledger.record_many([("thing.done", {"number": number}) for number in range(12)])
    return site


def _program():
    """Its functions, as `python verify_ledger.py` has them."""
    space = {"__name__": "verify_ledger"}
    exec(compile(PROGRAM.read_text(), PROGRAM, "exec"), space)
    return space["main"]


@pytest.fixture
def call(site, capsys):
    main = _program()
    key = workflow.head(site.paths.root).verifier_key

    def _call(*words, by=key):
        code = main([by, *map(str, words)])
        return code, capsys.readouterr().out

    return _call


def test_it_needs_nothing_of_ours_and_can_be_read_in_a_sitting():
    text = PROGRAM.read_text()
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }

    assert len(text.splitlines()) < 200
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_runs_alone(site):
    """As a file, without our packages on its path."""
    key = workflow.head(site.paths.root).verifier_key
    command = [sys.executable, "-I", str(PROGRAM), key, "entries", str(site.paths.ledger)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 entries" in done.stdout


def test_the_whole_ledger_is_good_and_agrees_with_what_was_kept(site, call, tmp_path):
    keep_head(site.paths.root, tmp_path / "kept")
    site.ledger.record("thing.done", {})

    code, out = call("entries", site.paths.ledger, tmp_path / "kept")

    assert code == 0
    assert f"15 entries under 3 heads, root {workflow.verify(site.paths.root).root}" in out


def test_what_no_head_covers_is_told_apart(site, call):
    """Lines after the newest head bear no signature."""
    before = (site.paths.ledger / "head").read_bytes()
    root = workflow.verify(site.paths.root).root
    site.ledger.record_many([("thing.done", {}), ("thing.done", {})])
    (site.paths.ledger / "head").write_bytes(before)

    code, out = call("entries", site.paths.ledger)

    assert code == 0
    assert f"13 entries under 2 heads, root {root}; 2 after them unsigned" in out


@pytest.mark.parametrize(
    "words", [[], ["entries"], ["proof", "a"], ["growth", "a", "b"], ["note", "a", "b"], ["other"]]
)
def test_a_wrong_call_is_not_a_bad_ledger(call, words):
    assert call(*words)[0] == 2


def _flip(whole):
    return [*whole[:4], whole[4].replace(b'"number":3', b'"number":9'), *whole[5:]]


TAMPERED = {
    "flip": _flip,
    "drop": lambda whole: [*whole[:4], *whole[5:]],
    "reorder": lambda whole: [*whole[:4], whole[5], whole[4], *whole[6:]],
    "truncate": lambda whole: whole[:-2],
    "insert": lambda whole: [*whole[:4], whole[3], *whole[4:]],
    "foreign line": lambda whole: [*whole[:4], b"x\n", *whole[4:]],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_ledger_that_was_tampered_with_is_not_good(site, call, how):
    """Without the key of the tags, by the heads alone."""
    path = site.paths.ledger / files.ENTRIES
    path.write_bytes(b"".join(TAMPERED[how](path.read_bytes().splitlines(keepends=True))))

    code, out = call("entries", site.paths.ledger)

    assert code == 8
    assert "NOT GOOD" in out


def test_a_rollback_and_a_fork_need_what_was_kept(site, call, tmp_path):
    old = {path.name: path.read_bytes() for path in site.paths.ledger.iterdir()}
    keep_head(site.paths.root, tmp_path / "kept")
    for name, content in old.items():
        (site.paths.ledger / name).write_bytes(content)

    assert call("entries", site.paths.ledger)[0] == 0
    code, out = call("entries", site.paths.ledger, tmp_path / "kept")
    assert (code, "rolled back" in out) == (8, True)
    keep_head(site.paths.root, tmp_path / "other")
    keep_head(site.paths.root, tmp_path / "another")
    code, out = call("entries", site.paths.ledger, tmp_path / "kept")
    assert (code, "forked" in out) == (8, True)


@pytest.mark.parametrize(("start", "end"), [(0, 13), (0, 1), (2, 7), (5, 6), (12, 13), (8, 13)])
def test_an_export_is_good_until_an_entry_is_changed(site, call, tmp_path, start, end):
    out = tmp_path / "export.json"
    workflow.write_export(site.paths.root, out, start, end)

    code, said = call("export", out)

    assert (code, f"entries {start} to {end - 1} of 14" in said) == (0, True)
    document = json.loads(out.read_bytes())
    document["entries"][0] = document["entries"][0].replace("tester", "nobody").replace("20", "19")
    out.write_text(json.dumps(document))
    assert call("export", out)[0] == 8


@pytest.mark.parametrize("index", range(13))
def test_every_entrys_proof_is_good_and_no_others(site, call, tmp_path, index):
    proved = workflow.prove(site.paths.root, index)
    entry, proof = tmp_path / "entry", tmp_path / "proof"
    entry.write_text(proved.entry + "\n")
    proof.write_text(proved.proof)

    assert call("proof", entry, proof)[0] == 0
    entry.write_text(proved.entry.replace(f'"index":{index}', '"index":99') + "\n")
    assert call("proof", entry, proof)[0] == 8


@pytest.mark.parametrize("first", [1, 2, 3, 4, 7, 8, 12, 13])
def test_growth_is_proved_from_head_to_head(tmp_path, capsys, first):
    """Without the entries: two heads and the proof between them."""
    main = _program()
    site = init(tmp_path / "site", "air-gapped")
    site.ledger.record_many([("thing.done", {})] * (first - 1) if first > 1 else [])
    key = workflow.head(site.paths.root).verifier_key
    workflow.write_head(site.paths.root, tmp_path / "old")
    site.ledger.record_many([("thing.done", {})] * (13 - first))
    workflow.write_head(site.paths.root, tmp_path / "new")
    growth = workflow.consistency(site.paths.root, first)
    (tmp_path / "proof").write_text(json.dumps({"path": [node.hex() for node in growth.path]}))
    files_ = [str(tmp_path / name) for name in ("proof", "old", "new")]

    assert main([key, "growth", *files_]) == 0
    assert f"13 entries continue {first}" in capsys.readouterr().out
    if first < 13:
        assert main([key, "growth", files_[0], files_[2], files_[1]]) == 8
        (tmp_path / "proof").write_text(json.dumps({"path": ["00" * 32] * 3}))
        assert main([key, "growth", *files_]) == 8


def test_another_key_and_a_wrong_call_are_told(site, call, tmp_path):
    init(tmp_path / "other", "air-gapped")
    other = workflow.head(tmp_path / "other").verifier_key

    assert call("entries", site.paths.ledger, by=other)[0] == 8
    assert call("entries", site.paths.ledger, by="x")[0] == 8
    assert call("entries", tmp_path)[0] == 8
    assert call("guess", site.paths.ledger)[0] == 2
