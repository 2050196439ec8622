"""The tagger reads any length, alone or among others, with weights that stay what they mean."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import DetectorFailed
from appliance.gate import tagger, weights
from appliance.gate.remembering import Memory
from appliance.gate.skimming import Skimmer
from appliance.gate.tagger import load_tagger
from appliance.gate.weights import widen
from appliance.records.verdicts import Hit

TEXT = "Anna Kowalska of 12 Larkspur Court, Yountville, called 415-555-0142 about her asthma."


@pytest.fixture(scope="module")
def loaded():
    return load_tagger()


def test_names_and_places_are_found_as_whole_words(loaded):
    """A hit begins and ends with a word."""
    found = {TEXT[hit.start : hit.end] for hit in loaded.detect([TEXT])[0]}

    assert "Anna Kowalska" in found
    assert "Yountville" in found
    assert not any("asthma" in words for words in found)


def test_pieces_of_words_become_whole_words():
    """Neighbouring pieces of one kind are one hit, out to the ends of their words."""
    text = "Mrs Kowalska, Ottawa"
    tags = [("O", 0.9), ("B-SURNAME", 0.8), ("I-SURNAME", 0.6), ("O", 0.9), ("B-CITY", 0.9)]
    offsets = [(0, 3), (6, 8), (8, 10), (12, 13), (14, 17)]

    hits = list(tagger._join(text, tags, offsets))

    assert [(text[hit.start : hit.end], hit.entity) for hit in hits] == [
        ("Kowalska", "PERSON"),
        ("Ottawa", "LOCATION"),
    ]
    assert hits[0].score == 0.7


def test_a_long_text_is_read_to_its_end(loaded):
    """Windows overlap, so that a name is found wherever it stands."""
    text = "no pain or fever today " * 120

    hits = loaded.detect([text + "Seen with Anna Kowalska."])[0]

    assert any(hit.start >= len(text) for hit in hits)


def test_neighbours_in_a_batch_change_nothing(loaded):
    """A text gets the same answer alone, among others and a second time."""
    texts = [TEXT, "Fever.", "", TEXT.upper(), "Seen with John Smith."]

    assert loaded.detect(texts) == [loaded.detect([text])[0] for text in texts]


def test_what_loads_the_model_reports_it_to_nobody(tmp_path):
    """Untold, onnxruntime names this machine and keeps in its home what it is about to send."""
    code = "from appliance.gate.tagger import load_tagger; load_tagger().detect(['No fever.'])"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    subprocess.run([sys.executable, "-c", code], env=environment, check=True)

    assert list(tmp_path.rglob("*")) == []


def test_eight_bits_mean_what_four_bits_meant(loaded):
    """The published model and the one that runs give words the same labels, but for a few."""
    import onnxruntime  # After `loaded`: before, it would report to its makers.

    folder = Path(importlib.util.find_spec(tagger._PACKAGE).submodule_search_locations[0])
    published = (folder / "models/rampart/onnx/model_q4.onnx").read_bytes()
    sessions = [
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        for model in (published, widen(published))
    ]
    ids = loaded._tokenizer.encode(TEXT).ids
    feed = {name: np.array([ids]) for name in ("input_ids", "attention_mask", "token_type_ids")}
    feed["attention_mask"] = np.ones_like(feed["input_ids"])
    feed["token_type_ids"] = np.zeros_like(feed["input_ids"])

    before, after = (session.run(None, feed)[0][0] for session in sessions)

    # Rounding moves a label here and there, at the edge of a name.
    assert (before.argmax(-1) == after.argmax(-1)).mean() > 0.9


@pytest.mark.parametrize("model", [b"", b"\x08\x09", b"\x3a\x00"])
def test_what_is_no_such_model_is_refused(model):
    """A model without four-bit matrices, or none at all, is not run."""
    with pytest.raises(ValueError, match="four-bit"):
        widen(model)


def _node(*fields):
    return weights._field(1, b"".join(weights._field(number, value) for number, value in fields))


def test_a_matrix_of_other_width_is_refused():
    """Three bits wide, it is not what the operator means."""
    name = weights._field(1, b"bits") + weights._varint(3 << 3) + weights._varint(3)
    node = _node((4, b"MatMulNBits"), (1, b"x"), (5, name))

    with pytest.raises(ValueError, match="not of four bits"):
        widen(weights._field(7, node))


def test_fields_of_every_kind_are_copied_as_they_are():
    """Numbers of four and eight bytes stand in such files as well."""
    message = b"\x0d1234" + b"\x1112345678" + weights._field(3, b"abc") + b"\x20\x85\x01"

    fields = list(weights._fields(message))

    assert [(number, value) for number, value, _ in fields] == [
        (1, b"1234"),
        (2, b"12345678"),
        (3, b"abc"),
        (4, 133),
    ]
    assert b"".join(raw for _, _, raw in fields) == message


def test_the_middle_of_a_block_is_eight_unless_it_is_given():
    """Source: onnxruntime, ContribOperators.md, zero points."""
    packed = weights._field(9, bytes([0x98]))
    scales = weights._field(9, np.array([0.5], np.float32).tobytes())
    zeros = weights._field(9, bytes([0x07]))

    assert weights._unpack([packed, scales], 2, 1, 16).tolist() == [[0.0, 0.5]]
    assert weights._unpack([packed, scales, zeros], 2, 1, 16).tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize("package", ["no_such_package", "sys"])
def test_a_model_that_does_not_load_denies(monkeypatch, package):
    """A missing package is a refusal, not a gate with a detector less."""
    monkeypatch.setattr(tagger, "_PACKAGE", package)

    with pytest.raises(DetectorFailed, match="does not load"):
        load_tagger()


class Counting:
    """Finds "Anna" and counts what it read."""

    name = "counting"

    def __init__(self, shift=0):
        self.read = []
        self._shift = shift

    def detect(self, texts):
        self.read += texts
        places = [(text.find("Anna"), text) for text in texts]
        return [
            [Hit(at + self._shift, at + 4 + self._shift, "PERSON", 0.9, "tagger")]
            if at >= 0
            else []
            for at, _ in places
        ]


def test_only_what_could_alarm_is_read_and_only_once():
    """Ordinary sentences stay unread; a sentence read before is remembered, at its new place."""
    inner = Counting()
    skimmer = Skimmer(inner, guesses_numbers=True)

    first, second = (
        skimmer.detect([text])[0]
        for text in ("Called Anna.\nNo fever.", "No fever.\nCalled Anna.\n")
    )

    assert inner.read == ["Called Anna."]
    assert [hit.start for hit in (*first, *second)] == [7, 17]


def test_a_hit_that_leaves_its_stretch_is_garbage():
    """Moved into the whole text it would pass for a hit somewhere else."""
    skimmer = Skimmer(Counting(shift=9), guesses_numbers=False)

    with pytest.raises(DetectorFailed, match="garbage"):
        skimmer.detect(["No fever.\nCalled Anna.\nNo pain, and nothing else at all."])


def test_memory_holds_no_more_than_it_may():
    """The oldest goes first."""
    memory = Memory(2)
    for text in ("a", "b", "c"):
        memory.keep(memory.digest(text), ())

    assert [memory.find(memory.digest(text)) for text in ("a", "b", "c")] == [None, (), ()]
    assert len(memory) == 2
