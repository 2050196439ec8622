"""A registry is read whole or refused, and never half."""

import json
from datetime import date

import pytest

from appliance.clinical.intake.birthdates import is_possible_birth_date
from appliance.clinical.intake.registry import read_registry
from appliance.clinical.intake.rejections import Reason, Rejected
from appliance.errors import BadInput
from appliance.records.notes import PatientIdentifier, SourcePatient

TODAY = date(2026, 3, 1)


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

    assert list(read_registry(tmp_path / "a.csv", TODAY)) == [expected]
    assert list(read_registry(tmp_path / "b.jsonl", TODAY)) == [expected]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_registry_is_cut_by_what_gives_it_the_patients_id(tmp_path, delimiter):
    """As office programs write it; the other marks cut nothing."""
    names, row = ("patient", "address"), ("7", '"1 Elm St, ward 2; left\tdoor"')
    lines = (delimiter.join(one) for one in (names, row))
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")

    [patient] = read_registry(tmp_path / "a.csv", TODAY)

    [address] = patient.identifiers
    assert (patient.source_id, address.value) == ("7", "1 Elm St, ward 2; left\tdoor")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_name_of_a_registrys_column_may_go_on_in_the_next_line(tmp_path, delimiter):
    """As office programs write what was typed in two lines."""
    lines = (delimiter.join(one) for one in (("patient", '"mrn\n"', "name"), ("7", "", "Ada")))
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")

    [patient] = read_registry(tmp_path / "a.csv", TODAY)

    assert patient.source_id == "7"


def test_columns_by_other_names_are_the_kinds_the_gate_knows(tmp_path):
    """A day of birth is looked for in all its forms, whatever the hospital calls the column."""
    (tmp_path / "a.csv").write_text(
        "patient,Full Name,DOB,E-Mail,Telephone\n7,Ada Invented,1950-02-03,a@b.example,555-0100\n"
    )

    [patient] = read_registry(tmp_path / "a.csv", TODAY)

    kinds = [identifier.kind for identifier in patient.identifiers]
    assert kinds == ["name", "birth-date", "email", "phone"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"x" * 200_000),
        ("a.csv", b"id;name\n7;Ada Invented\n"),
        ("a.csv", b"patient,name\n"),
        ("a.csv", b"mrn,name\n1,Zebedee\n"),
        ("a.csv", b"patient,name,name\n1,Zebedee,Zebedee\n"),
        ("a.csv", b"patient,name\n,Zebedee\n"),
        ("a.csv", b"patient,name\n1\n"),
        ("a.csv", b'patient,name\n1,"Zebedee"x\n'),
        ("a.csv", b"patient,name\n1,Zebed\xe9e\n"),
        ("a.csv", b"patient,1st!\n1,Zebedee\n"),
        ("a.jsonl", b"Zebedee\n"),
        ("a.jsonl", b'["Zebedee"]\n'),
        ("a.jsonl", b'{"patient": true, "name": "Zebedee"}\n'),
        ("a.jsonl", b'{"patient": "1", "name": {"first": "Zebedee"}}\n'),
        ("a.xlsx", b"Zebedee"),
        ("a.jsonl", b'{"patient": "1", "id": "7", "text": "Zebedee was seen."}\n'),
        ("a.csv", b"patient,remark\n1," + 100 * b"Zebedee " + b"\n"),
    ],
)
def test_a_bad_registry_is_refused_without_its_words(tmp_path, name, content):
    """The line is named, never what it says."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(BadInput) as caught:
        list(read_registry(path, TODAY))

    assert "Zeb" not in repr(caught.value)
    assert caught.value.next_step


def test_a_registry_that_is_not_there_is_said_so(tmp_path):
    """With the system's reason."""
    with pytest.raises(BadInput, match="No such file"):
        list(read_registry(tmp_path / "absent.csv", TODAY))


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        ("1950-02-03", True),
        ("1950-02-03T08:00:00Z", True),
        ("2024-02-29", True),
        ("2026-03-02", True),
        ("19500203", True),
        ("195002031230", True),
        ("13/02/1950", True),
        ("02/13/1950", True),
        ("13.02.50", True),
        ("1950", True),
        ("1950-02", True),
        ("3 Feb 1950", True),
        ("unknown", True),
        ("To be asked", True),
        ("1950-02-30", False),
        ("2023-02-29", False),
        ("1950-13-01", False),
        ("0000-00-00", False),
        ("1850-01-01", False),
        ("2026-03-03", False),
        ("2027", False),
        ("19501301", False),
        ("13/13/1950", False),
        ("31.04.50", False),
        ("12", False),
        ("--", False),
    ],
)
def test_a_birth_date_is_a_day_somebody_can_be_born_on(value, possible):
    """In every way a registry writes one; what can't be judged is not refused."""
    assert is_possible_birth_date(value, TODAY) is possible


def test_a_row_with_an_impossible_birth_date_is_refused_and_the_next_one_read(tmp_path):
    """By its line; whatever else it says."""
    path = tmp_path / "a.csv"
    path.write_text("patient,name,birth_date\n1,A B,1950-02-30\n2,C D,1950-02-28\n")

    refused, taken = read_registry(path, TODAY)

    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.place.line) == (Reason.BAD_BIRTH_DATE, 2)
    assert taken.source_id == "2"


def test_a_file_without_a_header_is_said_to_have_none(tmp_path):
    """Not that its first line is a bad patient."""
    (tmp_path / "a.csv").touch()

    with pytest.raises(BadInput, match=r"a\.csv has no header"):
        list(read_registry(tmp_path / "a.csv", TODAY))
