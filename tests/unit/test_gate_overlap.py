"""A text that shares a run of words with a note is denied; its words are nowhere on disk."""

import pytest

from appliance.errors import BadInput, DetectorFailed, KeyMismatch
from appliance.gate.hashed.hashing import Hasher
from appliance.gate.normalisation import normalise, plain_text
from appliance.gate.overlap.detector import NoteOverlap, read_public_texts
from appliance.gate.overlap.fingerprints import FILE, Fingerprints, check_whole
from appliance.gate.overlap.shingles import (
    GUARANTEED,
    SHINGLE,
    USE,
    fingerprint_all,
    shingles,
)

KEY = b"k" * 32
NOTE = (
    "The gentleman from the lighthouse was found by his neighbour beside the old boat, confused "
    "and cold, with a cut over the left eye; he told the crew that the gulls had warned him and "
    "asked them to feed the three goats before the storm came in from the west."
)
OTHER = (
    "She teaches the cello to the children of the bakers in the upper town and came to us after a "
    "fall from the stage during the last rehearsal of the spring concert, walking and in no pain."
)
ANN, BOB = "p-a00000000000000000000000", "n-b00000000000000000000000"


@pytest.fixture
def prints(tmp_path):
    made = Fingerprints(tmp_path / FILE, KEY)
    made.begin()
    made.add([(ANN, NOTE)])
    made.add([(BOB, OTHER)])
    made.finish()
    return made


def find(tmp_path, text, public=()):
    plain = normalise(text).text
    [hits] = NoteOverlap.load(tmp_path / FILE, KEY, public).detect([plain])
    return [plain[hit.start : hit.end] for hit in hits]


@pytest.mark.parametrize("first", range(0, 30, 5))
def test_a_run_of_words_of_a_note_is_found(tmp_path, prints, first):
    """Wherever it begins, in any case and punctuation, from the guaranteed length on."""
    run = NOTE.split()[first : first + GUARANTEED]

    assert prints.is_whole
    found = find(tmp_path, f"Write: {' / '.join(run).upper()}! And a sentence about gout.")

    assert len(found) == 1
    assert len(found[0].split(" / ")) >= SHINGLE


def test_two_runs_are_two_hits(tmp_path, prints):
    """Neighbouring shingles are one hit; runs apart from each other are several."""
    assert prints.is_whole
    assert len(find(tmp_path, f"{NOTE[:160]} What of gout and of fever? {OTHER}")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Write a sentence about a man from the lighthouse with gout.",
        " ".join(NOTE.split()[: SHINGLE - 1]),
        " ".join(reversed(NOTE.split())),
        "",
    ],
)
def test_other_texts_are_not_found(tmp_path, prints, text):
    """Fewer words than a shingle, other words, another order."""
    assert prints.is_whole
    assert find(tmp_path, text) == []


def test_label_sheets_do_not_count(tmp_path, prints):
    """What the public sheets say may be in a note as well."""
    assert prints.is_whole
    assert find(tmp_path, NOTE[:150])
    assert find(tmp_path, NOTE[:150], [NOTE[:200]]) == []


def test_the_file_holds_no_word(tmp_path, prints):
    """Hashes and owners only; under another key nothing is the same."""
    content = (tmp_path / FILE).read_bytes()
    other = Fingerprints(tmp_path / "other", b"o" * 32)
    other.add([(ANN, NOTE)])
    other.finish()

    assert prints.is_whole
    assert b"lighthouse" not in content.lower()
    assert content[64:72] not in (tmp_path / "other").read_bytes()


def test_what_was_erased_is_forgotten_and_nothing_else(tmp_path, prints):
    """One patient's notes go; a text that somebody else's note has too stays known."""
    prints.begin()
    prints.add([(BOB, NOTE[120:])])
    prints.finish()
    prints.forget([ANN])

    assert find(tmp_path, NOTE[:110]) == []
    assert find(tmp_path, NOTE[130:])
    assert find(tmp_path, OTHER)


def test_adding_goes_on_and_beginning_anew_forgets(tmp_path, prints):
    """An import extends the file; one that fingerprints everything replaces it."""
    prints.begin()
    prints.finish()
    assert find(tmp_path, NOTE)

    prints.begin()
    prints.add([(BOB, OTHER)])
    prints.finish(anew=True)
    assert find(tmp_path, NOTE) == []
    assert find(tmp_path, OTHER)


def test_a_note_of_few_words_has_no_fingerprint(tmp_path):
    """Less than a shingle is a phrase of the trade; a little more is all kept."""
    made = Fingerprints(tmp_path / FILE, KEY)
    made.add([(ANN, "Seen, well, home.")])
    made.add([(BOB, "The red fox and the grey owl met again")])
    made.finish()

    assert len(NoteOverlap.load(tmp_path / FILE, KEY)) == 2
    assert find(tmp_path, "the red fox and the grey owl met")


TEXTS = (
    "",
    "Seen, well, home.",
    "The red fox and the grey owl met again",
    NOTE,
    "one two three four five six seven eight nine ten eleven",
    "one two three four five six seven eight nine ten eleven twelve",
    OTHER,
    "Fi\u00e8vre et toux. " * 30,
    "\u4e2d\u6587 \u8a18\u9304 " * 9,
    "!",
)


@pytest.mark.parametrize("together", [1, 2, 4, len(TEXTS)])
def test_notes_together_have_the_fingerprints_that_each_has_alone(together):
    """The least of each four neighbours of a note, all where there are fewer; none across two."""
    hasher = Hasher(KEY, USE)
    expected = set()
    for owner, text in enumerate(map(plain_text, TEXTS)):
        runs = [int(one) for one in shingles(hasher, text)[0]]
        windows = [[one] for one in runs]
        if len(runs) > 4:
            windows = [runs[at : at + 4] for at in range(len(runs) - 3)]
        expected |= {(min(window), owner) for window in windows}

    found = set()
    for start in range(0, len(TEXTS), together):
        some = [plain_text(text) for text in TEXTS[start : start + together]]
        owners = list(range(start, start + len(some)))
        hashes, whose = fingerprint_all(hasher, some, owners)
        found |= set(zip(hashes.tolist(), whose.tolist(), strict=True))

    assert found == expected


def test_an_import_that_was_cut_off_shuts_the_gate(tmp_path, prints):
    """Between `begin` and `finish`, and ever after where the process was killed."""
    prints.begin()

    assert not prints.is_whole
    with pytest.raises(DetectorFailed):
        NoteOverlap.load(tmp_path / FILE, KEY)


def test_a_vault_without_fingerprints_shuts_the_gate(tmp_path):
    """Notes that the gate can't know may be there; without a vault there are none."""
    check_whole(tmp_path / FILE, tmp_path / "vault.db")
    (tmp_path / "vault.db").touch()

    with pytest.raises(DetectorFailed):
        NoteOverlap.load(tmp_path / FILE, KEY)


@pytest.mark.parametrize("keep", [0, 30, 63, 100, -1])
def test_a_damaged_file_shuts_the_gate(tmp_path, prints, keep):
    """Half the fingerprints would let half the notes pass."""
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:keep])

    assert prints.is_whole
    with pytest.raises(KeyMismatch):
        NoteOverlap.load(tmp_path / FILE, KEY)
    with pytest.raises(KeyMismatch):
        prints.finish()
    with pytest.raises(KeyMismatch):
        prints.forget([ANN])
    assert (tmp_path / FILE).read_bytes() == content[:keep]


def test_sheets_that_cannot_be_read_are_an_error(tmp_path):
    """A sheet in another encoding is no silent exemption."""
    (tmp_path / "a.toml").write_text("x = 1", encoding="utf-8")
    assert read_public_texts(tmp_path) == ["x = 1"]

    (tmp_path / "b.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput):
        read_public_texts(tmp_path)
