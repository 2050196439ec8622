"""From an export to the vault and out again, through the workflows and the command line."""

import io
import json
import re
import stat

import pytest

from appliance.cli.main import run
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows import erasing
from appliance.workflows.ingest import import_notes, import_stream, opened_vault, read_rejected
from appliance.workflows.notes import erase, readmit
from appliance.workflows.site import init, open_site
from tests.lib.exports import Exported, document_reference, mdm

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
    (folder / "scan.docx").write_bytes(b"%PDF")
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
        (folder / "a.docx").touch()
        (folder / "b.txt").touch()

    with pytest.raises(BadInput, match=r"note.*Give folders of \.txt") as caught:
        import_notes(site.paths.root, [folder], Silent())

    assert ("1 unknown-format" in str(caught.value)) == (name == "useless")
    assert ("it is empty" in str(caught.value)) == (name == "empty")


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


def test_rejected_items_are_told_by_number_and_named_from_the_vault(site, export, capfd):
    """Nothing printed by an import names a file; the list that does is encrypted and on record."""
    where = ["--site", str(site.paths.root), "--json"]
    expected = [(1, 4, "duplicate-id"), (1, 5, "empty"), (2, None, "not-utf-8")]

    assert run(["notes", "import", str(export), *where]) == 0
    output, errors = capfd.readouterr()
    told = [
        (one["file"], one["line"], one["reason"]) for one in json.loads(output)["first_rejected"]
    ]
    assert told == [*expected, (3, None, "unknown-format")]
    assert "path 1, file 1, line 4: duplicate-id" in errors
    assert SECRET not in output + errors
    assert not [
        path
        for path in site.paths.root.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    ]

    assert run(["notes", "rejected", *where]) == 0
    [first, *_] = json.loads(capfd.readouterr().out)
    assert (first["name"], first["line"]) == (str(export / "a.jsonl"), 4)
    assert facts(site)[-1]["facts"] == {"count": 4, "reason": "mending-an-export"}


def test_names_of_rejected_files_are_printed_where_they_are_asked_for(site, export, capfd):
    """For a dry run there is no other way."""
    words = ["notes", "import", str(export), "--site", str(site.paths.root), "--dry-run"]

    assert run([*words, "--show-names"]) == 0

    assert f"{export / 'latin.txt'}: not-utf-8" in capfd.readouterr().err


def test_the_list_on_the_screen_is_short_and_says_so(site, tmp_path, capfd):
    """Ten thousand files of a wrong kind don't scroll the counts away; the vault has them all."""
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "good.txt").write_text("Good.")
    for number in range(50):
        (folder / f"{number}.docx").touch()

    assert run(["notes", "import", str(folder), "--site", str(site.paths.root)]) == 0
    assert run(["notes", "rejected", "--site", str(site.paths.root), "--json"]) == 0

    output, errors = capfd.readouterr()
    assert errors.count(": unknown-format") == 20
    assert "30 more" in errors
    assert len(json.loads(output[output.index("[\n") :])) == 50


def test_an_export_without_notes_keeps_its_list(site, tmp_path, capfd):
    """Where nothing was taken in, the list is needed most."""
    (tmp_path / "x.docx").touch()

    assert run(["notes", "import", str(tmp_path / "x.docx"), "--site", str(site.paths.root)]) == 2
    assert "appliance notes rejected" in capfd.readouterr().err
    assert run(["notes", "rejected", "--site", str(site.paths.root), "--json"]) == 0

    assert len(json.loads(capfd.readouterr().out)) == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_erasing_asks_first(site, export, monkeypatch, capfd, answer):
    """Without a yes nothing is erased, and it is no interruption; nobody there is a no."""
    import_notes(site.paths.root, [export], Silent())
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    capfd.readouterr()

    assert run(["notes", "erase", "--patient", SECRET, "--site", str(site.paths.root)]) == 2

    said = capfd.readouterr().err
    assert "Erase this patient's 2 note(s)" in said
    assert "nothing was erased" in said
    with opened_vault(open_site(site.paths.root)) as vault:
        assert len(vault.note_ids()) == 3


def test_ctrl_c_at_the_question_is_an_interruption(site, export, monkeypatch):
    """As everywhere."""

    class Keyboard(io.StringIO):
        def readline(self, *_):
            raise KeyboardInterrupt

    import_notes(site.paths.root, [export], Silent())
    monkeypatch.setattr("sys.stdin", Keyboard())

    assert run(["notes", "erase", "--patient", SECRET, "--site", str(site.paths.root)]) == 130


def test_an_erased_patient_leaves_the_gates_index(site, tmp_path):
    """The index is made anew from those who stay."""
    from appliance.gate.patients.index import PatientIndex
    from appliance.gate.patients.writing import write_index
    from appliance.records.notes import PatientIdentifier, SourcePatient
    from appliance.settings.keys import Purpose
    from appliance.settings.site import PATIENT_INDEX

    key = site.keys.key(Purpose.PATIENT_INDEX)
    path = site.paths.vault / PATIENT_INDEX
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


@pytest.mark.parametrize("erased", ["fhir-7", "MRN-7"])
def test_what_lies_under_another_id_of_the_person_is_told(site, capfd, erased):
    """Two systems wrote two ids; the registry says so, whichever of the two it calls the patient.

    An id that only looks alike is nobody's: of the ones who stay nothing is told.
    """
    from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient

    root = str(site.paths.root)
    named = (("fhir-id", "fhir-7"), ("phone", "555-0100"))
    with opened_vault(site) as vault:
        vault.register(
            [
                SourcePatient("MRN-7", tuple(PatientIdentifier(*one) for one in named)),
                SourcePatient("MRN-8", (PatientIdentifier("phone", "555-0100"),)),
            ]
        )
        owners = ("MRN-7", "fhir-7", "fhir-7", "MRN-8")
        vault.seal(
            SourceNote(f"n-{number}", owner, "letter", "", "Calm.")
            for number, owner in enumerate(owners)
        )
    words = ["notes", "erase", "--patient", erased, "--site", root, "--json"]

    for more in (["--dry-run"], ["--yes"]):
        assert run([*words, *more]) == 0
        told = capfd.readouterr()
        notes = owners.count("MRN-7" if erased == "fhir-7" else "fhir-7")
        assert (json.loads(told.out)["other_ids"], json.loads(told.out)["other_notes"]) == (
            1,
            notes,
        )
        assert f"1 other id(s) too, with {notes} note(s)" in told.err
    assert run(["notes", "erase", "--patient", "MRN-8", "--site", root, "--yes"]) == 0
    assert "other id" not in capfd.readouterr().err


def test_the_registry_is_asked_once_for_other_ids(site, export, monkeypatch, capfd):
    """It is scanned whole: not before the question and after it again."""
    import_notes(site.paths.root, [export], Silent())
    asked, real = [], Vault.other_ids_of
    monkeypatch.setattr(Vault, "other_ids_of", lambda *given: asked.append(1) or real(*given))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    assert run(["notes", "erase", "--patient", SECRET, "--site", str(site.paths.root)]) == 0

    assert len(asked) == 1
    assert "Erase this patient's 2 note(s)" in capfd.readouterr().err


def test_no_export_brings_back_who_was_erased(site, export, capfd):
    """Counted, and named nowhere; until somebody who may erase says otherwise."""
    root = site.paths.root
    import_notes(root, [export], Silent())
    with pytest.raises(BadInput, match="was erased"):
        readmit(root, SECRET, "too-early")
    erase(root, SECRET)

    again = import_notes(root, [export], Silent())

    assert (again.new, again.known, again.rejected["patient-erased"]) == (0, 1, 2)
    assert run(["notes", "rejected", "--site", str(root)]) == 0
    assert "patient-erased" not in capfd.readouterr().out
    asked = ["notes", "readmit", "--patient", SECRET, "--reason", "new consent"]
    assert run([*asked, "--site", str(root), "--dry-run"]) == 0
    assert import_notes(root, [export], Silent()).rejected["patient-erased"] == 2
    assert run([*asked, "--site", str(root)]) == 0
    assert SECRET not in "".join(capfd.readouterr())
    back = import_notes(root, [export], Silent())
    assert (back.new, "patient-erased" in back.rejected) == (2, False)
    with pytest.raises(BadInput, match="A reason is"):
        readmit(root, SECRET, f"{SECRET} asks")
    with pytest.raises(BadInput, match="readmitted already"):
        readmit(root, SECRET, "again")
    erase(root, SECRET)
    assert import_notes(root, [export], Silent(), dry_run=True).rejected["patient-erased"] == 2


def test_an_item_of_an_erased_patient_is_kept_under_no_name(site, tmp_path):
    """Also where its id came before: the file's name can be the patient's."""
    folder = tmp_path / "notes"
    folder.mkdir()
    row = json.dumps({"id": "1", "text": "Fever.", "patient": SECRET})
    (folder / f"{SECRET}.jsonl").write_text(f"{row}\n{row}\n")
    (folder / "good.txt").write_text("Good.")
    (folder / "scan.docx").touch()
    root = site.paths.root
    import_notes(root, [folder], Silent())
    assert [SECRET in item.name for item in read_rejected(root)] == [True, False]
    erase(root, SECRET)

    report = import_notes(root, [folder], Silent(), with_names=True)

    assert report.rejected == {"patient-erased": 2, "unknown-format": 1}
    assert [item.reason for item in report.first_rejected] == ["unknown-format"]
    assert [item.reason for item in read_rejected(root)] == ["unknown-format"]
    with pytest.raises(BadInput, match=r"2 patient-erased.*notes readmit"):
        import_notes(root, [folder / f"{SECRET}.jsonl"], Silent())


class Killed(BaseException):
    """As a signal would."""


@pytest.mark.parametrize(
    ("where", "name", "after"),
    [
        (erasing, "_scrub_traces", False),
        (Vault, "erase_patient_of", False),
        (Vault, "erase_patient_of", True),
        (Vault, "end_erasure_of", False),
        (Vault, "end_erasure_of", True),
    ],
)
def test_an_erasure_that_was_killed_lets_nobody_back(site, export, monkeypatch, where, name, after):
    """Before the vault's part, after it, or before the last word in the ledger."""
    root = site.paths.root
    import_notes(root, [export], Silent())
    real = getattr(where, name)

    def dying(*arguments, **options):
        if after:
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, dying)
        with pytest.raises(Killed):
            erase(root, SECRET)
    again = import_notes(root, [export], Silent())

    assert (again.rejected["patient-erased"], again.new, again.known) == (2, 0, 1)


def test_readmission_waits_for_the_end_of_the_erasure(site, export):
    """It would be undone by it."""
    import_notes(site.paths.root, [export], Silent())
    with opened_vault(site) as vault:
        vault.begin_erasure(SECRET)

    with pytest.raises(BadInput, match="not ended"):
        readmit(site.paths.root, SECRET, "consent")


def test_whoever_came_back_before_tombstones_were_asked_gets_corrections(site, export):
    """Erased, and imported again by an older program: the vault holds the patient."""
    root = site.paths.root
    import_notes(root, [export], Silent())
    erase(root, SECRET)
    import_stream(site, [SourceNote(f"{SECRET}-1", SECRET, "referral", "", "Once.")], Silent())

    report = import_notes(root, [export], Silent())

    assert (report.new, report.changed, report.known) == (1, 1, 1)
    assert "patient-erased" not in report.rejected


IN_ERROR = json.dumps(document_reference(Exported()) | {"status": "entered-in-error"}).encode()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.hl7", mdm(Exported()), mdm(Exported()).replace(b"AU||AV", b"AU||CA")),
        ("a.hl7", mdm(Exported()), mdm(Exported()).replace(b"MDM^T02^MDM_T02", b"MDM^T11")),
        ("a.json", json.dumps(document_reference(Exported())).encode(), IN_ERROR),
    ],
    ids=["deleted", "cancelled", "entered in error"],
)
def test_what_an_export_takes_back_is_not_read_any_more(site, tmp_path, name, before, after):
    """It is counted, and the note's withdrawal is an event."""
    feed = tmp_path / name
    feed.write_bytes(before)
    import_notes(site.paths.root, [feed], Silent())
    feed.write_bytes(after)
    (tmp_path / "other.txt").write_text("Another note.")

    report = import_notes(site.paths.root, [feed, tmp_path / "other.txt"], Silent())

    assert (report.new, report.rejected) == (1, {"withdrawn": 1})
    with opened_vault(site) as vault:
        texts = {note.text for note in vault.read_identified(vault.note_ids(), "test")}
        assert vault.count() == {"": 1}
    assert texts == {"Another note."}
    assert report.withdrawn == 1
    assert [body["kind"] for body in facts(site)].count("vault.withdrawn") == 1


def test_a_note_without_a_patient_is_erased_by_its_own_id(site, tmp_path, capfd):
    """A folder of text says of nobody whose it is; erased, it comes back when it is readmitted."""
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "Jo Doe.txt").write_text("Jo Doe has gout.")
    (folder / "other.txt").write_text("Asthma.")
    root = str(site.paths.root)
    take = ["notes", "import", str(folder), "--site", root, "--json"]
    assert run(take) == 0
    assert json.loads(capfd.readouterr().out)["without_patient"] == 2
    with opened_vault(site) as vault:
        own = vault.note_id_of("letters/Jo Doe")

    code = run(["notes", "erase", "--note", "letters/Jo Doe", "--yes", "--site", root])

    assert code == 0
    with opened_vault(site) as vault:
        assert own not in vault.note_ids()
        assert len(vault.note_ids()) == 1
    assert run(["notes", "erase", "--note", own, "--yes", "--site", root]) == 2
    capfd.readouterr()
    assert run(take) == 0
    assert json.loads(capfd.readouterr().out)["rejected"] == {"patient-erased": 1}
    table = tmp_path / "later.jsonl"
    table.write_text(json.dumps({"id": "letters/Jo Doe", "text": "Gout.", "patient": "P-1"}))
    assert run(["notes", "import", str(table), "--site", root]) == 2
    assert run(["notes", "readmit", "--note", own, "--reason", "mistake", "--site", root]) == 0
    capfd.readouterr()
    assert run(take) == 0
    assert json.loads(capfd.readouterr().out)["new"] == 1


def test_a_patients_note_goes_with_the_patient_only(site, tmp_path, capfd):
    """By its own id it is left; and one of the two has to be named."""
    feed = tmp_path / "a.hl7"
    feed.write_bytes(mdm(Exported()))
    import_notes(site.paths.root, [feed], Silent())
    root = str(site.paths.root)
    with opened_vault(site) as vault:
        [own] = vault.note_ids()

    for words in (["--note", own], [], ["--note", own, "--patient", "pat-1"]):
        assert run(["notes", "erase", *words, "--yes", "--site", root]) == 2

    assert "--patient" in capfd.readouterr().err
    with opened_vault(site) as vault:
        assert vault.note_ids() == [own]


def test_a_note_that_becomes_another_patients_is_told(site, tmp_path, capfd):
    """It may be two systems' numbers: what was there before is gone."""
    feed = tmp_path / "a.hl7"
    feed.write_bytes(mdm(Exported(patient="pat-1", text="Scaphoid.")))
    import_notes(site.paths.root, [feed], Silent())
    feed.write_bytes(mdm(Exported(patient="pat-2", text="Melanoma.")))

    code = run(["notes", "import", str(feed), "--site", str(site.paths.root)])

    assert code == 0
    assert re.search(r"of these another patient's now +1\b", capfd.readouterr().out)
    [imported] = [body for body in facts(site) if body["kind"] == "notes.imported"][1:]
    assert imported["facts"]["moved"] == 1


def test_the_stream_of_an_open_site_is_taken_in(site):
    """What the demo uses: no files, one site."""
    report = import_stream(
        site, (SourceNote(str(n), None, "", "", "x") for n in range(5)), Silent()
    )

    assert report.new == 5
    mode = stat.S_IMODE((site.paths.vault / "vault.db").stat().st_mode)
    assert mode == 0o600
