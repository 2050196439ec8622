"""The promise, kept by the whole main job with the real components, run as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import ahocorasick
import pytest

from tests.lib.invented_hospital import invent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

# A sixth of what the command makes by itself, and the gold's first texts: minutes less, and nothing
# below depends on it.
COUNT = 100
SENTENCES = 200


@pytest.fixture(scope="module")
def shared_memory():
    """Names in /dev/shm before the demo; other programs of this machine own them."""
    return {path.name for path in Path("/dev/shm").iterdir()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory, shared_memory):
    """One finished run of the demo: its site, its JSON, its stderr."""
    del shared_memory
    site = tmp_path_factory.mktemp("acceptance") / "site"
    command = [sys.executable, "-m", "appliance", "demo", "--site", str(site), "--json"]
    command += ["--count", str(COUNT)]
    corpora = os.environ.get("APPLIANCE_CORPORA")
    if corpora:
        gold = tmp_path_factory.mktemp("gold") / "some.tsv"
        whole = (Path(corpora) / "ner" / "ncbi-disease" / "test.tsv").read_text(encoding="utf-8")
        gold.write_text("\n\n".join(whole.split("\n\n")[:SENTENCES]) + "\n", encoding="utf-8")
        command += ["--gold", str(gold)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return site, json.loads(done.stdout), done.stderr


def test_the_whole_main_job_ran(demo):
    """Notes sealed, examples accepted, an adapter trained, findings for every note."""
    _, result, _ = demo

    assert result["notes"] >= 200
    assert result["corpus"]["accepted"] == COUNT
    assert result["extraction"]["notes"] == result["notes"]
    assert result["extraction"]["findings"] > 0


def test_an_adapter_is_scored_beside_the_dictionary(demo):
    """Every evaluation names the free baseline on the same gold."""
    _, result, _ = demo

    cards = result["evaluations"]
    assert cards[0]["gold"] == "invented-hospital"
    for card in cards:
        assert card["overall"]["gold"] > 0
        assert card["baselines"]["dictionary"]["gold"] == card["overall"]["gold"]
        assert card["overall"]["f1"] > 0.1


def test_the_ledger_verifies_from_outside(demo):
    """`appliance ledger verify` finds every step, and nothing wrong."""
    site, _, _ = demo

    done = subprocess.run(
        [sys.executable, "-m", "appliance", "ledger", "verify", "--site", str(site), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_report_asks_nobody_for_anything(demo):
    """One HTML file: no address of anything outside it, no script, a plot inline."""
    _, result, _ = demo

    page = Path(result["report"]).read_text()

    assert "<svg" in page
    assert "<script" not in page
    assert "src=" not in page
    assert 'href="http' not in page


def test_no_identifier_lies_anywhere_in_clear(demo):
    """Every name, MRN, phone and SSN of the hospital, searched in every byte of the site."""
    site, _, stderr = demo
    needles = _needles()
    automaton = ahocorasick.Automaton()
    for value in needles:
        automaton.add_word(value.lower(), value)
    automaton.make_automaton()

    hits = [
        path.relative_to(site).as_posix()
        for path in sorted(site.rglob("*"))
        if path.is_file() and not path.is_symlink() and _contains(automaton, path.read_bytes())
    ]

    assert len(needles) > 300
    assert hits == []
    assert not _contains(automaton, stderr.encode())


def test_the_search_would_have_found_one():
    """The search above is not blind: a planted log line is found, in either encoding."""
    automaton = ahocorasick.Automaton()
    value = _needles()[0]
    automaton.add_word(value.lower(), value)
    automaton.make_automaton()

    planted = f"INFO worker read {value} today"

    assert _contains(automaton, planted.encode())
    assert _contains(automaton, planted.encode("utf-16-le"))


def test_nothing_is_left_running_or_in_shared_memory(demo, shared_memory):
    """The engine and Ray are gone with the demo, and so is what they kept in /dev/shm."""
    site, _, _ = demo

    left = {path.name for path in Path("/dev/shm").iterdir()} - shared_memory
    assert not [name for name in left if name.startswith(("psm_", "plasma", "ray"))]
    assert not _processes_of(site)


def test_the_corpus_shows_where_it_came_from(demo):
    """`corpus show` reads the finished corpus and its card as they were written."""
    site, first, _ = demo

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "appliance",
            "corpus",
            "show",
            "demo",
            "--site",
            str(site),
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["card"] == first["corpus"]


def _needles():
    """What must be found nowhere: full names and the numbers that point at one person."""
    kinds = {"name", "mrn", "phone", "ssn"}
    hospital = invent()
    values = {
        identifier.value
        for patient in hospital.patients
        for identifier in patient.identifiers
        if identifier.kind in kinds
    }
    return sorted(value for value in values if len(value) >= 6)


def _contains(automaton, content):
    text = content.decode("latin-1").lower()
    wide = content.replace(b"\x00", b"").decode("latin-1").lower() if b"\x00" in content else ""
    return any(True for _ in automaton.iter(text)) or any(True for _ in automaton.iter(wide))


def _processes_of(site):
    own = os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(site).encode() in command:
                found.append(int(entry.name))
    return found
