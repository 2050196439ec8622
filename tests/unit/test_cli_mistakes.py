"""Mistakes that people made with the commands, and what each one now leads to."""

import io
import json
import resource
import subprocess
import sys

import pytest

from appliance.cli.main import run
from appliance.clinical.intake.formats.csv_rows import rows_of_csv
from appliance.errors import BadInput, IntegrityError, SiteError
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.demo import demo
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.inputs import InputText
from appliance.workflows.notes import erase, show
from appliance.workflows.patients import import_patients
from appliance.workflows.scan import _batches, open_site_gate
from appliance.workflows.site import check_kept, init, open_site


def test_lines_that_a_stray_quote_swallows_are_all_counted():
    """One unclosed quote costs its lines, and the count says how many."""
    lines = ["id,text", "1,good", '2,"stray', *(f"{n},text" for n in range(3, 101))]

    rows = list(rows_of_csv(io.BytesIO("\n".join(lines).encode()), None, None))

    assert len(rows) == 100


def test_the_demo_leaves_a_real_site_alone(tmp_path):
    """Invented patients never get into a vault that the demo did not make."""
    site = init(tmp_path / "site", "air-gapped")
    before = site.ledger.head().size

    with pytest.raises(SiteError, match="did not make"):
        demo(site.paths.root, count=20, gold=None, progress=Silent())

    assert site.ledger.head().size == before


@pytest.mark.parametrize("dry_run", [False, True])
def test_erasing_nobody_is_said_to_be_nobody(tmp_path, dry_run):
    """A typing error in a request for erasure must not look like an erasure."""
    site = init(tmp_path / "site", "air-gapped")

    with pytest.raises(BadInput, match="nothing was erased"):
        erase(site.paths.root, "NOBODY", dry_run=dry_run)


def test_what_came_before_a_bad_input_is_not_lost():
    """Inputs before a malformed line get their verdicts; then the line is complained of."""

    def inputs():
        yield InputText("1", "fine")
        raise BadInput("line 2 is malformed.")

    batches = _batches(inputs())

    assert [one.id for one in next(batches)] == ["1"]
    with pytest.raises(BadInput):
        next(batches)


def test_a_note_is_found_by_the_hospitals_own_id(tmp_path):
    """Whoever has just imported a note knows its id in the exporting system, and no other."""
    site = init(tmp_path / "site", "air-gapped")
    note = SourceNote("LH-1", "P-1", "letter", "2026-01-02", "Seen today.")
    import_stream(site, [note], Silent())

    shown = show(site.paths.root, "LH-1", "chart-review", with_text=False)

    assert show(site.paths.root, shown.note_id, "chart-review", with_text=False) == shown
    assert (shown.kind, shown.characters, shown.text) == ("letter", 11, None)


def test_a_few_words_are_a_reason_and_one_missing_note_is_said_plainly(tmp_path, capsys):
    """The ledger takes no prose, so the words are joined."""
    site = init(tmp_path / "site", "air-gapped")
    import_stream(site, [SourceNote("LH-1", "P-1", "letter", "", "Seen today.")], Silent())
    words = ["--reason", "Chart review", "--site", str(site.paths.root)]

    assert run(["notes", "show", "LH-1", *words]) == 0
    assert run(["notes", "show", "LH-2", *words]) == 2

    assert "That note is not in the vault" in capsys.readouterr().err
    bodies = read_bodies(site.paths.ledger, open_site(site.paths.root).ledger.head().size)
    assert '"reason":"chart-review"' in b"".join(bodies).decode().replace(" ", "")


def test_one_id_with_two_birth_dates_is_told(tmp_path, capsys):
    """Two people under one id would be erased together; a correction looks the same."""
    site = init(tmp_path / "site", "air-gapped")
    registry = tmp_path / "registry.csv"
    registry.write_text(
        "patient,name,dob\n1,Zebedee Quill,1950-01-02\n1,Ada Invented,1960-03-04\n2,Bo Quill,\n"
    )

    assert run(["patients", "import", str(registry), "--site", str(site.paths.root)]) == 0

    assert "1 patient id(s) stand with several dates of birth" in capsys.readouterr().err


@pytest.mark.parametrize("row", ["1,,", "1, ,\t"])
def test_a_patient_without_identifiers_costs_their_row_only(tmp_path, row):
    """The gate has nothing to look for; the others are protected all the same."""
    site = init(tmp_path / "site", "air-gapped")
    registry = tmp_path / "registry.csv"
    registry.write_text(f"patient,name,mrn\n{row}\n2,Ada Invented,77\n")

    imported = import_patients(site.paths.root, registry, Silent())

    assert imported.patients == 1
    assert [(one.line, one.reason) for one in imported.refused] == [(2, "no-identifier")]


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_a_registry_with_an_impossible_birth_date_costs_its_row_only(tmp_path, capsys, dry_run):
    """The others are known to the gate; the row is told by line and reason, not by its words."""
    site = init(tmp_path / "site", "air-gapped")
    registry = tmp_path / "registry.csv"
    registry.write_text(
        "patient,name,birth_date\n1,Zebedee Quill,1950-02-30\n2,Ada Invented,1950-02-28\n"
    )
    words = ["patients", "import", str(registry), "--site", str(site.paths.root), "--json"]

    assert run([*words, *dry_run]) == 2

    output, errors = capsys.readouterr()
    document = json.loads(output)
    assert document["patients"] == 1
    assert document["refused"] == [{"line": 2, "reason": "impossible-birth-date"}]
    assert "line 2: impossible-birth-date" in errors
    assert "Zebedee" not in output + errors
    with opened_vault(open_site(site.paths.root)) as vault:
        assert vault.count_patients() == (0 if dry_run else 1)


def test_a_registry_in_which_nothing_can_be_right_is_refused(tmp_path):
    """Nothing is written."""
    site = init(tmp_path / "site", "air-gapped")
    registry = tmp_path / "registry.csv"
    registry.write_text("patient,birth_date\n1,1950-02-30\n")

    with pytest.raises(BadInput, match="impossible-birth-date on line 2"):
        import_patients(site.paths.root, registry, Silent())


@pytest.mark.parametrize("gone", ["vault/vault.db", "vault"])
def test_a_vault_that_is_gone_is_not_an_empty_one(tmp_path, capsys, gone):
    """A mount that failed is no reason to say that there are no notes, nor to begin anew."""
    site = init(tmp_path / "site", "air-gapped")
    import_stream(site, [SourceNote("1", None, "letter", "", "Seen today.")], Silent())
    path = site.paths.root / gone
    path.rename(tmp_path / "elsewhere")

    assert run(["notes", "count", "--site", str(site.paths.root)]) == 8

    assert "is gone, but the ledger tells" in capsys.readouterr().err
    assert not path.exists()


def test_a_patient_index_that_is_gone_shuts_the_gate(tmp_path):
    """Without it the gate would look for nobody and let every patient pass."""
    site = init(tmp_path / "site", "air-gapped")
    registry = tmp_path / "registry.csv"
    registry.write_text("patient,name\n1,Ada Invented\n")
    import_patients(site.paths.root, registry, Silent())
    (site.paths.vault / PATIENT_INDEX).unlink()

    with pytest.raises(IntegrityError, match="is gone"):
        open_site_gate(site)


def test_a_site_that_never_had_notes_or_patients_lacks_nothing(tmp_path):
    """The files are made by the first import; an import that took in nothing counts for nothing."""
    site = init(tmp_path / "site", "air-gapped")
    import_stream(site, [], Silent())
    (site.paths.vault / "vault.db").unlink()

    check_kept(site, site.paths.vault / "vault.db", "vault.sealed", "new")
    check_kept(site, site.paths.vault / PATIENT_INDEX, "patients.imported", "patients")


def test_a_ledger_that_is_gone_is_an_alarm(tmp_path, capsys):
    """Not a question of modes."""
    site = init(tmp_path / "site", "air-gapped")
    site.paths.ledger.rename(tmp_path / "elsewhere")

    for words in (["ledger", "verify"], ["ledger", "head"], ["notes", "count"]):
        assert run([*words, "--site", str(site.paths.root)]) == 8
    assert capsys.readouterr().err.count("is gone") == 3


@pytest.mark.parametrize("was_there", [False, True])
def test_a_site_that_could_not_be_made_is_not_half_made(tmp_path, was_there):
    """As on a full disk: no file may grow beyond 4 KB here. The same command works afterwards."""
    where = tmp_path / "site"
    if was_there:
        where.mkdir()
    program = [sys.executable, "-B", "-m", "appliance", "init", str(where), "--profile"]

    done = subprocess.run(
        [*program, "air-gapped"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 2, done.stderr
    assert "can't be written: File too large" in done.stderr
    assert where.exists() == was_there
    assert not was_there or not list(where.iterdir())
    assert run([*program[4:], "air-gapped"]) == 0
