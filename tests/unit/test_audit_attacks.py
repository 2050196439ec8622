"""What each attack finds and what it must not find, on texts small enough to be read."""

import gzip
import json
import lzma
import random
import zipfile
from dataclasses import asdict
from functools import cache
from itertools import starmap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audits.atrest import NAME, SWAPPED, AtRest, Place
from appliance.audits.attack import carry_out
from appliance.audits.evasion import AS_WRITTEN, DISGUISES, Evasion
from appliance.audits.needles import Needle, Needles
from appliance.audits.overlap import Overlap
from appliance.audits.regulations import HARBOR, HIPAA, OTHERS, judge_harbor, judge_lines
from appliance.audits.reidentification import Reidentification
from appliance.audits.runs import WIDTH, Runs
from appliance.audits.standing import Check
from appliance.audits.texts import Outgoing, words_of
from appliance.audits.trend import compare
from appliance.audits.written import DRAWN, NUMBER
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.audits import AttackResult, Estimate, Standing
from appliance.records.identifiers import Digest, NoteId, PatientId
from appliance.records.notes import Note, PatientIdentifier, RegisteredPatient
from appliance.records.progress import Silent
from appliance.records.verdicts import Decision, Verdict
from appliance.workflows.audit_attacks import AuditOrder, Subject, make_attacks
from appliance.workflows.audit_evidence import draw_numbers, swap_names
from appliance.workflows.canaries import derive_canaries
from appliance.workflows.site import init

WORDS = [f"w{number}" for number in range(400)]


class FewNotes:
    """Notes in memory."""

    def __init__(self, texts):
        self.notes = [
            Note(NoteId(f"n-{at}"), PatientId(patient), "letter", "", text)
            for at, (patient, text) in enumerate(texts)
        ]

    def count(self):
        return len(self.notes)

    def sample(self, count, seed):
        return random.Random(seed).sample(self.notes, min(count, len(self.notes)))

    def stream(self):
        yield from self.notes


def _babble(rng, words=60):
    return " ".join(rng.choices(WORDS, k=words))


def _hospital(patients=40):
    rng = random.Random(3)
    return [(f"p-{number}", f"Seen today. {_babble(rng)}") for number in range(patients)]


def _longest(text, notes, owner="", public=()):
    runs = Runs([text], [owner], public)
    runs.look(FewNotes(notes).stream())
    return runs.personal()[0].longest


@given(st.integers(0, 40), st.integers(WIDTH, 20))
def test_a_copied_run_is_measured_to_the_word(start, length):
    notes = _hospital()
    copied = words_of(notes[7][1])[start : start + length]

    assert _longest(f"xx {' '.join(copied)} yy", notes) == length


def test_what_several_patients_say_is_nobodys():
    """Nor what is public, nor what is the patient's own."""
    phrase = "alert and oriented in no acute distress today"
    notes = [*_hospital(), *((f"q-{number}", phrase) for number in range(30))]

    assert _longest(phrase, notes) == 0
    mine = [*_hospital(), ("q-1", phrase)]
    assert _longest(phrase, mine) == 8
    assert _longest(phrase, mine, owner="q-1") == 0
    assert _longest(phrase, mine, public=[phrase]) == 0


def test_a_run_may_begin_and_end_with_common_words():
    """The copy is longer than its rare middle."""
    common = "the patient was seen in the clinic by the team"
    notes = [
        *((f"q-{n}", common) for n in range(30)),
        ("p-1", f"{common} zebra quagga okapi bongo"),
    ]

    assert _longest(f"{common} zebra quagga okapi bongo", notes) == 14


def _attack(attack):
    return carry_out([attack], Silent())[0]


def test_a_corpus_of_other_words_passes_and_one_with_a_copy_fails():
    notes, rng = FewNotes(_hospital()), random.Random(9)
    texts = [Outgoing("corpus a", f"x-{at}", _babble(rng, 15)) for at in range(50)]

    assert _attack(Overlap(texts, notes)).standing is Standing.PASS
    copy = " ".join(words_of(notes.notes[3].text)[5:30])
    failed = _attack(Overlap([*texts, Outgoing("corpus b", "x-copy", copy)], notes))
    assert [(one.rule, one.where) for one in failed.problems] == [
        ("overlap.copied-note", "corpus b")
    ]
    assert "x-copy" in failed.problems[0].what
    assert copy not in str(failed)


def test_a_holdout_that_the_vault_has_as_well_is_no_control():
    """What was copied would look like what strangers share; a long copy is found all the same."""
    hospital, rng = _hospital(), random.Random(9)
    texts = [Outgoing("corpus a", f"x-{at}", _babble(rng, 20)) for at in range(50)]
    known = [text for _, text in hospital]
    fresh = [f"Seen. {_babble(rng)}" for _ in range(40)]

    apart, same = (_attack(Overlap(texts, FewNotes(hospital), (), one)) for one in (fresh, known))

    assert apart.standing is Standing.PASS
    assert (same.standing, same.is_broken) == (Standing.NOT_TESTED, True)
    assert "no control" in same.summary
    assert same.estimates
    copy = Outgoing("corpus b", "x-copy", " ".join(words_of(known[3])[5:40]))
    copied = _attack(Overlap([*texts, copy], FewNotes(hospital), (), known))
    assert [one.rule for one in copied.problems] == ["overlap.copied-note"]


def test_an_answer_in_journal_and_corpus_is_one_text():
    """Counted twice, chance would look like more than chance."""
    rng = random.Random(4)
    texts = [Outgoing("corpus a", f"x-{at}", _babble(rng, 20)) for at in range(30)]
    again = [Outgoing("journal a", f"answer {at}", one.text) for at, one in enumerate(texts)]

    result = _attack(Overlap([*texts, *again], FewNotes(_hospital())))

    assert result.summary.startswith("30 texts")


def test_without_notes_or_texts_nothing_is_tested():
    texts = [Outgoing("corpus a", "x", "one two three four five six seven")]

    for attack in (
        Overlap([], FewNotes(_hospital())),
        Overlap(texts, FewNotes([])),
        Reidentification(texts, FewNotes(_hospital()), 11),
    ):
        assert _attack(attack).standing is Standing.NOT_TESTED


def _people(count=300):
    rng = random.Random(4)
    return [
        (f"p-{at}", f"A {rng.randrange(20, 95)}-year-old with {rng.choice(WORDS)}. Stable.")
        for at in range(count)
    ]


def test_facts_of_real_patients_are_told_from_facts_at_random():
    people, rng = _people(), random.Random(5)
    notes = FewNotes(people)
    real, invented = [], []
    for at, (_, text) in enumerate(people[:120]):
        age, word = text.split()[1].split("-")[0], text.split()[3].strip(".")
        real.append(Outgoing("corpus a", f"x-{at}", f"{age} year old: {word}", frozenset({word})))
        other = rng.choice(WORDS)
        made = f"{rng.randrange(20, 95)} year old: {other}"
        invented.append(Outgoing("corpus a", f"x-{at}", made, frozenset({other})))

    assert _attack(Reidentification(invented, notes, 11)).standing is Standing.PASS
    assert [one.rule for one in _attack(Reidentification(real, notes, 11)).problems] == [
        "re-identification.singled-out"
    ]
    # The smallest crowd is a count of patients: a small one is told nowhere, a large one is.
    least = [_attack(Reidentification(real, notes, most)).estimates[-1].value for most in (11, 1)]
    assert least[0] is None
    assert 0 < least[1] < 11


def test_findings_tell_how_many_patients_they_single_out():
    """They stay; this is what would leave with them. Small counts are told nowhere."""
    common, rare = frozenset({"C1", "C2"}), frozenset({"C1", "C3"})

    def told(people, smallest):
        attack = Reidentification([], None, smallest, extracted={"first": people, "none": []})
        result = _attack(attack)
        assert result.standing is Standing.NOT_TESTED
        return [one.value for one in result.estimates], [one.total for one in result.estimates]

    assert told([common] * 20, 11) == ([0.0, 0.0], [20, 20])
    assert told([*[common] * 60, *[rare] * 20], 30) == ([None, None], [80, 80])
    assert told([*[common] * 60, *[rare] * 20], 21) == ([None, None], [80, 80])
    assert told([*[common] * 30, *[rare] * 30], 40) == ([1.0, 1.0], [60, 60])
    alone = [frozenset({"C1", f"D{at}"}) for at in range(15)]
    assert told([*[common] * 30, *alone], 11) == ([1 / 3, 1 / 3], [45, 45])
    assert told([frozenset({"C1"})] * 12, 11) == ([0.0], [12])
    assert told([frozenset({"C1"})] * 3, 11) == ([], [])


class PlainGate:
    """Denies what holds one of the values as they are written."""

    def __init__(self, values):
        self.values = values

    def inspect_many(self, texts, *, only_decide=False):
        del only_decide
        return [
            Verdict(
                Decision.DENY if any(one in text for one in self.values) else Decision.ALLOW,
                (),
                (),
                "identifier",
                Digest("0" * 64),
            )
            for text in texts
        ]


def test_a_gate_that_knows_values_as_written_only_fails():
    known = [PatientIdentifier("mrn", "MRN0041772"), PatientIdentifier("name", "Ada Quillfeather")]

    result = _attack(Evasion(known, PlainGate([one.value for one in known]), 400))

    assert result.standing is Standing.FAIL
    assert not any(AS_WRITTEN in problem.where for problem in result.problems)
    assert not any(one.value in str(result) for one in known)
    assert _attack(Evasion(known, PlainGate([""]), 400)).standing is Standing.PASS
    assert _attack(Evasion(known, None, 400)).standing is Standing.NOT_TESTED
    assert _attack(Evasion([], PlainGate([]), 400)).standing is Standing.NOT_TESTED


def test_every_disguise_is_tried_on_every_kind_and_half_as_written():
    known = [PatientIdentifier(f"kind {at}", f"value {at}00") for at in range(22)]
    gate = PlainGate([""])
    attack = Evasion(known, gate, 2 * 22 * (len(DISGUISES) - 1))

    made = [(kind, way) for way, kind, _ in attack._make()]

    assert {*made} == {(one.kind, way) for one in known for way in DISGUISES}
    assert sum(way == AS_WRITTEN for _, way in made) == len(made) // 2


def test_no_disguise_is_the_identity():
    changed = {
        way for way, disguise in DISGUISES.items() if disguise("Ada Bell 17") != "Ada Bell 17"
    }

    assert changed == set(DISGUISES) - {AS_WRITTEN}


@pytest.mark.parametrize(
    "written",
    [
        lambda value: value.upper().encode(),
        lambda value: json.dumps({"a": value}).encode(),
        lambda value: value.encode("utf-16"),
        lambda value: b"x" * 5000 + value.encode() + b"y" * 5000,
    ],
)
def test_a_needle_is_found_in_any_case_and_encoding(tmp_path, written):
    needles = Needles([Needle("name", "Zoë Quillfeather")])
    (tmp_path / "file").write_bytes(written("Zoe Quillfeather"))
    plain = Needles([Needle("name", "Zoe Quillfeather")])

    assert plain.find_in(tmp_path / "file")
    assert not needles.find_in(tmp_path / "file")
    (tmp_path / "file").write_bytes(written("Zoë Quillfeather").replace(b"\xeb\0", b"\xc3\xab"))
    assert needles.find_in(tmp_path / "file")


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("name", "Zoe Ann Quillfeather", "PID|1||7|QUILLFEATHER^ZOE^ANN"),
        ("name", "Zoe Quillfeather", "Quillfeather, Zoe"),
        ("name", "Zoe Quillfeather", "/tmp/zoe_quillfeather.pdf"),
        ("name", "Quillfeather, Zoe Ann", "we saw Zoe Ann Quillfeather again"),
        ("name", "Quillfeather, Zoe", "PID|1||7|QUILLFEATHER^ZOE"),
        ("phone", "202-555-0143", "call (202) 555-0143"),
        ("phone", "(202) 555-0143", "tel=2025550143;"),
        ("ssn", "078-05-1120", "ssn 078051120"),
        ("mrn", "MRN-004-1772", "mrn0041772"),
        ("mrn", "41772", '{"mrn": "41772"}'),
        ("mrn", "4711234", "PID|1||4711234^^^HOSP^MR"),
        ("mrn", "4711234", '{"system":"urn:mrn","value":"4711234"}'),
        ("mrn", "4711234", "see MRN# 4711234"),
        ("mrn", "4711234", "see MRN No. 4711234 again"),
    ],
)
def test_an_identifier_is_found_in_the_ways_that_programs_write_it(kind, value, written):
    needles = Needles([Needle(kind, value)])

    assert needles.find(written.encode())
    assert needles.find(written.encode("utf-16"))
    assert not needles.find(b"Zoe was seen, and so was Quillfeather; 202, 555, 0143.")


def test_digits_within_other_digits_are_nobodys():
    """Digests and measurements are full of them."""
    needles = Needles([Needle("mrn", "00412345"), Needle("account", "412"), Needle("other", "412")])

    assert needles.find(b"mrn 00412345.")
    assert not needles.find(b"900412345 0041234567 a00412345 00412345f")
    assert not needles.find(b"there were 412 of them")
    assert not needles.find(b'OBX|1|NM|x||412^1 {"value":"412"}')
    assert (needles.kinds, needles.left_out) == ({"mrn": 1, "account": 1}, 1)
    place = Place("place", lambda needles: needles.find(b""))
    result = _attack(AtRest([place], needles, frozenset()))
    assert any("1 identifiers too short" in spot for spot in result.blind_spots)


@cache
def _numbers(count, seed=3):
    """Needles for so many short record numbers, as an audit makes them."""
    numbers = {str(one) for one in random.Random(seed).sample(range(4_700_000, 4_800_000), count)}
    drawn = [Needle(DRAWN, one) for one in draw_numbers(numbers, seed)]
    return sorted(numbers), Needles([*(Needle(NUMBER, one) for one in sorted(numbers)), *drawn])


def _search(needles, *texts):
    def place(number, text):
        return Place(f"place {number}", lambda needles: needles.find(text.encode()))

    return _attack(AtRest([*starmap(place, enumerate(texts))], needles, frozenset()))


def test_a_short_number_without_its_label_is_found():
    """One of few patients; or several of many, where one alone stands by chance."""
    few, needles = _numbers(3)
    found = _search(needles, f"patient_mrn\n{few[1]}\n", "nothing")
    many, more = _numbers(2_000)
    listed = _search(more, "\n".join(many[:9]), "")

    assert {(one.rule, one.where) for one in found.problems} >= {("at-rest.numbers", "place 0")}
    assert "at-rest.numbers" in {one.rule for one in listed.problems}
    assert _search(more, f"{many[0]}").standing is Standing.PASS
    assert _search(needles, f"9{few[0]} {few[0]}9 x{few[0]}").standing is Standing.PASS


def test_numbers_that_stand_by_chance_are_no_failure():
    """Sizes and counts of an honest site have six or seven digits too."""
    _, needles = _numbers(2_000)
    rng = random.Random(8)
    texts = [
        " ".join(str(rng.randrange(4_000_000, 5_000_000)) for _ in range(9_000)) for _ in range(4)
    ]

    result = _search(needles, *texts)

    assert result.standing is Standing.PASS
    told = {one.name: one for one in result.estimates}
    assert told[f"{NUMBER}: found somewhere"].value == pytest.approx(
        told[f"{DRAWN}: found somewhere"].value, rel=0.3
    )
    assert any("without a label" in spot for spot in result.blind_spots)


def test_fewer_digits_still_are_searched_for_beside_a_label_only_and_that_is_said():
    result = _search(Needles([Needle("mrn", "4711"), Needle("mrn", "00412345")]), "")

    assert "1 numbers without a label beside them." in result.blind_spots


def test_a_name_put_together_hides_no_patients():
    """Thomas James is also how a list has James Thomas."""
    alike = Needles([Needle(NAME, "Thomas James"), Needle(SWAPPED, "James Thomas")])
    people = [("Thomas James",), ("James Thomas",), ("Ada Bell",), ("Bell Ray",)]
    patients = [
        RegisteredPatient(PatientId(f"p-{at}"), (PatientIdentifier(NAME, name),))
        for at, (name,) in enumerate(people)
    ]

    assert {kind for kind, _ in alike.find(b"Thomas James was seen.")} == {NAME, SWAPPED}
    for seed in range(20):
        real = Needles([Needle(NAME, name) for (name,) in people])
        assert not any(real.find(name.encode()) for name in swap_names(patients, seed))


@pytest.mark.parametrize("gap", [b"", b"\0", b"\0\0\0"], ids=["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("before", "after", "is_there"), [(" ", " ", True), (" ", "6", False), ("6", " ", False)]
)
def test_what_stands_at_the_edge_of_a_piece_is_judged_by_what_stands_beside_it(
    tmp_path, monkeypatch, gap, before, after, is_there
):
    """A large file is read in pieces: their ends are no ends of numbers."""
    monkeypatch.setattr("appliance.audits.needles._CHUNK", 64)
    needles, path = Needles([Needle("mrn", "00412345")]), tmp_path / "file"
    written = gap.join(bytes([one]) for one in f"{before}00412345{after} ".encode())

    found = set()
    for length in range(100):
        path.write_bytes(b"." * length + written + b"." * 100)
        found.add(bool(needles.find_in(path)))

    assert found == {is_there}


@pytest.mark.parametrize("how", ["gzip", "bz2", "zstd", "lz4", "xz"])
def test_a_needle_is_found_in_what_is_compressed(tmp_path, how):
    # Its two halves were there before: a compressor refers to them.
    text = b"Zoe Quil was seen, and a lfeather. " * 20 + b"Zoe Quillfeather"
    path = tmp_path / "log"
    if how == "xz":
        path.write_bytes(lzma.compress(text))
    else:
        with pa.output_stream(str(path), compression=how) as stream:
            stream.write(text)

    assert b"Quillf" not in path.read_bytes()
    assert Needles([Needle("name", "Zoe Quillfeather")]).find_in(path)


def test_a_needle_is_found_in_what_is_packed(tmp_path):
    text = "seen by Zoe Quillfeather today " * 50
    with gzip.open(tmp_path / "a.gz", "wt") as file:
        file.write(text)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("note", text)
    pq.write_table(pa.table({"text": [text], "n": [1]}), tmp_path / "c.parquet")
    needles = Needles([Needle("name", "Zoe Quillfeather"), Needle("short", "Zoe")])

    found = [bool(needles.find_in(path)) for path in sorted(tmp_path.iterdir())]

    assert found == [True, True, True]
    assert needles.kinds == {"name": 1}


def _spoil(path):
    """Two members that are stored, the first with a wrong checksum."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "x" * 500)
        archive.writestr("b", "Zoe Quillfeather", zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(b"x" * 500, b"y" * 500))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"\x1f\x8bbroken"),
        lambda path: path.write_bytes(b"PK\x03\x04broken"),
        lambda path: path.write_bytes(b"PAR1broken"),
        lambda path: path.mkdir(),
        _spoil,
    ],
)
def test_what_can_not_be_read_to_its_end_is_no_pass(tmp_path, damage):
    """What was found all the same fails; what is gone meanwhile is no matter."""
    path = tmp_path / "place"
    damage(path)
    needles = Needles([Needle("name", "Zoe Quillfeather")])
    place = Place("place", lambda needles: needles.find_in(path))
    gone = Place("gone", lambda needles: needles.find_in(tmp_path / "gone"))

    result = _attack(AtRest([place, gone], needles, frozenset()))

    has_name = damage is _spoil
    assert result.standing is (Standing.FAIL if has_name else Standing.NOT_TESTED)
    assert "1 of 2 places" in str(result)
    assert _attack(AtRest([gone], needles, frozenset())).standing is Standing.PASS


class Breaks:
    """An attack that can't be carried out."""

    name, claim = "breaks", "It holds."

    def __init__(self, error):
        self.error = error

    def run(self, progress):
        del progress
        raise self.error


def test_an_attack_that_breaks_never_passes():
    """Nor does it tell what it held in its hands."""
    for error in (ValueError("Ada Quillfeather"), BadInput("x", "y")):
        result = _attack(Breaks(error))
        assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, True)
        assert "Quillfeather" not in str(result)
    assert _attack(Breaks(ManifestMismatch("x", "y"))).standing is Standing.FAIL


def test_a_line_of_the_law_passes_only_where_all_of_its_evidence_does():
    def judge(**ends):
        checks = [Check(one, "Must hold", status, "", "") for one, status in ends.items()]
        return judge_lines([("rule", "text", tuple(ends))], [], checks)[0].standing

    assert judge(A="pass", B="skip", C="warn") is Standing.PASS
    assert judge(A="pass", B="fail") is Standing.FAIL
    assert judge(A="pass", B="error") is Standing.FAIL
    assert judge(A="skip") is Standing.NOT_TESTED
    assert judge_lines([("r", "t", ("nobody",))], [], [])[0].standing is Standing.NOT_TESTED
    assert judge_lines([("r", "t", ())], [], [])[0].standing is Standing.NOT_TESTED


def test_an_audit_tells_what_moved_since_the_one_before():
    def found(standing, value):
        share = Estimate("found", value, None, None, 9)
        return AttackResult(
            "a", "c", standing, "", (share, Estimate("n", 9.0, None, None, 9, "count"))
        )

    def then(standing, value):
        return {"results": [json.loads(json.dumps(asdict(found(standing, value))))]}

    moved = compare(then(Standing.PASS, 0.1), [found(Standing.FAIL, 0.35)])
    still = compare(then(Standing.PASS, 0.1), [found(Standing.PASS, 0.104)])
    lost = compare(then(Standing.FAIL, None), [found(Standing.NOT_TESTED, 0.5)])

    assert [one.what for one in (*moved, *still, *lost)] == [
        "worse; found: 10.0%, now 35.0%", "as before", "no longer tested",
    ]  # fmt: skip
    assert compare({}, [found(Standing.PASS, 0.1)]) == ()


def test_one_audit_is_no_periodic_evaluation():
    lines = [("rule", "text", ("audit",))]

    assert judge_lines(lines, [], [])[0].standing is Standing.NOT_TESTED
    assert judge_lines(lines, [], [], is_periodic=True)[0].standing is Standing.PASS


def test_the_rows_of_safe_harbor_are_eighteen_and_without_evidence_untested():
    counted = AttackResult(
        "evasion", "", Standing.PASS, "",
        (Estimate("stopped as written: name", 0.5, 0.1, 0.9, 4),
         Estimate("stopped as written: relative", 1.0, 0.1, 0.9, 4)),
    )  # fmt: skip

    rows = judge_harbor([counted])

    assert [row.letter for row in rows] == list("ABCDEFGHIJKLMNOPQR")
    assert (rows[0].stopped.value, rows[0].stopped.total) == (0.75, 8)
    assert all(row.stopped is None for row in rows[1:])


def test_the_law_names_attacks_and_checks_that_exist():
    """A line whose evidence was renamed would never be tested again."""
    from appliance.workflows import audit_attacks
    from appliance.workflows.checks.contents import CONTENT_CHECKS
    from appliance.workflows.checks.gateway import GATEWAY_CHECKS
    from appliance.workflows.checks.host import HOST_CHECKS
    from appliance.workflows.checks.site import SITE_CHECKS
    from appliance.workflows.checks.storage import STORAGE_CHECKS

    known = {
        one.check_id
        for one in (*HOST_CHECKS, *STORAGE_CHECKS, *SITE_CHECKS, *CONTENT_CHECKS, *GATEWAY_CHECKS)
    }
    known |= {
        value.name
        for value in vars(audit_attacks).values()
        if hasattr(value, "run") and hasattr(value, "claim")
    } | {"audit"}

    named = {one for *_, names in (*HIPAA, *OTHERS) for one in names}
    assert named <= known
    assert len({kind for *_, kinds in HARBOR for kind in kinds}) >= 18


def test_canaries_are_the_same_every_time_and_of_one_site():
    ours, theirs = derive_canaries(b"a" * 32, 200), derive_canaries(b"b" * 32, 200)

    assert ours[:50] == derive_canaries(b"a" * 32, 50)
    values = [value for canary in (*ours, *theirs) for value in canary.needles()]
    assert len(set(values)) == len(values) == 1200
    assert not any(canary.mrn in repr(canary) for canary in ours)


@pytest.mark.parametrize(
    ("status", "is_latched"), [("fail", True), ("error", True), ("pass", False), ("skip", False)]
)
def test_a_latch_that_can_not_be_looked_at_does_not_count_as_open(tmp_path, status, is_latched):
    paths = init(tmp_path / "site", "air-gapped").paths
    latch = Check("SITE021", "The gateway's door is not latched", status, "Seen.", "")

    attacks = make_attacks(Subject(paths, None, (), list, 0, [latch], 5, ""), AuditOrder())

    (replay,) = [one for one in attacks if one.name == "replay"]
    assert replay._with.is_latched is is_latched
