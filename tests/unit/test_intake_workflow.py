"""From an export to the vault and out again, through the workflows and the command line."""

import json
import stat

import pytest

from appliance.cli.main import run
from appliance.errors import BadInput
from appliance.ledger.proofs import read_bodies
from appliance.records.progress import Silent
from appliance.workflows.ingest import import_notes, import_stream, opened_vault
from appliance.workflows.site import init, open_site

SECRET = "Zebedee Quillfeather"


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped")


@pytest.fixture
def export(tmp_path):
    """Two good notes of one patient, one of another, and four items that are none."""
    folder = tmp_path / SECRET
    folder.mkdir()
    rows = [
        {
            "id": f"{SECRET}-1",
            "text": f"{SECRET} has fever.",
            "patient": SECRET,
            "kind": "referral",
        },
        {"id": f"{SECRET}-2", "text": f"{SECRET} is well.", "patient": SECRET, "kind": "referral"},
        {"id": "3", "text": "Bo has a rash.", "patient": "Bo", "kind": "progress-note"},
        {"id": "3", "text": "Again."},
        {"id": "4", "text": ""},
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "latin.txt").write_bytes("Müller".encode("latin-1"))
    (folder / "scan.pdf").write_bytes(b"%PDF")
    return folder


def facts(site):
    head = site.ledger.head()
    bodies = read_bodies(site.paths.ledger, head.size)
    return [json.loads(body) for body in bodies]


def test_an_export_is_taken_in_and_the_rest_is_counted(site, export):
    """Nothing stops at a bad item, and nothing is lost in silence."""
    report = import_notes(site.paths.root, [export], Silent())

    assert (report.new, report.changed, report.known) == (3, 0, 0)
    assert report.rejected == {"duplicate-id": 1, "empty": 1, "not-utf-8": 1, "unknown-format": 1}
    with opened_vault(open_site(site.paths.root)) as vault:
        assert vault.count() == {"progress-note": 1, "referral": 2}


def test_an_export_taken_in_twice_changes_nothing(site, export):
    """The second import knows every note."""
    import_notes(site.paths.root, [export], Silent())

    assert import_notes(site.paths.root, [export], Silent()).known == 3


def test_a_dry_run_counts_and_writes_nothing(site, export):
    """Neither vault nor ledger are touched."""
    size = site.ledger.head().size

    report = import_notes(site.paths.root, [export], Silent(), dry_run=True)

    assert (report.new, report.is_dry_run) == (3, True)
    assert site.ledger.head().size == size
    assert not any(site.paths.vault.iterdir())


@pytest.mark.parametrize("name", ["empty", "useless"])
def test_an_export_without_notes_is_bad_input(site, tmp_path, name):
    """With the counts and the next step."""
    folder = tmp_path / name
    folder.mkdir()
    if name == "useless":
        (folder / "a.pdf").touch()
        (folder / "b.txt").touch()

    with pytest.raises(BadInput, match=r"items is a note.*Give folders of \.txt") as caught:
        import_notes(site.paths.root, [folder], Silent())

    assert ("1 unknown-format" in str(caught.value)) == (name == "useless")


def test_the_import_is_in_the_ledger_without_names(site, export):
    """Counts by reason; no id of the hospital, no file name."""
    import_notes(site.paths.root, [export], Silent())

    [imported] = [fact for fact in facts(site) if fact["kind"] == "notes.imported"]

    assert imported["facts"]["notes"] == 3
    assert imported["facts"]["rejected"] == 4
    assert imported["facts"]["rejected_not_utf_8"] == 1
    assert SECRET not in json.dumps(facts(site))


def test_the_command_line_imports_counts_shows_and_erases(site, export, capfd):
    """The four verbs, as JSON; the text only where it was asked for."""
    where = ["--site", str(site.paths.root), "--json"]

    def call(*arguments):
        assert run(["notes", *arguments, *where]) == 0
        return json.loads(capfd.readouterr().out)

    assert call("import", str(export))["new"] == 3
    assert call("count") == {"total": 3, "kinds": {"progress-note": 1, "referral": 2}}
    with opened_vault(open_site(site.paths.root)) as vault:
        note_id = vault.note_id_of("3")
    shown = call("show", note_id, "--reason", "check")
    assert (shown["characters"], shown["text"]) == (len("Bo has a rash."), None)
    assert call("show", note_id, "--reason", "check", "--show-text")["text"] == "Bo has a rash."
    assert call("erase", "--patient", SECRET, "--dry-run")["notes"] == 2
    assert call("count")["total"] == 3
    assert call("erase", "--patient", SECRET, "--yes")["notes"] == 2
    assert call("count")["total"] == 1
    reads = [fact["facts"] for fact in facts(site) if fact["kind"] == "vault.read"]
    assert reads == [{"count": 1, "reason": "check"}] * 2


def test_the_command_line_speaks_in_tables_too(site, export, capfd):
    """And never shows a name it was not asked for."""
    where = ["--site", str(site.paths.root)]

    assert run(["notes", "import", str(export), *where]) == 0
    assert run(["notes", "count", *where]) == 0
    assert run(["notes", "import", str(export / "absent"), *where]) == 2

    output, errors = capfd.readouterr()
    assert "rejected: empty" in output
    assert "progress-note" in output
    assert SECRET not in output
    assert "does not exist" in errors


def test_erasing_asks_first(site, export, monkeypatch, capfd):
    """Without a yes nothing is erased."""
    import io

    import_notes(site.paths.root, [export], Silent())
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    assert run(["notes", "erase", "--patient", SECRET, "--site", str(site.paths.root)]) != 0

    with opened_vault(open_site(site.paths.root)) as vault:
        assert len(vault.note_ids()) == 3
    capfd.readouterr()


def test_an_erased_patient_leaves_the_gates_index(site, tmp_path):
    """The index is made anew from those who stay."""
    from appliance.gate.patients.index import PatientIndex
    from appliance.gate.patients.writing import write_index
    from appliance.records.notes import PatientIdentifier, SourcePatient
    from appliance.settings.keys import Purpose
    from appliance.workflows.notes import INDEX, erase

    key = site.keys.key(Purpose.PATIENT_INDEX)
    path = site.paths.vault / INDEX
    patients = [
        SourcePatient(name, (PatientIdentifier("name", name),)) for name in (SECRET, "Ada Bolt")
    ]
    with opened_vault(site) as vault:
        vault.register(patients)
    write_index(path, [one.identifiers for one in patients], key)

    erase(site.paths.root, SECRET)

    index = PatientIndex.load(path, key)
    gone, stays = index.detect([f"Seen: {SECRET}.", "Seen: Ada Bolt."])
    assert gone == []
    assert stays
    del tmp_path


def test_the_stream_of_an_open_site_is_taken_in(site):
    """What the demo uses: no files, one site."""
    from appliance.records.notes import SourceNote

    report = import_stream(
        site, (SourceNote(str(n), None, "", "", "x") for n in range(5)), Silent()
    )

    assert report.new == 5
    mode = stat.S_IMODE((site.paths.vault / "vault.db").stat().st_mode)
    assert mode == 0o600
