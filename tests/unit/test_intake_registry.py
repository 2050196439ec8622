"""A registry is read whole or refused, and never half."""

import json

import pytest

from appliance.clinical.intake.registry import read_registry
from appliance.errors import BadInput
from appliance.records.notes import PatientIdentifier, SourcePatient


def test_csv_and_jsonl_give_the_same_patients(tmp_path):
    """Columns are kinds, "|" separates values, empty cells are no identifiers."""
    (tmp_path / "a.csv").write_text(
        "patient,name,birth_date,phone\n7,Ada Invented| A. Invented,1950-02-03,\n"
    )
    (tmp_path / "b.jsonl").write_text(
        json.dumps(
            {
                "patient": 7,
                "name": ["Ada Invented", "A. Invented"],
                "birth_date": "1950-02-03",
                "phone": None,
            }
        )
    )
    expected = SourcePatient(
        "7",
        (
            PatientIdentifier("name", "Ada Invented"),
            PatientIdentifier("name", "A. Invented"),
            PatientIdentifier("birth-date", "1950-02-03"),
        ),
    )

    assert list(read_registry(tmp_path / "a.csv")) == [expected]
    assert list(read_registry(tmp_path / "b.jsonl")) == [expected]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"patient,name\n"),
        ("a.csv", b"mrn,name\n1,Zebedee\n"),
        ("a.csv", b"patient,name,name\n1,Zebedee,Zebedee\n"),
        ("a.csv", b"patient,name\n,Zebedee\n"),
        ("a.csv", b"patient,name\n1\n"),
        ("a.csv", b"patient,name\n1,\n"),
        ("a.csv", b'patient,name\n1,"Zebedee"x\n'),
        ("a.csv", b"patient,name\n1,Zebed\xe9e\n"),
        ("a.csv", b"patient,1st!\n1,Zebedee\n"),
        ("a.jsonl", b"Zebedee\n"),
        ("a.jsonl", b'["Zebedee"]\n'),
        ("a.jsonl", b'{"patient": true, "name": "Zebedee"}\n'),
        ("a.jsonl", b'{"patient": "1", "name": {"first": "Zebedee"}}\n'),
        ("a.xlsx", b"Zebedee"),
    ],
)
def test_a_bad_registry_is_refused_without_its_words(tmp_path, name, content):
    """The line is named, never what it says."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(BadInput) as caught:
        list(read_registry(path))

    assert "Zeb" not in repr(caught.value)
    assert caught.value.next_step


def test_a_registry_that_is_not_there_is_said_so(tmp_path):
    """With the system's reason."""
    with pytest.raises(BadInput, match="No such file"):
        list(read_registry(tmp_path / "absent.csv"))
