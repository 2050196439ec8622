"""The invented hospital's files are what a real hospital's export would be."""

import json
from datetime import date

import pytest

from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.registry import read_registry
from appliance.errors import BadInput
from appliance.workflows.hospital import export_hospital
from tests.lib.invented_hospital import hospital


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hospital")
    return directory, export_hospital(directory)


def test_the_notes_come_back_through_intake(exported):
    directory, counts = exported

    assert tuple(read_notes([directory / "notes.jsonl"])) == hospital().notes
    assert counts["notes.jsonl"] == 240


def test_the_registry_comes_back_through_intake(exported):
    directory, _ = exported
    read = tuple(read_registry(directory / "patients.csv", date(2026, 3, 1)))

    assert [p.source_id for p in read] == [p.source_id for p in hospital().patients]
    for got, made in zip(read, hospital().patients, strict=True):
        assert sorted((i.kind, i.value) for i in got.identifiers) == sorted(
            (i.kind, i.value) for i in made.identifiers
        )


@pytest.mark.parametrize("name", ["gold.jsonl", "relations-gold.jsonl", "identifiers-gold.jsonl"])
def test_gold_files_hold_offsets_of_the_texts(exported, name):
    directory, counts = exported
    rows = [json.loads(line) for line in (directory / name).read_text().splitlines()]

    assert len(rows) == counts[name]
    for row in rows:
        assert all(0 <= s["start"] < s["end"] <= len(row["text"]) for s in row["spans"])
        for pair in row.get("relations", ()):
            assert max(pair["head"], pair["tail"]) < len(row["spans"])


def test_files_are_for_their_owner_only(exported):
    directory, _ = exported

    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_directory_that_cannot_be_made_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BadInput):
        export_hospital(tmp_path / "file")
