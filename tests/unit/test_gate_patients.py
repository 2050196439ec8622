"""The patient index finds registered patients as people write them, and reveals none."""

import numpy as np
import pytest

from appliance.errors import DetectorFailed, KeyMismatch
from appliance.gate.hashed.hashing import Hasher
from appliance.gate.hashed.table import HashTable
from appliance.gate.normalisation import normalise
from appliance.gate.patients import names, people
from appliance.gate.patients.index import PatientIndex
from appliance.gate.patients.writing import write_index
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
    write_index(tmp_path / "patients.index", [PATIENT], KEY)
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
    write_index(tmp_path / "a", [PATIENT], KEY)
    write_index(tmp_path / "b", [PATIENT], b"o" * 32)
    content = (tmp_path / "a").read_bytes().lower()

    assert content[40:] != (tmp_path / "b").read_bytes()[40:]
    assert not [word for word in (b"quack", b"zebulon", b"4417", b"1957") if word in content]


def test_an_index_of_another_key_is_refused(tmp_path):
    """A wrong key would find nobody; so it is an error, not an empty answer."""
    write_index(tmp_path / "a", [PATIENT], KEY)

    with pytest.raises(KeyMismatch):
        PatientIndex.load(tmp_path / "a", b"o" * 32)


@pytest.mark.parametrize("keep", [0, 10, 39, 60, -1])
def test_a_cut_index_is_refused(tmp_path, keep):
    """Half an index would let half the patients pass."""
    write_index(tmp_path / "a", [PATIENT], KEY)
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:keep])

    with pytest.raises(KeyMismatch):
        PatientIndex.load(tmp_path / "a", KEY)


def test_no_file_is_an_empty_index(tmp_path):
    """Before the first import nobody is registered."""
    assert len(PatientIndex.load(tmp_path / "none", KEY)) == 0


@pytest.mark.parametrize(
    "text",
    [
        "zeb quackenbush",
        "Z. Quackenbush",
        "Quackenbush, Z",
        "Mr. Quackenbush",
        "Zebulon Quackenbosh",
        "Zebulon Quackenbsh",
        "Zebulon Quacckenbush",
        "Zebulon Qaucks? no, Zebulon Quackebnush",
        "Zebolon Quackenbush",
        "Orrin Quackenbush",
        "Zebulon T. Quackenbush",
        "ZebulonQuackenbush",
        "zebulonquackenbush",
        "Ze bulon Quack enbush",
        "nolubeZ hsubnekcauQ",
        "Mrohyba Dhnpxraohfu",
        "Avyfolm Jfzxpvmyfhs",
        "ZZeebbuulloonn QQuuaacckkeennbbuusshh",
        "Z3bul0n Qu4ck3nbu5h",
        "ZZZeeebbbuuulllooonnn QQQuuuaaaccckkkeeennnbbbuuussshhh",
        "Chexorq Txdfnhqexvk",
        "⠵⠑⠃⠥⠇⠕⠝ ⠟⠥⠁⠉⠅⠑⠝⠃⠥⠎⠓",
        "zquackenbush",
        "first: Zebulon; last: Quackenbush",
        "born 4.III.1957",
        "born 04MAR1957",
        "born 1957/03/04 at noon",
        "born 3-4-57",
        "DOB 030457",
        "dob 570304",
        "dob: 19570304",
        "the 4th day of March, 1957",
        "March the 4th of 1957",
        "1957 Mar 4",
        "born 7591-30-40",
        "born 19 57-03-04",
        "at 415-5550-142 today",
        "MRN: 7144 00 rm, read MR 004417",
        "7144-00-RM",
        "id mr004417x",
        "+14155550142",
        "(415) 555-0142",
        "4155550142",
        "0014155550142",
        "zeb.q@example.org,",
        "mailto:zeb.q@example.org?subject=x",
        "12 Larkspur Court",
        "12 LARKSPUR CT, CA",
    ],
)
def test_a_patient_is_found_in_other_forms(index, text):
    """Nicknames, initials, slips of one letter, middle names, disguises, every form of a day."""
    assert find(index, text)


@pytest.mark.parametrize(
    "text",
    [
        "Zebulon Quartermain",
        "Zachary Quackenbosh",
        "Quackenbush pear, 44 17 mg, 12 large capsules",
        "on 3 April 1956 and 4 March 1958",
        "platelets 150,000; lot 555-0143",
        "99/99/1957, 31 February 1957, 3/4, May 2020",
    ],
)
def test_others_are_not_found(index, text):
    """Another name, another day, another number."""
    assert find(index, text) == []


COMMON = [
    (
        PatientIdentifier("name", "Will Young"),
        PatientIdentifier("city", "Reading"),
        PatientIdentifier("zip", "40210"),
        PatientIdentifier("plate", "KGM 5097"),
        PatientIdentifier("mrn", "123456"),
        PatientIdentifier("account", "44170012"),
        PatientIdentifier("phone", "415 555 0199"),
        PatientIdentifier("ip", "192.0.2.7"),
    ),
    (
        PatientIdentifier("first-name", "Grace"),
        PatientIdentifier("last-name", "de la Cruz"),
        PatientIdentifier("town", "Pinnacle Ferry"),
        PatientIdentifier("url", "https://www.portal.example.org/p/grace-77"),
        PatientIdentifier("photo", "IMG_1957_12345.jpg"),
        PatientIdentifier("dob", "1/2/1980"),
        PatientIdentifier("address", "The Old Mill, Reading"),
        PatientIdentifier("note", "-"),
        PatientIdentifier("name", "Cher"),
    ),
    (PatientIdentifier("name", "María José García-Lopez Márquez"),),
    (PatientIdentifier("name", "Mei-Ling O'Shaughnessy"),),
]


@pytest.fixture
def common(tmp_path):
    assert write_index(tmp_path / "common.index", COMMON, KEY) > 10
    return PatientIndex.load(tmp_path / "common.index", KEY)


@pytest.mark.parametrize(
    "text",
    [
        "Seen with Will Young today",
        "Patient: will young",
        "will young lives at 40210",
        "in reading, mrn 12 34 56",
        "WILL YOUNG, MRN 123456",
        "went to Pinnacle Ferry",
        "plate kgm5097",
        "KGM 5097",
        "OH 40210",
        "zip code 40210-1234",
        "id 123456",
        "44-17-00-12",
        "44,170,012",
        "Mr. Young",
        "will_young",
        "415/555/0199",
        "from 192.0.2.7",
        "grace de la cruz near 40210",
        "Grace de la Cruz",
        "see portal.example.org/p/grace-77",
        "IMG 1957 12345",
        "2 Jan 1980",
        "Maria Marquez",
        "Maria Jose Garcia Lopez Marquez",
        "Mei Ling OShaughnessy",
        "Mei-Ling O'Shaughnessy",
        "The Old Mill, Reading: theoldmillreading@",
    ],
)
def test_common_words_count_with_a_second_identifier(common, text):
    """Capitals, a word such as MRN, or another identifier make a name of common words count."""
    assert find(common, text)


@pytest.mark.parametrize(
    "text",
    [
        "she will young adults",
        "He will. Young adults too",
        "the reading was normal; 40210 cells",
        "counts 12 34 56 and 12,34,56",
        "take 123,456 units",
        "pinnacle, ferry",
        "Cher, cher",
        "mr. young",
        "will-young",
        "a laminar tneitap flow",
    ],
)
def test_common_words_alone_do_not_count(common, text):
    """Half of all names are words: alone, in small letters, they name nobody."""
    assert find(common, text) == []


def test_an_empty_index_finds_nothing(tmp_path):
    """Nobody registered, nobody found; and a file with nothing in it is whole."""
    write_index(tmp_path / "a", [], KEY)
    index = PatientIndex.load(tmp_path / "a", KEY)

    assert len(index) == 0
    assert index.detect(["Zebulon Quackenbush"]) == [[]]


def test_an_empty_table_has_nothing():
    """Whatever is looked for."""
    table = HashTable(np.zeros(0, np.uint64))

    assert not table.contains(np.array([0, 1], np.uint64)).any()


def test_what_tells_nothing_is_not_stored(tmp_path):
    """Numbers of few digits, a name of one word, a note without a letter: no entry."""
    useless = [("phone", "12"), ("fax", "-"), ("mrn", "17"), ("address", "Mill"), ("date", "May")]
    count = write_index(
        tmp_path / "a", [[PatientIdentifier(kind, value) for kind, value in useless]], KEY
    )

    assert count == 0


def test_a_changed_index_is_refused(tmp_path):
    """One bit anywhere in the file, one byte more: the whole is refused."""
    write_index(tmp_path / "a", [PATIENT], KEY)
    content = (tmp_path / "a").read_bytes()

    for at in (0, 20, 50, 60, len(content) - 1):
        (tmp_path / "a").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(KeyMismatch):
            PatientIndex.load(tmp_path / "a", KEY)
    (tmp_path / "a").write_bytes(content + b"\x00" * 8)
    with pytest.raises(KeyMismatch):
        PatientIndex.load(tmp_path / "a", KEY)


def test_an_index_that_cannot_be_read_is_an_error(tmp_path):
    """A directory in its place is no empty index, nor is a file on a disk that fails."""
    (tmp_path / "a").mkdir()
    # Opens, and can't be read at its beginning.
    (tmp_path / "b").symlink_to("/proc/self/mem")

    for name in ("a", "b"):
        with pytest.raises(DetectorFailed):
            PatientIndex.load(tmp_path / name, KEY)


def test_pairs_are_hashed_as_the_standard_says():
    """SipHash-2-4 of sixteen bytes, against the reference implementation's vector."""
    hasher = Hasher(KEY, b"test")
    hasher._pair_key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)

    [found] = hasher.pairs(
        np.array([0x0706050403020100], np.uint64), np.array([0x0F0E0D0C0B0A0908], np.uint64)
    )

    # Vector 16 of Aumasson and Bernstein's vectors_sip64: message 00 01 ... 0f.
    assert int(found).to_bytes(8, "little").hex() == "db9bc2577fcc2a3f"


def test_the_index_says_nothing_without_its_key(tmp_path):
    """Indexes of one registry under two keys share no hash, and sizes are all they tell."""
    write_index(tmp_path / "a", [PATIENT, *COMMON], KEY)
    write_index(tmp_path / "b", [PATIENT, *COMMON], b"o" * 32)

    first, second = ((tmp_path / name).read_bytes()[64:] for name in "ab")
    hashes = {first[at : at + 8] for at in range(0, len(first), 8)}
    assert len(first) == len(second)
    assert not hashes & {second[at : at + 8] for at in range(0, len(second), 8)}


@pytest.mark.parametrize(
    "text",
    [
        "Will Yuong was here",
        "see w. young",
        "W. Young was here",
        "Young, W. was here",
        "patient w young",
        "id: abc123",
        "took 12, 34 and 56",
    ],
)
def test_how_a_name_is_written_decides(common, text):
    """A slip or an initial beside a common word needs capitals, a point or a word before it."""
    is_written = text.startswith(("Will Y", "W. Y", "Young", "patient"))

    assert bool(find(common, text)) is is_written


def test_vitamins_are_no_initials(tmp_path):
    """Nobody is named by "vitamin D. Long-term", though a D. Long is registered."""
    write_index(tmp_path / "a", [[PatientIdentifier("name", "Dawn Long")]], KEY)
    index = PatientIndex.load(tmp_path / "a", KEY)

    assert find(index, "On vitamin D. Long-term use is safe.") == []
    assert find(index, "Seen by D. Long today.")


def test_a_large_registry_is_gathered_in_parts(tmp_path, monkeypatch):
    """However many hashes are computed at a time, the file is the same."""
    write_index(tmp_path / "a", [PATIENT, *COMMON], KEY)
    monkeypatch.setattr("appliance.gate.patients.writing._CHUNK", 3)
    write_index(tmp_path / "b", [PATIENT, *COMMON], KEY)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_list_of_nicknames_that_is_cut_short_is_an_error(tmp_path, monkeypatch):
    """A detector without its words would pass what it should stop."""
    for missing in (False, True):
        path = tmp_path / "names.tsv"
        path.write_text("# head\nzebulon\tzeb\n", encoding="utf-8")
        if missing:
            path.unlink()
        monkeypatch.setattr("appliance.gate.patients.names._NICKNAMES", path)
        names._nicknames.cache_clear()
        with pytest.raises(DetectorFailed):
            names.roots("zeb")
    names._nicknames.cache_clear()


@pytest.mark.parametrize("text", ["The car KGM 5097.", "the car kgm 5097", "Kgm 5097 was towed"])
def test_a_number_plate_is_found_however_it_is_written(tmp_path, text):
    """Its letters mean nothing else."""
    write_index(tmp_path / "a", [[PatientIdentifier("plate", "KGM 5097")]], KEY)

    [[hit]] = PatientIndex.load(tmp_path / "a", KEY).detect([text])

    assert text[hit.start : hit.end].upper() == "KGM 5097"


def test_a_plate_that_is_a_word_and_a_year_needs_more(tmp_path):
    """A guideline is of a year."""
    write_index(tmp_path / "a", [[PatientIdentifier("plate", "THE 2015")]], KEY)
    index = PatientIndex.load(tmp_path / "a", KEY)

    assert index.detect(["by the 2015 guideline", "plate the 2015"])[0] == []
    assert index.detect(["by the 2015 guideline", "plate the 2015"])[1]


def test_what_is_remembered_of_words_may_be_forgotten(index, monkeypatch):
    """The memory of which words are names is bounded; what is found is the same."""
    monkeypatch.setattr(people, "_REMEMBERED", 0)

    for _ in range(3):
        assert find(index, "seen: Zebulon Quackenbush") == ["Zebulon Quackenbush"]
        assert find(index, "seen for asthma") == []
