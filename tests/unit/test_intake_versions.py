"""Several messages about one note in one export: the last one counts, and is imported once."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.clinical.intake.seen import PutOff
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import init
from tests.lib.exports import Exported, document_reference, mdm
from tests.lib.importing import import_file

NUMBERS = count(1)
# Few texts and patients, so that states come again.
STATES = st.lists(
    st.builds(
        Exported,
        text=st.sampled_from(["Draft.", "Signed.", "Amended."]),
        patient=st.sampled_from(["pat-1", "pat-2"]),
        kind=st.sampled_from(["letter", "report"]),
    ),
    min_size=1,
    max_size=6,
)


def messages(notes):
    return "a.hl7", b"".join(map(mdm, notes))


def resources(notes):
    lines = (json.dumps(document_reference(note)).encode() + b"\n" for note in notes)
    return "a.ndjson", b"".join(lines)


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped")


@pytest.fixture
def take(site):
    """Imports these states of notes as one file, and tells how many are new, changed and known."""

    def taken(notes, export=messages):
        report = import_file(site, *export(notes))
        assert not report.rejected
        return report.new, report.changed, report.known

    return taken


def stored(site):
    """Every note as it is read now, and all versions' count."""
    with opened_vault(site) as vault:
        [versions] = vault._connection.execute("SELECT count(*) FROM bodies").fetchone()
        return vault.read_identified(vault.note_ids(), "check"), versions, vault.digest()


@pytest.mark.parametrize("export", [messages, resources])
def test_the_last_message_about_a_note_is_its_newest_version(site, take, export):
    """The ones before it are earlier versions; the same file again changes nothing."""
    states = [Exported(text=text) for text in ("Draft.", "Signed.", "Amended.")]

    first = take(states, export)
    [note], versions, digest = stored(site)
    second = take(states, export)

    assert (first, second) == ((1, 2, 0), (0, 0, 3))
    assert (note.text, versions) == ("Amended.", 3)
    assert stored(site)[1:] == (3, digest)


def test_a_message_twice_is_known_the_second_time(take):
    """As in two imports."""
    assert take([Exported(), Exported()]) == (1, 0, 1)


def test_a_note_that_is_set_back_is_set_back(site, take):
    """An earlier version that comes alone, or last, is the newest one again."""
    draft, signed = Exported(text="Draft."), Exported(text="Signed.")
    take([draft, signed])

    assert take([draft]) == (0, 1, 0)
    assert stored(site)[0][0].text == "Draft."
    assert take([signed, draft]) == (0, 0, 2)
    assert take([draft, signed]) == (0, 1, 1)
    assert stored(site)[0][0].text == "Signed."


def test_a_note_that_goes_to_another_patient_stays_there(site, take):
    """An export with its whole history does not move it to and fro."""
    states = [Exported(patient="pat-wrong"), Exported(patient="pat-right")]

    assert take(states) == (1, 1, 0)
    [note], versions, digest = stored(site)
    assert take(states) == (0, 0, 2)

    assert stored(site)[1:] == (versions, digest)
    with opened_vault(site) as vault:
        assert vault.owners() == {note.note_id: vault.patient_id_of("pat-right")}


@pytest.mark.parametrize(("kind", "text"), [("history", "Signed."), ("collection", "Draft.")])
def test_a_history_lists_its_newest_version_first(site, kind, text):
    """R4, http.html#history: there the first one counts, also where an older was taken back."""
    signed, draft = (document_reference(Exported(text=one)) for one in ("Signed.", "Draft."))
    older = {**draft, "status": "entered-in-error"} if kind == "history" else draft
    bundle = {"resourceType": "Bundle", "type": kind}
    bundle["entry"] = [{"resource": signed}, {"resource": older}]

    import_file(site, "a.json", json.dumps(bundle).encode())

    [note], _, _ = stored(site)
    assert note.text == text


def test_rows_of_a_table_are_no_versions(site):
    """Two files may be of two wards: an id that stands there again is a clash."""
    rows = [{"id": "1", "text": "One."}, {"id": "1", "text": "Two."}]

    report = import_file(
        site, "a.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    )

    assert (report.new, report.rejected) == (1, {"duplicate-id": 1})
    assert stored(site)[0][0].text == "One."


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STATES)
def test_whatever_came_before_the_last_message_counts(site, take, states):
    """And the file again is all known: no version more, no other note."""
    number = str(next(NUMBERS))
    states = [Exported(number, one.patient, one.kind, text=one.text) for one in states]

    assert sum(take(states)) == len(states)
    with opened_vault(site) as vault:
        [note] = vault.read_identified([vault.note_id_of(f"MDM/EHR/SITE/{number}")], "check")
        last = states[-1]
        owner = vault.patient_id_of(last.patient)
    assert (note.text, note.kind, note.patient_id) == (last.text, last.kind, owner)

    before = stored(site)[1:]
    assert take(states) == (0, 0, len(states))
    assert stored(site)[1:] == before


def test_of_an_id_all_wait_after_the_first():
    """Until one is dropped; the last says whose the note is."""
    with PutOff() as waiting:
        assert not waiting.holds("1")
        waiting.put("1", 3, "p-1")
        waiting.put("1", 5, None)
        waiting.drop("2")

        assert waiting.count == 1
        assert [waiting.is_late("1", number) for number in (2, 3, 6)] == [False, True, True]
        assert (waiting.is_of("1", "p-1"), waiting.is_of("1", None)) == (False, True)
        assert not waiting.is_late("2", 9)

        waiting.drop("1")
        assert (waiting.count, waiting.holds("1")) == (0, False)
