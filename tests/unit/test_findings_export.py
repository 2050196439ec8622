"""Findings for other tools: whole, true to what was read, in the site, without a word of a note."""

import csv
import json
from collections import Counter

import pyarrow.parquet as pq
import pytest
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.provenance import Provenance

from appliance.artifacts.manifest import MANIFEST, read_manifest, write_manifest
from appliance.cli.main import run
from appliance.clinical.exports.known import EXPORTERS
from appliance.clinical.exports.omop import COLUMNS, OMOP_SYSTEM
from appliance.clinical.extraction.formats import OutputFormat
from appliance.errors import BadInput, ManifestMismatch
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows.findings import count, export
from appliance.workflows.ingest import import_stream
from tests.lib.read_site import CONCEPTS, make_site, read_notes

CANARY = "Quillfeather"
SYSTEM = "http://snomed.info/sct"
TEXTS = (
    "Mx Quillfeather has fever.",
    "No fever.\nMother had\nasthma.",
    "History of gout. Possible asthma.",
    "Return if fever. On aspirin.",
    "Nothing to report.",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    notes = [
        SourceNote(f"{CANARY}-{n}", f"mrn-{n}" if n != 2 else None, "letter", "2026-03-14", text)
        for n, text in enumerate(TEXTS)
    ]
    notes += [SourceNote(f"x-{n}", f"p-{n}", "letter", "", f"{CANARY}: fever.") for n in range(20)]
    site = make_site(tmp_path_factory.mktemp("world") / "site", notes)
    read_notes(site, "f")
    return site


def make(site, output_format, with_text, out=None):
    out = out or f"{output_format}-{'words' if with_text else 'offsets'}"
    folder = site.paths.exports / out
    if not folder.exists():
        export(
            site.paths.root,
            "f",
            out=out,
            output_format=output_format,
            reason="registry-study",
            vocabulary=SYSTEM,
            with_text=with_text,
            progress=Silent(),
        )
    return folder


def resources(folder, kind):
    return [json.loads(line) for line in (folder / f"{kind}.ndjson").read_text().splitlines()]


def test_tables_have_every_finding(site):
    """In both formats the same rows, in the same order."""
    table = pq.read_table(make(site, "parquet", with_text=True) / "findings.parquet").to_pylist()
    lines = (make(site, "jsonl", with_text=True) / "findings.jsonl").read_text().splitlines()

    assert table == [json.loads(line) for line in lines]
    assert len(table) == 27
    words = Counter(row["words"] for row in table)
    assert words == {"fever": 23, "asthma": 2, "gout": 1, "aspirin": 1}
    assert all(row["concept"] == CONCEPTS[row["words"]] for row in table)
    assert {row["words"] for row in table if row["family"]} == {"asthma"}
    assert sum(row["negated"] for row in table) == 1


@pytest.mark.parametrize("output_format", sorted(set(EXPORTERS) - {"brat"}))
def test_no_word_of_a_note_is_in_an_export_that_did_not_ask_for_it(site, output_format):
    """Neither names nor the findings' own words."""
    folder = make(site, output_format, with_text=False)

    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert CANARY.encode() not in content
        assert b"asthma" not in content


def test_an_export_of_notes_themselves_must_be_asked_for(site):
    """BRAT is the text; it is not written by accident."""
    with pytest.raises(BadInput, match="--with-text"):
        make(site, "brat", with_text=False)


def test_brats_offsets_are_those_of_its_texts(site):
    """Piece by piece where a finding or a cue goes over a line; new lines count one."""
    folder = make(site, "brat", with_text=True)
    shown = Counter()

    for path in folder.rglob("*.ann"):
        text = path.with_suffix(".txt").read_bytes().decode()
        for line in path.read_text().splitlines():
            if line.startswith("T"):
                _, where, words = line.split("\t")
                label, _, places = where.partition(" ")
                pieces = [tuple(map(int, place.split())) for place in places.split(";")]
                assert " ".join(text[start:end] for start, end in pieces) == words
                shown[label] += 1

    assert (shown["Disease"], shown["Drug"], shown["Cue-family"]) == (26, 1, 1)


def test_omop_has_the_models_columns_and_integers(site):
    """In the specification's order; ids that are numbers; what is not there is N."""
    folder = make(site, "omop", with_text=False)
    with (folder / "note_nlp.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "note_map.csv").open(newline="") as file:
        notes = {row["note_id"]: row for row in csv.DictReader(file)}
    with (folder / "note_nlp_cue.csv").open(newline="") as file:
        cues = list(csv.DictReader(file))

    assert tuple(rows[0]) == COLUMNS
    assert [int(row["note_nlp_id"]) for row in rows] == list(range(1, 28))
    assert {row["note_id"] for row in rows} == set(notes)
    assert all(0 < int(row["note_id"]) < 2**63 for row in rows)
    assert {row["note_nlp_concept_id"] for row in rows} == {"0"}
    concepts = {row["term_modifiers"].partition("concept=")[2].partition(";")[0] for row in rows}
    assert concepts == set(CONCEPTS.values())
    assert Counter(row["term_exists"] for row in rows) == {"Y": 23, "N": 4}
    assert Counter(row["term_temporal"] for row in rows) == {"Present": 26, "Past": 1}
    assert Counter(row["kind"] for row in cues) == {
        "negated": 1,
        "family": 1,
        "historical": 1,
        "uncertain": 1,
        "hypothetical": 1,
    }


@pytest.mark.parametrize("with_text", [False, True])
def test_fhir_resources_are_valid(site, with_text):
    """By the published models of R4B, whose Condition, Observation and Provenance are R4's."""
    folder = make(site, "fhir", with_text=with_text)

    conditions = [Condition.model_validate(one) for one in resources(folder, "Condition")]
    observations = [Observation.model_validate(one) for one in resources(folder, "Observation")]
    provenances = [Provenance.model_validate(one) for one in resources(folder, "Provenance")]

    made = {f"Condition/{one.id}" for one in conditions}
    made |= {f"Observation/{one.id}" for one in observations}
    assert {one.target[0].reference for one in provenances} == made
    assert len(made) == len(conditions) + len(observations) == len(provenances)


def test_fhir_claims_nothing_that_was_not_read(site):
    """Refuted is refuted; of the family and feared is left out; a machine confirms nothing."""
    folder = make(site, "fhir", with_text=False)
    statuses = Counter(
        one["verificationStatus"]["coding"][0]["code"] for one in resources(folder, "Condition")
    )
    card = json.loads((folder / "card.json").read_text())

    # Two of the third note's, which names no patient.
    assert card["left_out"] == {"about-family": 1, "hypothetical": 1, "no-patient": 2}
    assert statuses == {"unconfirmed": 21, "refuted": 1}
    assert [one["valueBoolean"] for one in resources(folder, "Observation")] == [True]
    assert not any(
        "clinicalStatus" in one
        for one in resources(folder, "Condition")
        if one["verificationStatus"]["coding"][0]["code"] == "refuted"
    )


def test_a_second_export_updates_and_adds_nothing(site):
    """The ids of resources follow from note, offsets and label."""
    first = resources(make(site, "fhir", with_text=False), "Condition")
    again = resources(make(site, "fhir", with_text=False, out="again"), "Condition")

    assert [one["id"] for one in first] == [one["id"] for one in again]


@pytest.mark.parametrize("output_format", sorted(EXPORTERS))
def test_an_export_is_whole_private_and_on_record(site, output_format):
    """Manifest over every file; modes; the ledger has the reason and whether words are in it."""
    folder = make(site, output_format, with_text=True)

    manifest = read_manifest(folder, "export")

    files = {path for path in folder.rglob("*") if path.is_file()}
    assert len(manifest.files) == len(files) - 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.rglob("*")))
    events = [json.loads(body) for body in read_bodies(site.paths.ledger, site.ledger.head().size)]
    facts = [one["facts"] for one in events if one["kind"] == "findings.exported"]
    [own] = [one for one in facts if one["name"] == folder.name]
    assert (own["reason"], own["with_text"]) == ("registry-study", True)
    assert {"count": 24, "reason": "registry-study"} in [
        one["facts"] for one in events if one["kind"] == "vault.read"
    ]


@pytest.mark.parametrize("out", ["../out", "/tmp/out", "a/b", ".hidden", ""])
def test_an_export_stays_in_the_site(site, out):
    """A name is no path."""
    with pytest.raises(BadInput, match="letters, digits"):
        make(site, "jsonl", with_text=False, out=out or " ")


def test_an_export_that_fails_leaves_nothing(site, monkeypatch):
    """Neither a folder under the name nor a half-written one beside it."""

    def broken(folder, notes, source):
        (folder / "half").write_text(str(next(iter(notes)).note.note_id) + str(source.with_text))
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(EXPORTERS, "jsonl", broken)

    with pytest.raises(Exception, match="No space"):
        make(site, "jsonl", with_text=False, out="broken")

    assert not [path for path in site.paths.exports.iterdir() if "broken" in path.name]


def test_small_numbers_of_patients_are_kept_back(site):
    """And of a label the next one, from which the small one would follow."""
    by_label = {(row.label, row.concept): row.patients for row in count(site.paths.root, "f")}
    rows = count(site.paths.root, "f", by_concept=True)

    assert by_label == {("Disease", ""): 22, ("Drug", ""): None}
    assert {row.concept: row.patients for row in rows if row.label == "Disease"} == {
        # Beside the two small ones, who are together still too few.
        CONCEPTS["fever"]: None,
        CONCEPTS["asthma"]: None,
        CONCEPTS["gout"]: None,
    }


def test_a_single_small_number_takes_a_neighbour_along(tmp_path):
    """Or it would be the difference."""
    notes = [SourceNote(f"a-{n}", f"p-{n}", "x", "", "fever, gout") for n in range(12)]
    notes += [SourceNote("b", "p-b", "x", "", "asthma"), SourceNote("c", "p-c", "x", "", "fever")]
    site = make_site(tmp_path / "site", notes)
    read_notes(site, "f")

    rows = {row.concept: row.patients for row in count(site.paths.root, "f", by_concept=True)}

    assert rows == {CONCEPTS["fever"]: 13, CONCEPTS["gout"]: None, CONCEPTS["asthma"]: None}


@pytest.mark.parametrize("output_format", ["jsonl", "parquet", "brat", "omop", "fhir"])
def test_a_note_that_changed_since_costs_its_own_findings_alone(tmp_path, output_format):
    """Offsets are of a version: no word of another one is taken for what was found."""
    notes = [SourceNote(f"s-{n}", f"p-{n}", "x", "", f"Visit {n}: fever.") for n in range(3)]
    site = make_site(tmp_path / "site", notes)
    read_notes(site, "f")
    longer = SourceNote("s-1", "p-1", "x", "", "Visit 1: Quillfeather has no complaint at all.")
    import_stream(site, [longer], Silent())

    folder = make(site, output_format, with_text=True)

    card = json.loads((folder / "card.json").read_bytes())
    assert card["left_out"] == {"note-changed-since": 1}
    for path in folder.rglob("*"):
        assert path.is_dir() or b"Quill" not in path.read_bytes()


def test_findings_that_know_no_version_are_not_exported_beyond_a_notes_end(tmp_path):
    """As an older release wrote them."""
    notes = [SourceNote("1", "p", "x", "", "A long text that ends with fever")]
    site = make_site(tmp_path / "site", notes)
    read_notes(site, "f", OutputFormat.JSONL)
    directory = site.paths.findings / "f"
    (directory / "notes.stamps").unlink()
    (directory / MANIFEST).unlink()
    write_manifest(directory, "findings")
    import_stream(site, [SourceNote("1", "p", "x", "", "Shorter: fever")], Silent())

    with pytest.raises(ManifestMismatch, match="Extract again"):
        make(site, "jsonl", with_text=True)


def test_a_notes_words_never_become_a_formula(tmp_path):
    """A table that is opened in a spreadsheet computes nothing."""
    notes = [SourceNote("1", "=1+1", "@SUM(A1)", "", "fever")]
    site = make_site(tmp_path / "site", notes)
    read_notes(site, "f")

    content = (make(site, "omop", with_text=True) / "note_map.csv").read_text()

    assert ",@SUM" not in content
    assert ",'@SUM(A1)" in content


def test_the_command_line_exports_and_counts(site, capfd):
    """As JSON and as tables; a dry run writes nothing."""
    where = ["--site", str(site.paths.root)]
    asked = ["findings", "export", "f", "--format", "omop", "--out", "cli", "--reason", "a study"]

    assert run([*asked, *where, "--dry-run"]) == 0
    assert not (site.paths.exports / "cli").exists()
    capfd.readouterr()
    assert run([*asked, *where, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["rows"]["note_nlp"] == 27
    assert run([*asked, *where]) == 2
    assert run(["findings", "count", "f", *where]) == 0
    assert "few" in capfd.readouterr().out


def test_small_numbers_together_are_no_small_number(tmp_path):
    """The label's total less what is shown would be the two of them."""
    notes = [SourceNote(f"a-{n}", f"p-{n}", "x", "", "fever") for n in range(30)]
    notes += [SourceNote("b", "p-b", "x", "", "asthma"), SourceNote("c", "p-c", "x", "", "gout")]
    notes += [SourceNote(f"d-{n}", None, "x", "", "aspirin") for n in range(20)]
    site = make_site(tmp_path / "site", notes)
    read_notes(site, "f")

    rows = count(site.paths.root, "f", by_concept=True)

    assert [row.patients for row in rows if row.label == "Disease"] == [None, None, None]
    # Twenty notes of nobody known can be one patient's.
    assert [row.patients for row in rows if row.label == "Drug"] == [None]


def test_only_omops_own_codes_are_its_concepts(site):
    """386661006 is fever in SNOMED CT, and something else or nothing there."""
    folder = site.paths.exports / "own"
    export(
        site.paths.root,
        "f",
        out="own",
        output_format="omop",
        reason="a-study",
        vocabulary=OMOP_SYSTEM,
        progress=Silent(),
    )

    with (folder / "note_nlp.csv").open(newline="") as file:
        concepts = {row["note_nlp_concept_id"] for row in csv.DictReader(file)}

    assert concepts == set(CONCEPTS.values())
