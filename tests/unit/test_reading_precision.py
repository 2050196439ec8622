"""Another precision is used where labels stay what they were, and nowhere else."""

import numpy as np
import pytest

from appliance.errors import KeyMismatch
from appliance.learning.inference.agreement import count_equal
from appliance.learning.tokens.encoding import split_words
from appliance.records.notes import SourceNote
from appliance.workflows.precision import Compared, PrecisionCheck
from tests.lib.memory_vault import EventList, MemoryVault


class Knowing:
    """Takes the words it knows for diseases; fails on a text that holds `trap`."""

    def __init__(self, *words, trap="", error=ValueError):
        self.words = words
        self.trap = trap
        self.error = error

    def weigh(self, texts):
        if self.trap and any(self.trap in text for text in texts):
            raise self.error(f"could not read {texts}")
        return [
            np.array(
                [
                    [0.2, 0.8, 0] if text[start:end] in self.words else [0.7, 0.3, 0]
                    for start, end in split_words(text)
                ],
                np.float32,
            ).reshape(-1, 3)
            for text in texts
        ]


@pytest.fixture
def vault():
    filled = MemoryVault(EventList())
    filled.seal(SourceNote(f"src-{n}", None, "note", "", f"Fever, cough {n}.") for n in range(4))
    return filled


def test_words_are_counted_with_their_labels():
    """Five words a text; one of the first has another label."""
    texts = ["Fever, cough 1.", "Asthma, cough 1.", ""]

    counted = count_equal(Knowing("Fever"), Knowing("cough", "Fever"), texts)

    assert counted == (10, 8)


def test_every_note_of_the_sample_is_compared(vault):
    check = PrecisionCheck(Compared(vault, Knowing("Fever"), Knowing("Fever", "2")))

    found = check(vault.note_ids())

    assert sorted(one["equal"] for one in found) == [4, 5, 5, 5]
    assert {one["words"] for one in found} == {5}


def test_a_note_that_fails_is_left_to_the_extraction(vault):
    """It will be set aside there; its text goes nowhere."""
    check = PrecisionCheck(Compared(vault, Knowing("Fever"), Knowing("Fever", trap="cough 2")))

    found = check(vault.note_ids())

    assert sorted(one["words"] for one in found) == [0, 5, 5, 5]


def test_what_fails_for_every_note_ends_the_comparison(vault):
    failing = Knowing(trap="Fever", error=KeyMismatch)

    with pytest.raises(KeyMismatch):
        PrecisionCheck(Compared(vault, Knowing(), failing))(vault.note_ids())
