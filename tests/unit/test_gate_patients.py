"""The patient index finds registered patients as people write them, and reveals none."""

import pytest

from appliance.errors import KeyMismatch
from appliance.gate.normalisation import normalise
from appliance.gate.patients import PatientIndex, write_index
from appliance.records.notes import PatientIdentifier

KEY = b"k" * 32
PATIENT = (
    PatientIdentifier("name", "Quackenbush, Zebulon Orrin"),
    PatientIdentifier("birth-date", "1957-03-04"),
    PatientIdentifier("mrn", "MR-00 4417"),
    PatientIdentifier("phone", "+1 (415) 555-0142"),
    PatientIdentifier("email", "zeb.q@example.org"),
    PatientIdentifier("address", "12 Larkspur Ct., Yountville"),
)


@pytest.fixture
def index(tmp_path):
    write_index(tmp_path / "patients.index", PATIENT, KEY)
    return PatientIndex.load(tmp_path / "patients.index", KEY)


def find(index, text):
    return [text[hit.start : hit.end] for hit in index.detect([normalise(text).text])[0]]


@pytest.mark.parametrize(
    "text",
    [
        "Zebulon Quackenbush came",
        "seen: QUACKENBUSH, ZEBULON",
        "zebulon o. quackenbush",
        "Quackenbush, Zebulon Orrin",
        "ZEBULON-QUACKENBUSH",
        "born 3/4/1957",
        "born 03/04/1957",
        "born March 4th, 1957",
        "born 4 Mar 1957",
        "dob 1957-03-04",
        "MRN mr004417",
        "call 415.555.0142",
        "call 1-415-555-0142",
        "zeb.q@example.org",
        "lives at 12 larkspur ct yountville",
        "Ｚｅｂｕｌｏｎ Quackenbush",
        "Zebu\u200blon Quack\u00adenbush",
        "Zеbulоn Quackenbush",
    ],
)
def test_a_registered_patient_is_found(index, text):
    """In any case, order, punctuation, date form or look-alike letters."""
    assert find(index, text)


@pytest.mark.parametrize("text", ["zebulon", "asthma in a man of 57", "4 March", "Mr 4417", ""])
def test_less_than_an_identifier_is_not_found(index, text):
    """A given name alone or a fragment of a number says nothing."""
    assert find(index, text) == []


def test_the_file_holds_hashes_only(tmp_path):
    """No name or number can be read from the index; another key gives another file."""
    write_index(tmp_path / "a", PATIENT, KEY)
    write_index(tmp_path / "b", PATIENT, b"o" * 32)
    content = (tmp_path / "a").read_bytes().lower()

    assert content[40:] != (tmp_path / "b").read_bytes()[40:]
    assert not [word for word in (b"quack", b"zebulon", b"4417", b"1957") if word in content]


def test_an_index_of_another_key_is_refused(tmp_path):
    """A wrong key would find nobody; so it is an error, not an empty answer."""
    write_index(tmp_path / "a", PATIENT, KEY)

    with pytest.raises(KeyMismatch):
        PatientIndex.load(tmp_path / "a", b"o" * 32)


@pytest.mark.parametrize("keep", [0, 10, 39, 60, -1])
def test_a_cut_index_is_refused(tmp_path, keep):
    """Half an index would let half the patients pass."""
    write_index(tmp_path / "a", PATIENT, KEY)
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:keep])

    with pytest.raises(KeyMismatch):
        PatientIndex.load(tmp_path / "a", KEY)


def test_no_file_is_an_empty_index(tmp_path):
    """Before the first import nobody is registered."""
    assert len(PatientIndex.load(tmp_path / "none", KEY)) == 0
