"""Notes by their words: for a reason, without a word shown or kept that was not asked for."""

import json
import tracemalloc

import pytest

from appliance.cli.main import run
from appliance.clinical.vault.database import transaction
from appliance.clinical.vault.words import FIND, Where, find, index_batch
from appliance.errors import BadInput
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows.cohorts import Cohort, cohort_ids, read_cohort, save_cohort
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.notes import erase
from appliance.workflows.search import search
from appliance.workflows.search_tally import Tally, among
from appliance.workflows.site import open_site
from tests.lib.read_site import make_site

CANARY = "Quillfeather"
NOTES = (
    SourceNote("1", "p-1", "letter", "2026-01-01", "Fever and asthma."),
    SourceNote("2", "p-1", "letter", "2026-02-01", "No fever; aortic stenosis, severe."),
    SourceNote("3", "p-2", "report", "2026-03-01", f"Mx {CANARY} has Ménière disease."),
    SourceNote("4", None, "report", "", "Stenosis of the aortic valve."),
)


@pytest.fixture
def site(tmp_path):
    return make_site(tmp_path / "site", NOTES)


def look(site, expression, **options):
    return search(site.paths.root, expression, "a-study", Silent(), **options)


def sources(site, result):
    with opened_vault(site) as vault:
        names = {vault.note_id_of(note.source_id): note.source_id for note in NOTES}
    return {names[note.note_id] for note in result.shown}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("fever", {"1", "2"}),
        ("FEVER asthma", {"1"}),
        ("asthma OR stenosis", {"1", "2", "4"}),
        ('"aortic stenosis"', {"2"}),
        ("fever NOT asthma", {"2"}),
        ("sten*", {"2", "4"}),
        ("meniere", {"3"}),
        ("nothing", set()),
    ],
)
def test_notes_are_found_by_their_words(site, expression, expected):
    """Case and accents aside; phrases, alternatives, beginnings."""
    assert sources(site, look(site, expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("COVID-19", {"a"}),
        ("HER2/neu OR hepatitis-C", {"b", "c"}),
        ('"hepatitis-C" AND chronic', {"c"}),
        ("O'Brien's", {"d"}),
        ("19-COVID", set()),
    ],
)
def test_terms_with_signs_inside_need_no_quotes(tmp_path, expression, expected):
    """Clinical words are full of them; their parts have to stand beside each other."""
    texts = {"a": "COVID-19.", "b": "HER2/neu +", "c": "Chronic hepatitis C", "d": "O'Brien's sign"}
    site = make_site(
        tmp_path / "other", [SourceNote(key, None, "", "", text) for key, text in texts.items()]
    )
    with opened_vault(site) as vault:
        ids = {vault.note_id_of(key): key for key in texts}

    assert {ids[note.note_id] for note in look(site, expression).shown} == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kind": "letter"}, {"2"}),
        ({"since": "2026-02-01"}, {"2"}),
        ({"until": "2026-01-31"}, set()),
        ({"since": "2026-01-01", "until": "2026-12-31"}, {"2"}),
        ({"limit": 0}, set()),
    ],
)
def test_kind_and_date_narrow_a_search(site, options, expected):
    """A note without a date is on no side of one."""
    result = look(site, "stenosis", **options)

    assert sources(site, result) == expected


def test_a_cohort_is_kept_and_narrows(site):
    """By name; twice the same name is refused."""
    result = look(site, "fever", cohort="feverish")

    assert (result.notes, result.patients) == (2, 1)
    assert len(read_cohort(site, "feverish").note_ids) == 2
    assert sources(site, look(site, "stenosis", within="feverish")) == {"2"}
    with pytest.raises(BadInput, match="already"):
        look(site, "fever", cohort="feverish")
    with pytest.raises(BadInput, match="no cohort"):
        look(site, "fever", within="nobody")


def test_a_cohort_is_kept_line_by_line(site):
    """And is JSON, so that whoever read it in one piece can."""
    look(site, "fever", cohort="feverish")
    look(site, "nothing", cohort="empty")

    content = (site.paths.cohorts / "feverish.json").read_text()
    body = json.loads(content)
    ids = sorted(id_of(site, source) for source in ("1", "2"))
    assert content.splitlines()[1:] == [f'"{ids[0]}",', f'"{ids[1]}"', "]}"]
    assert (body["note_ids"], body["reason"]) == (ids, "a-study")
    assert list(cohort_ids(site, "feverish")) == ids
    assert list(cohort_ids(site, "empty")) == []
    assert json.loads((site.paths.cohorts / "empty.json").read_text())["note_ids"] == []


def test_a_cohort_of_an_earlier_release_narrows_and_forgets(site):
    """It has all its notes on one line."""
    notes = sorted(id_of(site, source) for source in ("1", "2", "3"))
    site.paths.cohorts.mkdir()
    body = {"note_ids": notes, "made_at": "2026-01-01T00:00:00+00:00", "reason": "old"}
    (site.paths.cohorts / "old.json").write_text(json.dumps(body))

    assert sources(site, look(site, "stenosis OR asthma", within="old")) == {"1", "2"}
    erase(site.paths.root, "p-1")
    left = Cohort((id_of(site, "3"),), body["made_at"], "old")
    assert read_cohort(site, "old") == left
    assert list(cohort_ids(site, "old")) == list(left.note_ids)


@pytest.mark.parametrize("cut", [0, 5, -1, -3, -10, -40])
def test_a_cohort_that_was_cut_short_is_none(site, cut):
    """Half of it would pass for all of it."""
    look(site, "fever", cohort="feverish")
    path = site.paths.cohorts / "feverish.json"
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(BadInput, match="no cohort"):
        look(site, "stenosis", within="feverish")


def id_of(site, source_id):
    with opened_vault(site) as vault:
        return vault.note_id_of(source_id)


def put_in(vault, first, last):
    """Notes that hold one word, and the vault's index of it."""
    notes = [(spread("n", one), spread("p", one // 7)) for one in range(first, last)]
    with transaction(vault._connection):
        vault._connection.executemany(
            "INSERT INTO notes VALUES (?, '', ?, 'letter', '', 1, x'', 'utf-8')", notes
        )
        vault._connection.executemany(
            "INSERT INTO indexed VALUES (?, ?, 1)",
            ((one, note_id) for one, (note_id, _) in enumerate(notes, start=first)),
        )
        vault._connection.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, 'gout')",
            ((one,) for one in range(first, last)),
        )


def spread(letter, number):
    """As ids are: all over their range."""
    return f"{letter}-{number * 0x9E3779B97F4A7C15F39CC060 % (1 << 96):024x}"


def peak_of_search(site, vault):
    tracemalloc.start()
    try:
        hits = vault.find_identified("gout", Where(), "check")
        with Tally(site.paths.vault, 20, keeps_notes=True, run=1 << 8) as tally:
            tally.add_all(hits)
            save_cohort(site, f"of-{tally.count}", tally.notes, "check")
            patients = tally.patients.count()
        found = vault.find_identified("gout", Where(), "check")
        only = cohort_ids(site, f"of-{tally.count}")
        count = sum(1 for _ in among(vault, found, only, site.paths.vault, run=1 << 8))
        return tracemalloc.get_traced_memory()[1], tally.count, count, patients
    finally:
        tracemalloc.stop()


def test_a_search_holds_no_more_of_many_notes_than_of_few(site):
    """Nor does SQLite: it neither sorts nor keeps rows on the way."""
    with opened_vault(site) as vault:
        put_in(vault, 1_000, 2_500)
        few, *counts = peak_of_search(site, vault)
        assert counts == [1_500, 1_500, 216]
        put_in(vault, 2_500, 7_000)
        many, *counts = peak_of_search(site, vault)
        plan = vault._connection.execute(f"EXPLAIN QUERY PLAN {FIND}", ("gout", *[""] * 6))
        steps = [row[-1] for row in plan]

    assert counts == [6_000, 6_000, 858]
    assert many < 1.5 * few  # of four times as many notes
    assert [step.split()[:2] for step in steps] == [
        ["SCAN", "words"],
        ["SEARCH", "indexed"],
        ["SEARCH", "notes"],
    ]


def test_what_is_written_during_a_search_does_not_change_it(site):
    """Nor does a search that is not read to its end keep a writer waiting."""
    with opened_vault(site) as vault, opened_vault(site) as other:
        put_in(vault, 1_000, 2_000)
        hits = vault.find_identified("gout", Where(), "check")
        next(hits)
        put_in(other, 2_000, 2_100)
        other.seal([SourceNote("6", None, "x", "", "Gout.")])

        assert sum(1 for _ in hits) == 999
        assert sum(1 for _ in vault.find_identified("gout", Where(), "check")) == 1_100


def test_changed_and_new_notes_are_found_as_they_are_now(site):
    """The index follows the vault."""
    look(site, "fever")
    changed = SourceNote("1", "p-1", "letter", "2026-01-01", "Gout.")
    import_stream(site, [changed, SourceNote("5", None, "x", "", "Fever")], Silent())

    assert sources(site, look(site, "gout")) == {"1"}
    assert look(site, "fever").notes == 2


@pytest.mark.parametrize(
    "expression", ["", " ", '"open', "AND", "fever (", "x" * 501, "a:b", "NOT fever"]
)
def test_what_is_no_expression_is_bad_input(site, expression):
    """And is not quoted: it can be a name."""
    with pytest.raises(BadInput) as refused:
        look(site, expression)

    assert not expression.strip() or expression not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_search_shows_no_text_and_leaves_no_word(site, capfd):
    """Neither on the terminal, in the ledger, nor on the disk in clear."""
    where = ["--site", str(site.paths.root)]

    assert run(["notes", "search", CANARY, "--reason", "a study", *where, "--json"]) == 0

    out, err = capfd.readouterr()
    assert json.loads(out)["notes"] == 1
    assert CANARY not in out + err
    for path in site.paths.root.rglob("*"):
        if path.is_file():
            assert CANARY.lower().encode() not in path.read_bytes().lower()
    bodies = read_bodies(site.paths.ledger, open_site(site.paths.root).ledger.head().size)
    kinds = [json.loads(body) for body in bodies]
    assert [one["facts"]["reason"] for one in kinds if one["kind"] == "vault.searched"] == [
        "a-study"
    ]


def test_words_are_shown_where_they_were_asked_for(site, capfd):
    """Around the first hit; the read is on record."""
    where = ["--site", str(site.paths.root)]

    assert run(["notes", "search", "Ménière", "--reason", "x y", "--show-text", *where]) == 0

    assert CANARY in capfd.readouterr().out


def test_an_erased_patients_words_are_in_no_page(site):
    """Not even where SQLite keeps the words of its index."""
    look(site, "fever", cohort="feverish")
    with opened_vault(site) as vault:
        pages = "SELECT block FROM words_data"
        blocks = b"".join(bytes(row[0]) for row in vault._connection.execute(pages))
    assert b"quillfeather" in blocks

    erase(site.paths.root, "p-2")
    erase(site.paths.root, "p-1")

    with opened_vault(site) as vault:
        blocks = b"".join(bytes(row[0]) for row in vault._connection.execute(pages))
        assert b"quillfeather" not in blocks
        assert b"fever" not in blocks
        assert b"valve" in blocks
    assert read_cohort(site, "feverish").note_ids == ()
    assert sources(site, look(site, "stenosis")) == {"4"}


def test_a_failing_database_is_not_a_wrong_expression():
    """Whoever searches is told what is the matter."""
    from sqlcipher3 import dbapi2

    class Failing:
        def execute(self, *_):
            error = dbapi2.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_READ"
            raise error

    with pytest.raises(Exception, match="disk"):
        find(Failing(), "fever", Where())


def test_a_note_that_is_erased_while_it_is_indexed_is_not_found_again(site):
    """Its words were read before, and are written by nobody after."""
    with opened_vault(site) as vault:
        gone = vault.note_id_of("3")

        def read_and_lose(ids):
            texts = [note.text for note in vault.read_identified(ids, "check")]
            vault.erase_patient("p-2")
            return texts

        index_batch(vault._connection, read_and_lose)

        query = "SELECT count(*) FROM indexed WHERE note_id = ?"
        assert vault._connection.execute(query, (gone,)).fetchone()[0] == 0
        blocks = vault._connection.execute("SELECT block FROM words_data").fetchall()
        assert b"quillfeather" not in b"".join(bytes(row[0]) for row in blocks)


def test_what_comes_before_the_place_of_the_index_is_found_too(site):
    """An open vault goes through its notes from the first again."""
    with opened_vault(site) as vault:
        while vault.index_some("check"):
            pass
        vault.seal([SourceNote(f"new-{n}", "p-9", "letter", "", "Gout.") for n in range(20)])
        while vault.index_some("check"):
            pass
        assert vault.left_to_index() == 0
