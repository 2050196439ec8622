"""A registry hashed by several processes gives what one gives, and a lost helper is told."""

import os

import numpy as np
import pytest

from appliance.errors import DetectorFailed
from appliance.gate.hashed.table import distinct
from appliance.gate.patients import hashing, writing
from appliance.gate.patients.writing import Entries
from appliance.records.notes import PatientIdentifier

KEY = b"k" * 32
NAMES = ("Quackenbush, Zebulon", "Vandersloot, Ottilie May", "Brzęczyszczykiewicz, Grzegorz")


class Sizes:
    """Gathers the lengths of values."""

    def __init__(self, key):
        del key
        self.seen = []

    def add_patient(self, identifiers):
        self.seen += [len(value) for _, value in identifiers]
        return len(identifiers)

    def finish(self):
        seen, self.seen = self.seen, []
        return np.array(seen, np.uint64)


class Ended(Sizes):
    """Ends the process it works in, as the kernel does where memory runs out."""

    def add_patient(self, identifiers):
        del identifiers
        os._exit(9)


class Broken(Sizes):
    """Complains in the patient's own words."""

    def add_patient(self, identifiers):
        raise ValueError(identifiers[0][1])


@pytest.fixture
def several(monkeypatch):
    """Two helpers, however small the registry and the machine."""
    monkeypatch.setattr(hashing, "_BATCH", 2)
    monkeypatch.setattr(hashing.os, "sched_getaffinity", lambda _: {0, 1})


def registry(count):
    for number in range(count):
        name, day = NAMES[number % len(NAMES)], f"19{number % 90 + 10}-03-04"
        yield [
            PatientIdentifier("name", name),
            PatientIdentifier("mrn", f"{70_000_000 + number}"),
            PatientIdentifier("birth-date", day),
        ]


@pytest.mark.slow
@pytest.mark.usefixtures("several")
def test_helpers_find_the_same_hashes_as_one_process():
    """Names that come again in another batch too."""
    alone = list(hashing.hash_patients(registry(3), KEY, Entries))
    assert len(alone) == 1
    shared = list(hashing.hash_patients(registry(60), KEY, Entries))
    entries = Entries(KEY)
    count = sum(
        entries.add_patient([(one.kind, one.value) for one in identifiers])
        for identifiers in registry(60)
    )

    assert len(shared) == 30
    assert sum(part for part, _ in shared) == count
    assert np.array_equal(
        distinct(np.concatenate([hashes for _, hashes in shared])), distinct(entries.finish())
    )


@pytest.mark.usefixtures("several")
def test_each_patient_is_counted_once():
    """The last batch, which is not full, too."""
    counts, parts = zip(*hashing.hash_patients(registry(25), KEY, Sizes), strict=True)

    assert sum(counts) == 3 * 25
    assert len(np.concatenate(parts)) == 3 * 25
    assert len(parts) == 13


@pytest.mark.usefixtures("several")
def test_a_helper_that_is_ended_is_told():
    """No index is made of the rest."""
    with pytest.raises(DetectorFailed, match="ended from outside"):
        list(hashing.hash_patients(registry(25), KEY, Ended))


@pytest.mark.usefixtures("several")
def test_what_goes_wrong_in_a_helper_names_no_patient():
    """Its kind is enough."""
    with pytest.raises(RuntimeError) as caught:
        list(hashing.hash_patients(registry(25), KEY, Broken))

    assert "ValueError" in str(caught.value)
    told = f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert not any(word in told for name in NAMES for word in name.replace(",", "").split())


def test_a_helper_keeps_what_it_gathers_from(monkeypatch):
    """One for all its batches."""
    monkeypatch.setattr(hashing, "_at_hand", [])
    hashing._begin(Sizes, KEY)

    assert [hashing._hash([[("mrn", "1" * size)]])[1].tolist() for size in (3, 4)] == [[3], [4]]


def test_what_a_helper_hands_back_of_a_mistake_is_its_kind(monkeypatch):
    """The mistake itself, which quotes a patient, stays in the helper."""
    monkeypatch.setattr(hashing, "_at_hand", [])
    hashing._begin(Broken, KEY)

    with pytest.raises(RuntimeError, match=r"^ValueError$") as caught:
        hashing._hash([[("name", NAMES[0])]])

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_hashes_are_the_same_however_seldom_they_are_computed(monkeypatch):
    """By the million or one by one: memory is saved, nothing is lost."""

    def gathered():
        entries = Entries(KEY)
        for identifiers in registry(12):
            entries.add_patient([(one.kind, one.value) for one in identifiers])
        return distinct(entries.finish())

    at_once = gathered()
    monkeypatch.setattr(writing, "_FORMS", 0)
    monkeypatch.setattr(writing, "_NAMES", 0)

    assert np.array_equal(gathered(), at_once)
