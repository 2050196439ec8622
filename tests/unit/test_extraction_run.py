"""Findings are the same however often, by however many, and after whatever interruption."""

import json

import pyarrow.parquet as pq
import pytest

from appliance.artifacts.manifest import read_manifest
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.labelling import GONE, NoteLabelling
from appliance.clinical.extraction.parts import Plan, read_card
from appliance.clinical.extraction.reading import open_findings, read_quarantined
from appliance.clinical.extraction.run import extract
from appliance.errors import ApplianceError, BadInput, KeyMismatch, ManifestMismatch, NoSpace
from appliance.records.assertions import Assertion, Cue, Interpretation
from appliance.records.findings import Link, LinkReason
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.records.spans import ScoredSpan, Span
from tests.lib.memory_vault import EventList, MemoryVault

WORD = "fever"


class WordLabeller:
    """Finds one word; fails on texts that hold `trap`."""

    def __init__(self, trap="", error=ValueError):
        self.trap = trap
        self.error = error

    def label(self, texts):
        if self.trap and any(self.trap in text for text in texts):
            raise self.error(f"could not read {texts}")
        return [tuple(self._find(text)) for text in texts]

    @staticmethod
    def _find(text):
        start = text.find(WORD)
        while start >= 0:
            yield ScoredSpan(Span(start, start + len(WORD), "Disease"), 0.123456)
            start = text.find(WORD, start + 1)


@pytest.fixture
def vault():
    filled = MemoryVault(EventList())
    filled.seal(
        SourceNote(f"src-{n}", None, "note", "", f"{n}: " + "fever, " * (n % 3)) for n in range(50)
    )
    filled.recorder.events.clear()
    return filled


def plan_of(vault, **changes):
    given = {
        "adapter": "a",
        "adapter_digest": "d",
        "limits": "128",
        "source_digest": vault.digest(),
        "notes": len(vault.note_ids()),
        "notes_per_block": 4,
        "notes_per_part": 16,
        "output": OutputFormat.PARQUET,
    }
    return Plan(**{**given, **changes})


def run(vault, destination, labeller=None, plan=None, stop_after=None):
    worker = NoteLabelling(vault, labeller or WordLabeller())

    def run_blocks(blocks):
        for number, block in enumerate(blocks):
            if number == stop_after:
                raise KeyboardInterrupt
            yield worker(block)

    return extract(
        run_blocks,
        vault.note_ids(),
        destination,
        plan or plan_of(vault),
        recorder=vault.recorder,
        policy_digest="p",
        made_at="2026-03-01T06:00:00+00:00",
        progress=Silent(),
    )


def parts(directory):
    return {path.name: path.read_bytes() for path in sorted(directory.glob("part-*"))}


def test_findings_are_offsets_sorted_and_complete(vault, tmp_path):
    """Every occurrence is there, by id and offset, and no text."""
    card = run(vault, tmp_path / "f")

    tables = [pq.read_table(path).to_pylist() for path in sorted((tmp_path / "f").glob("part-*"))]
    rows = [tuple(row.values())[:5] for table in tables for row in table]
    texts = {note_id: note.text for note_id, note in vault.notes.items()}
    assert len(tables) == 4
    assert rows == sorted(rows)
    assert all(texts[note_id][start:end] == WORD for note_id, start, end, *_ in rows)
    assert len(rows) == card.findings == sum(text.count(WORD) for text in texts.values())
    assert {row[-1] for row in rows} == {0.1235}
    assert (card.notes, card.labels, card.quarantined) == (50, {"Disease": card.findings}, {})


def test_a_finished_extraction_is_whole_and_says_so(vault, tmp_path):
    """The manifest covers every file, and nothing of the making is left."""
    run(vault, tmp_path / "f")

    manifest = read_manifest(tmp_path / "f", "findings")

    assert set(manifest.files) == {path.name for path in (tmp_path / "f").iterdir()} - {
        "manifest.json"
    }
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert read_card(tmp_path / "f").name == "f"


@pytest.mark.parametrize("stop_after", [0, 1, 3, 4, 7, 11])
def test_an_interrupted_run_goes_on_and_ends_the_same(vault, tmp_path, stop_after):
    """Finished parts are not read again, and every byte is as if nothing had happened."""
    run(vault, tmp_path / "whole")
    vault.recorder.events.clear()

    with pytest.raises(KeyboardInterrupt):
        run(vault, tmp_path / "f", stop_after=stop_after)
    assert not (tmp_path / "f").exists()
    card = run(vault, tmp_path / "f")

    assert parts(tmp_path / "f") == parts(tmp_path / "whole")
    assert card.findings == read_card(tmp_path / "whole").findings
    reads = [
        facts["count"]
        for kind, facts in vault.recorder.events
        if kind == "vault.read" and facts["count"] > 4
    ]
    assert reads == [50, 50 - 16 * (stop_after // 4)]


def test_a_damaged_part_is_made_again(vault, tmp_path):
    """A ticket alone does not make a part."""
    run(vault, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(vault, tmp_path / "f", stop_after=8)
    (tmp_path / ".f.partial" / "part-00001.parquet").write_bytes(b"half")

    run(vault, tmp_path / "f")

    assert parts(tmp_path / "f") == parts(tmp_path / "whole")


def test_a_draft_of_other_notes_is_thrown_away(vault, tmp_path):
    """Notes changed since the interruption are read in their new version."""
    with pytest.raises(KeyboardInterrupt):
        run(vault, tmp_path / "f", stop_after=8)
    vault.seal([SourceNote(f"src-{n}", None, "note", "", "fever") for n in range(50)])

    card = run(vault, tmp_path / "f")

    assert card.findings == 50


def test_the_same_extraction_again_does_nothing(vault, tmp_path):
    """Asked twice, done once; no note is read for it."""
    first = run(vault, tmp_path / "f")
    vault.recorder.events.clear()

    assert run(vault, tmp_path / "f") == first
    assert vault.recorder.events == []


def test_another_extraction_does_not_overwrite(vault, tmp_path):
    """Findings under a name are never replaced in silence."""
    run(vault, tmp_path / "f")

    with pytest.raises(BadInput, match="Name others with --out"):
        run(vault, tmp_path / "f", plan=plan_of(vault, adapter="other"))


def test_two_processes_do_not_make_the_same_findings(vault, tmp_path):
    """The second is told so."""
    other = []

    class Nosy(WordLabeller):
        def label(self, texts):
            if not other:
                other.append(True)
                with pytest.raises(BadInput, match="Another process"):
                    run(vault, tmp_path / "f")
            return super().label(texts)

    run(vault, tmp_path / "f", Nosy())

    assert other


def test_a_poisonous_note_is_set_aside_alone(vault, tmp_path):
    """Its neighbours in the block have their findings; it is named with a kind of failure."""
    poison = vault.note_id_of("src-7")
    whole = run(vault, tmp_path / "whole")

    card = run(vault, tmp_path / "f", WordLabeller(trap="7: f"))

    lines = (tmp_path / "f" / "quarantine.jsonl").read_text().splitlines()
    failed = [json.loads(line) for line in lines]
    assert poison in {entry["note_id"] for entry in failed}
    assert {entry["reason"] for entry in failed} == {"value-error"}
    assert card.quarantined == {"value-error": len(failed)}
    lost = sum(vault.notes[entry["note_id"]].text.count(WORD) for entry in failed)
    assert card.findings == whole.findings - lost


def test_notes_that_are_taken_back_meanwhile_are_set_aside_as_gone(vault, tmp_path):
    """One in a part, and all of another: the rest is found as ever."""
    ids = vault.note_ids()
    gone = {ids[5], *ids[16:32]}
    whole = run(vault, tmp_path / "whole")
    lost = sum(vault.notes[note_id].text.count(WORD) for note_id in gone)

    class Slow(WordLabeller):
        def label(self, texts):
            for note_id in gone:
                vault.notes.pop(note_id, None)
            return super().label(texts)

    card = run(vault, tmp_path / "f", Slow())

    assert card.quarantined == {GONE: 17}
    assert (card.notes, card.findings) == (50, whole.findings - lost)
    assert read_quarantined(tmp_path / "f") == gone


def test_when_every_note_fails_it_is_not_the_notes(vault, tmp_path):
    """A broken adapter does not look like a finished extraction, and its words stay inside."""
    with pytest.raises(ApplianceError, match="Every one of 16 notes failed: value-error") as caught:
        run(vault, tmp_path / "f", WordLabeller(trap=":"))

    assert WORD not in str(caught.value)
    assert not (tmp_path / "f").exists()


def test_a_wrong_key_stops_at_once(vault, tmp_path):
    """What fails for every note is no poison."""
    with pytest.raises(KeyMismatch):
        run(vault, tmp_path / "f", WordLabeller(trap="7", error=KeyMismatch))


def test_a_worker_that_forgets_a_note_is_found_out(vault, tmp_path):
    """None is skipped in silence."""

    class Forgetful(MemoryVault):
        def read_identified(self, note_ids, reason):
            return super().read_identified(note_ids[:-1], reason)

    forgetful = Forgetful(vault.recorder, vault.notes, vault.versions)

    with pytest.raises(ApplianceError, match="did not answer for every note"):
        run(forgetful, tmp_path / "f")


def test_an_empty_vault_is_said_to_be_empty(tmp_path):
    """With what to do about it."""
    with pytest.raises(BadInput, match="notes import"):
        run(MemoryVault(EventList()), tmp_path / "f")


def test_a_full_disk_keeps_the_parts_before_it(vault, tmp_path, monkeypatch):
    """The next run goes on after them."""
    from appliance.clinical.extraction import parts as module

    real, calls = module.write_atomically, []

    def fill_up(path, content, mode=0o600):
        calls.append(path.name)
        if path.name == "part-00002.parquet":
            raise NoSpace("No space left.")
        real(path, content, mode)

    monkeypatch.setattr(module, "write_atomically", fill_up)
    with pytest.raises(NoSpace):
        run(vault, tmp_path / "f")
    monkeypatch.setattr(module, "write_atomically", real)
    vault.recorder.events.clear()

    run(vault, tmp_path / "f")

    assert ("vault.read", {"count": 18, "reason": "extraction"}) in vault.recorder.events


def test_jsonl_says_what_parquet_says(vault, tmp_path):
    """Two formats, the same findings."""
    run(vault, tmp_path / "parquet")
    run(vault, tmp_path / "jsonl", plan=plan_of(vault, output=OutputFormat.JSONL))

    from_parquet = [
        row
        for path in sorted((tmp_path / "parquet").glob("part-*"))
        for row in pq.read_table(path).to_pylist()
    ]
    from_jsonl = [
        json.loads(line)
        for path in sorted((tmp_path / "jsonl").glob("part-*"))
        for line in path.read_text().splitlines()
    ]
    assert from_jsonl == from_parquet


def test_a_changed_part_is_no_finding(vault, tmp_path):
    """Whoever reads the card has checked every byte."""
    run(vault, tmp_path / "f")
    path = next((tmp_path / "f").glob("part-*"))
    path.write_bytes(path.read_bytes() + b"\x00")

    with pytest.raises(ManifestMismatch):
        read_card(tmp_path / "f")


class Meaning:
    """Says of every finding that its section is x and that the note's first letters negate it."""

    def interpret(self, _text, spans):
        return [Interpretation("x", (Cue(Assertion.NEGATED, 0, 1),)) for _ in spans]

    def link(self, words):
        return Link(f"C-{words}", 0.5, LinkReason.NEAR)


@pytest.mark.parametrize("output", list(OutputFormat))
def test_a_finding_carries_how_it_is_meant_and_what_it_names(vault, tmp_path, output):
    """From the worker to the disk and back, the same in every format; the card counts it."""
    worker = NoteLabelling(vault, WordLabeller(), Meaning(), Meaning())

    card = extract(
        lambda blocks: map(worker, blocks),
        vault.note_ids(),
        tmp_path / "f",
        plan_of(vault, output=output),
        recorder=vault.recorder,
        policy_digest="p",
        made_at="2026-03-01T06:00:00+00:00",
        progress=Silent(),
    )

    again, notes = open_findings(tmp_path / "f")
    findings = [finding for _, group in notes for finding in group]
    assert again == card
    assert len(findings) == card.findings
    assert {finding.cues for finding in findings} == {(Cue(Assertion.NEGATED, 0, 1),)}
    assert {finding.link for finding in findings} == {Link("C-fever", 0.5, LinkReason.NEAR)}
    assert card.assertions == {"negated": card.findings}
    assert (card.sections, card.linked) == ({"x": card.findings}, {"near": card.findings})
