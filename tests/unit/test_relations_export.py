"""Relations for other tools: both ends, what joins them, and nothing that was not said."""

import csv
import json
from collections import Counter

import pyarrow.parquet as pq
import pytest
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.provenance import Provenance

from appliance.clinical.exports.known import EXPORTERS
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.parts import read_card
from appliance.clinical.extraction.reading import open_relations
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows import notes as note_workflow
from appliance.workflows.findings import count, export
from tests.lib.read_site import CONCEPTS, make_site, read_notes

TEXTS = (
    "Took aspirin for fever.",
    "Mother took aspirin for gout.",
    "Nothing, then aspirin for fever and for gout.",
    "Has asthma. On aspirin.",
)


@pytest.fixture
def site(tmp_path):
    notes = [
        SourceNote(f"s-{n}", f"p-{n}" if n else None, "letter", "2026-03-14", TEXTS[n % 4])
        for n in range(32)
    ]
    site = make_site(tmp_path / "site", notes)
    read_notes(site, "f", OutputFormat.JSONL, with_pairs=True)
    return site


def make(site, output_format, *, with_text=True):
    out = f"{output_format}-{with_text}"
    card = export(
        site.paths.root,
        "f",
        out=out,
        output_format=output_format,
        reason="a-study",
        with_text=with_text,
        progress=Silent(),
    )
    return site.paths.exports / out, card


def test_tables_have_every_relation_with_its_words(site):
    """In both formats the same; the words only where they were asked for."""
    folder, card = make(site, "parquet")
    lines = (make(site, "jsonl")[0] / "relations.jsonl").read_text().splitlines()
    bare = make(site, "jsonl", with_text=False)[0] / "relations.jsonl"

    rows = pq.read_table(folder / "relations.parquet").to_pylist()

    assert rows == [json.loads(line) for line in lines]
    assert Counter((row["head_words"], row["tail_words"]) for row in rows) == {
        ("aspirin", "fever"): 16,
        ("aspirin", "gout"): 16,
    }
    assert card.rows["relations"] == len(rows) == 32
    assert "aspirin" not in bare.read_text()


def test_brat_joins_two_entities(site):
    """R lines name T lines, and the configuration names the relation."""
    folder, _ = make(site, "brat")

    joined = Counter()
    for path in folder.rglob("*.ann"):
        entities, relations = {}, []
        for line in path.read_text().splitlines():
            name, rest = line.split("\t")[:2]
            if name.startswith("T"):
                entities[name] = rest.split()[0]
            elif name.startswith("R"):
                label, one, two = rest.split()
                relations.append((label, one.removeprefix("Arg1:"), two.removeprefix("Arg2:")))
        joined.update((label, entities[one], entities[two]) for label, one, two in relations)

    assert joined == {("treats", "Drug", "Disease"): 32}
    assert "treats\tArg1:Drug, Arg2:Disease" in (folder / "annotation.conf").read_text()


def test_omop_joins_two_rows_of_note_nlp(site):
    """By their ids, which are of the same note."""
    folder, _ = make(site, "omop", with_text=False)
    with (folder / "note_nlp.csv").open(newline="") as file:
        terms = {row["note_nlp_id"]: row for row in csv.DictReader(file)}
    with (folder / "note_nlp_relation.csv").open(newline="") as file:
        relations = list(csv.DictReader(file))

    assert len(relations) == 32
    for row in relations:
        ends = terms[row["note_nlp_id_1"]], terms[row["note_nlp_id_2"]]
        assert [end["lexical_variant"] for end in ends] == ["Drug", "Disease"]
        assert {end["note_id"] for end in ends} == {row["note_id"]}


def test_fhir_says_what_is_said_of_the_patient(site):
    """An Observation whose focus is two resources that are there, and its Provenance; valid."""
    folder, card = make(site, "fhir", with_text=False)
    made = {}
    for kind in ("Condition", "Observation", "Provenance"):
        for line in (folder / f"{kind}.ndjson").read_text().splitlines():
            resource = json.loads(line)
            made[f"{kind}/{resource['id']}"] = resource
    related = {key: one for key, one in made.items() if one.get("focus")}

    # Eight notes of the first kind, of which one names no patient, and of the third eight by two.
    assert len(related) == 7 + 16
    assert card.left_out["an-end-not-of-patient"] == 8
    for key, one in related.items():
        Observation.model_validate(one)
        ends = [made[focus["reference"]] for focus in one["focus"]]
        assert [end["code"]["text"] for end in ends] == ["Drug", "Disease"]
        [told] = [other for other in made.values() if other.get("target") == [{"reference": key}]]
        Provenance.model_validate(told)


@pytest.mark.parametrize("output_format", sorted(EXPORTERS))
def test_findings_without_pairs_have_no_table_of_relations(site, output_format):
    read_notes(site, "plain", OutputFormat.JSONL)

    export(
        site.paths.root,
        "plain",
        out="plain-export",
        output_format=output_format,
        reason="a-study",
        with_text=True,
        progress=Silent(),
    )

    names = [path.name for path in (site.paths.exports / "plain-export").rglob("*")]
    assert not [name for name in names if "relation" in name]


def test_patients_are_counted_by_what_joins_two_findings(site):
    """Not those of whom an end is not said; small numbers are kept back as of labels."""
    rows = {(row.label, row.concept): row for row in count(site.paths.root, "f")}
    concepts = {
        row.concept: row.patients
        for row in count(site.paths.root, "f", by_concept=True)
        if row.label == "treats"
    }

    assert (rows["treats", ""].patients, rows["treats", ""].findings) == (16, 24)
    joined = {f"{CONCEPTS['aspirin']} > {CONCEPTS[one]}" for one in ("fever", "gout")}
    assert set(concepts) == joined


def test_an_erased_patients_relations_are_gone_with_the_findings(site):
    """Counted anew, and the others' stay as they were."""
    directory = site.paths.findings / "f"
    before = dict(open_relations(directory))

    erased = note_workflow.erase(site.paths.root, "p-4")

    after = dict(open_relations(directory))
    card = read_card(directory)
    assert erased.notes == 1
    assert len(after) == len(before) - 1
    assert all(before[note_id] == relations for note_id, relations in after.items())
    assert card.relations == {"treats": sum(map(len, after.values()))} == {"treats": 31}
