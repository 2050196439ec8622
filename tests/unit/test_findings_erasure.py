"""An erased patient is gone from all that was made of the notes, whatever happens meanwhile."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from appliance.artifacts.manifest import read_manifest, write_manifest
from appliance.clinical.extraction import scrubbing
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.parts import read_card
from appliance.clinical.extraction.reading import open_findings
from appliance.clinical.vault.store import Vault
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient
from appliance.records.progress import Silent
from appliance.workflows import notes as workflow
from appliance.workflows.findings import export
from appliance.workflows.ingest import opened_vault
from appliance.workflows.patients import register
from tests.lib.read_site import make_site, read_notes

GONE, STAYS = "mrn-gone", "mrn-stays"


@pytest.fixture
def site(tmp_path):
    """Two patients with ten notes each, read in two formats, exported in two."""
    texts = ("No fever.", "Has asthma.", "On aspirin.", "Gout.")
    site = make_site(
        tmp_path / "site",
        (
            SourceNote(f"src-{n}", GONE if n % 2 else STAYS, "letter", "", f"{n}: {texts[n % 4]}")
            for n in range(20)
        ),
    )
    person = SourcePatient(GONE, (PatientIdentifier("name", "Zebedee Quillfeather"),))
    register(site, [person], Silent())
    read_notes(site, "parquet", OutputFormat.PARQUET, notes_per_part=7)
    read_notes(site, "jsonl", OutputFormat.JSONL, notes_per_part=7)
    for output_format in ("jsonl", "parquet", "omop", "brat"):
        make_export(site, output_format)
    (site.paths.findings / ".half.partial").mkdir()
    return site


def make_export(site, output_format):
    export(
        site.paths.root,
        "jsonl",
        out=output_format,
        output_format=output_format,
        reason="a-study",
        with_text=True,
        progress=Silent(),
    )


def notes_of(site, patient):
    with opened_vault(site) as vault:
        patient_id = vault.patient_id_of(patient)
        return {note_id for note_id, owner in vault.owners().items() if owner == patient_id}


def rows(site, name):
    card, notes = open_findings(site.paths.findings / name)
    return card, dict(notes)


def check_gone(site, ids, others):
    for name in ("parquet", "jsonl"):
        card, found = rows(site, name)
        assert not ids & set(found)
        assert set(found) <= others
        assert card.notes_with_findings == len(found)
        assert card.findings == sum(map(len, found.values())) == sum(card.labels.values())
        read_manifest(site.paths.findings / name, "findings")
    assert {path.name for path in site.paths.findings.iterdir()} == {"parquet", "jsonl"}
    # Ids in clear text anywhere: exports, leftovers.
    for path in site.paths.root.rglob("*"):
        if path.is_file() and path.parent.name != "ledger":
            content = path.read_bytes()
            assert not [one for one in ids if one.encode() in content], path.name


def test_an_erased_patient_is_nowhere_in_the_site(site):
    """Findings are counted anew, exports that held the patient gone, the others' as they were."""
    ids, others = notes_of(site, GONE), notes_of(site, STAYS)
    before = {name: rows(site, name)[1] for name in ("parquet", "jsonl")}

    foreseen = workflow.erase(site.paths.root, GONE, dry_run=True)
    erased = workflow.erase(site.paths.root, GONE)

    assert (erased.notes, erased.exports) == (10, 4)
    assert replace(foreseen, is_dry_run=False) == erased
    assert erased.findings == sum(
        len(before[n][one]) for n in before for one in ids & set(before[n])
    )
    check_gone(site, ids, others)
    for name, found in before.items():
        assert rows(site, name)[1] == {key: found[key] for key in found if key in others}


class Killed(BaseException):
    """As a signal would."""


@pytest.mark.slow
@pytest.mark.parametrize("step", range(12))
def test_an_erasure_killed_anywhere_is_gone_on_with(site, monkeypatch, step):
    """Before or after every rename, transaction and file; the second run finishes the first."""
    ids, others = notes_of(site, GONE), notes_of(site, STAYS)
    countdown = [step]

    def dying(real):
        def call(*arguments, **options):
            if countdown[0] == 0:
                countdown[0] = -1
                raise Killed
            countdown[0] -= 1
            return real(*arguments, **options)

        return call

    for owner, name in (
        (scrubbing, "write_manifest"),
        (scrubbing, "_exchange"),
        (scrubbing.shutil, "rmtree"),
        (scrubbing.Path, "rename"),
        (Vault, "erase_patient_of"),
        (workflow, "_write_index"),
        (workflow, "forget_patient"),
        (Vault, "end_erasure_of"),
    ):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))
    try:
        workflow.erase(site.paths.root, GONE)
    except Killed:
        monkeypatch.undo()
        workflow.erase(site.paths.root, GONE)

    check_gone(site, ids, others)
    with opened_vault(site) as vault:
        assert not vault.is_erasing(GONE)
        assert not notes_of(site, GONE)


def test_the_erasure_is_on_record_without_a_name(site):
    """The tombstone counts what is gone."""
    workflow.erase(site.paths.root, GONE)

    bodies = read_bodies(site.paths.ledger, site.ledger.head().size)
    [event] = [one for one in map(json.loads, bodies) if one["kind"] == "patient.erased"]
    assert event["facts"]["notes"] == 10
    assert event["facts"]["exports"] == 4
    assert GONE not in json.dumps(event)


def test_findings_with_an_older_releases_columns_are_scrubbed_too(site):
    """Five columns; nobody is kept because of them."""
    ids = notes_of(site, GONE)
    for name in ("parquet", "jsonl"):
        directory = site.paths.findings / name
        for path in directory.glob("part-*"):
            five = ("note_id", "start", "end", "label", "score")
            if name == "parquet":
                pq.write_table(pq.read_table(path, columns=list(five)), path)
            else:
                old = [json.loads(line) for line in path.read_text().splitlines()]
                lines = [json.dumps({key: one[key] for key in five}) + "\n" for one in old]
                path.write_text("".join(lines))
        (directory / "manifest.json").unlink()
        write_manifest(directory, "findings")

    assert workflow.erase(site.paths.root, GONE).findings > 0

    for name in ("parquet", "jsonl"):
        card = read_card(site.paths.findings / name)
        assert card.findings == sum(card.labels.values()) > 0
        assert card.notes == 20
        for path in (site.paths.findings / name).glob("part-*"):
            content = path.read_text() if name == "jsonl" else str(pq.read_table(path).to_pylist())
            assert not [one for one in ids if one in content]


def test_what_is_made_while_an_erasure_runs_is_gone_too(site, monkeypatch):
    """Findings and exports of another process, a moment before the vault forgets."""
    ids = notes_of(site, GONE)
    real = Vault.erase_patient_of

    def late(vault, patient):
        read_notes(site, "late", OutputFormat.JSONL)
        folder = site.paths.exports / "late"
        folder.mkdir()
        (folder / "table.bin").write_bytes(b"\xff\xfe " + min(ids).encode() + b" \xff")
        return real(vault, patient)

    monkeypatch.setattr(Vault, "erase_patient_of", late)
    workflow.erase(site.paths.root, GONE)

    assert not ids & set(rows(site, "late")[1])
    assert not (site.paths.exports / "late").exists()


def test_a_file_of_another_kind_among_the_exports_hinders_no_erasure(site):
    """Neither text nor a table."""
    folder = site.paths.exports / "foreign"
    folder.mkdir()
    (folder / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    (folder / "broken.parquet").write_bytes(b"PAR1 no table")

    assert workflow.erase(site.paths.root, GONE).notes == 10
    assert folder.is_dir()
