"""What every vault promises, the real one and the one in memory."""

from dataclasses import replace

import pytest

from appliance.clinical.intake.rejections import Place, Reason, Rejected
from appliance.clinical.vault.store import Vault
from appliance.clinical.vault.versions import SealReport
from appliance.errors import BadInput
from appliance.records.notes import Edition, PatientIdentifier, SourceNote, SourcePatient
from tests.lib.memory_vault import EventList, MemoryVault


@pytest.fixture
def recorder():
    return EventList()


@pytest.fixture(params=["real", "memory"])
def vault(request, tmp_path, recorder):
    if request.param == "memory":
        yield MemoryVault(recorder)
        return
    opened = Vault.open(tmp_path / "vault", b"k" * 32, b"p" * 32, recorder)
    yield opened
    opened.close()


def note(number, text="Chest clear.", patient="pat-1", kind="progress-note"):
    return SourceNote(f"src-{number}", patient, kind, "2026-03-01", text)


def patient(source_id="pat-1", **identifiers):
    given = identifiers or {"name": "Ada Invented"}
    return SourcePatient(
        source_id, tuple(PatientIdentifier(kind, value) for kind, value in given.items())
    )


def test_a_note_comes_out_as_it_went_in(vault):
    """Text, kind and date survive to the code point, astral ones included."""
    text = "Über 37.5 °C 🌡\n\tno rash\u200b "
    vault.seal([note(1, text, kind="discharge-summary")])

    [found] = vault.read_identified(vault.note_ids(), "check")

    assert found.text == text
    assert (found.kind, found.written_on) == ("discharge-summary", "2026-03-01")
    assert found.patient_id == vault.patient_id_of("pat-1")


def test_sealing_twice_keeps_one_note(vault):
    """An import run again changes nothing."""
    first = vault.seal([note(1), note(2)])
    second = vault.seal([note(1), note(2)])

    assert (first, second) == (SealReport(new=2), SealReport(known=2))
    assert len(vault.note_ids()) == 2


def test_a_changed_note_is_read_in_its_newest_version(vault):
    """The hospital's correction is what counts."""
    vault.seal([note(1, "Draft.")])

    report = vault.seal([note(1, "Signed.")])

    assert report == SealReport(changed=1)
    [found] = vault.read_identified(vault.note_ids(), "check")
    assert found.text == "Signed."


@pytest.mark.parametrize(
    "altered",
    [
        note(1, kind="referral"),
        note(1, patient="pat-2"),
        note(1, patient=None),
        SourceNote("src-1", "pat-1", "progress-note", "2026-03-02", "Chest clear."),
    ],
)
def test_every_field_counts_as_a_change(vault, altered):
    """A note moved to another patient, kind or day is a new version too."""
    vault.seal([note(1)])

    moved = altered.patient_source_id != note(1).patient_source_id
    assert vault.seal([altered]) == SealReport(changed=1, moved=int(moved))


def test_an_older_edition_changes_nothing(vault):
    """It is known, whenever it comes; a newer one counts."""
    texts = ("Signed.", "Draft.", "Amended.")
    numbers = (2, 1, 3)
    editions = [
        replace(note(1, text), edition=Edition(number=number))
        for text, number in zip(texts, numbers, strict=True)
    ]

    reports = [vault.seal([one]) for one in editions]

    assert reports == [SealReport(new=1), SealReport(known=1, older=1), SealReport(changed=1)]
    [found] = vault.read_identified(vault.note_ids(), "check")
    assert found.text == "Amended."


def test_a_note_twice_in_one_import_is_one_note(vault):
    """The same chunk holds no surprise for the catalogue."""
    assert vault.seal([note(1), note(1), note(1, "New.")]) == SealReport(1, 1, 1)
    assert len(vault.note_ids()) == 1


def test_the_digest_changes_when_what_is_to_be_read_does(vault):
    """A new note, a new version, an erasure; and not an import run again."""
    digests = [vault.digest()]
    for step in (
        lambda: vault.seal([note(1)]),
        lambda: vault.seal([note(1, "Signed.")]),
        lambda: vault.seal([note(2, patient="pat-2")]),
        lambda: vault.erase_patient("pat-2"),
    ):
        step()
        digests.append(vault.digest())
    vault.seal([note(1, "Signed.")])

    assert vault.digest() == digests[4] == digests[2]
    assert len(set(digests)) == 4


def test_ids_are_sorted_and_can_be_asked_for_by_kind(vault):
    """The order of work does not depend on the order of import."""
    vault.seal([note(number, kind="a" if number % 2 else "b") for number in range(7)])

    assert vault.note_ids() == sorted(vault.note_ids())
    assert len(vault.note_ids("a")) == 3
    assert vault.note_ids("none") == []
    assert vault.count() == {"a": 3, "b": 4}


def test_notes_come_in_the_order_asked_for(vault):
    """Whoever asks may rely on positions, repeated ones included."""
    vault.seal([note(number, f"Note {number}.") for number in range(3)])
    asked = [vault.note_id_of(f"src-{number}") for number in (2, 0, 2)]

    found = vault.read_identified(asked, "check")

    assert [one.text for one in found] == ["Note 2.", "Note 0.", "Note 2."]


def test_every_read_is_in_the_ledger_with_its_reason(vault, recorder):
    """No note is read without an event, and the event is written first."""
    vault.seal([note(1)])
    recorder.events.clear()

    vault.read_identified(vault.note_ids(), "chart-review")

    assert recorder.events == [("vault.read", {"count": 1, "reason": "chart-review"})]


def test_a_read_that_fails_is_in_the_ledger_too(vault, recorder):
    """Looking for a note that is not there is an event as well."""
    with pytest.raises(BadInput):
        vault.read_identified([vault.note_id_of("nobody")], "curiosity")

    assert recorder.events[-1] == ("vault.read", {"count": 1, "reason": "curiosity"})


@pytest.mark.parametrize("reason", ["", "Because I can", "x", "UPPER", "a--b", "-a", "a" * 90])
def test_no_read_without_a_proper_reason(vault, recorder, reason):
    """A reason is a code, so that it can't hold a patient's name."""
    vault.seal([note(1)])
    recorder.events.clear()

    with pytest.raises(BadInput):
        vault.read_identified(vault.note_ids(), reason)

    assert recorder.events == []


def test_what_was_sealed_before_a_broken_stream_is_counted(vault, recorder):
    """An export that breaks off loses nothing that was committed."""

    def stream():
        for number in range(600):
            yield note(number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vault.seal(stream())

    kind, facts = recorder.events[-1]
    assert kind == "vault.sealed"
    assert facts["new"] == len(vault.note_ids()) >= 512


def test_the_registry_keeps_every_identifier_it_was_told(vault):
    """A second registration adds; a phone number of last year still identifies."""
    vault.register([patient(phone="555-0100")])
    vault.register([patient(phone="555-0199", name="Ada Invented")])

    [found] = vault.read_patients_identified("index")

    assert {(item.kind, item.value) for item in found.identifiers} == {
        ("phone", "555-0100"),
        ("phone", "555-0199"),
        ("name", "Ada Invented"),
    }
    assert vault.count_patients() == 1


def test_an_erased_patient_is_gone_and_nobody_else(vault, recorder):
    """Notes in all versions and identifiers go; the event stays."""
    vault.register([patient("pat-1"), patient("pat-2", name="Bo Invented")])
    vault.seal([note(1), note(2, patient="pat-2"), note(3, patient=None), note(1, "Changed.")])

    erased = vault.erase_patient("pat-1")

    assert erased == 1
    assert vault.note_ids() == sorted([vault.note_id_of("src-2"), vault.note_id_of("src-3")])
    assert vault.count_patients() == 1
    assert recorder.events[-1] == (
        "vault.erased",
        {"patient": vault.patient_id_of("pat-1"), "notes": 1},
    )


def test_erasing_nobody_erases_nothing(vault):
    """An id that no note has is no error and no loss."""
    vault.seal([note(1)])

    assert vault.erase_patient("stranger") == 0
    assert len(vault.note_ids()) == 1


def test_rejected_items_are_kept_until_the_next_import(vault, recorder):
    """In order, names and all; who reads them is in the ledger."""
    old = Rejected(Reason.LINK, Place(1, 1, None, "old.txt"))
    items = [
        Rejected(Reason.EMPTY, Place(1, 3, 14, "ward/b.csv")),
        Rejected(Reason.UNKNOWN_FIELD, Place(1, 4, 1, "ward/c.csv", "column 4")),
        Rejected(Reason.NOT_UTF8, Place(2, None, None, "ward/a.txt")),
    ]
    vault.keep_rejected([old])
    vault.keep_rejected(items)

    assert vault.read_rejected_identified("check") == items
    assert recorder.events[-1] == ("vault.rejected-read", {"count": 3, "reason": "check"})


def test_an_erasure_forgets_rejected_items(vault):
    """A file's name can be a patient's, and nobody can tell whose."""
    vault.keep_rejected([Rejected(Reason.EMPTY, Place(1, 1, None, "Ada Invented.txt"))])

    vault.erase_patient("pat-1")

    assert vault.read_rejected_identified("check") == []


def test_the_encoding_of_a_note_is_kept(vault):
    """In what its bytes came; how it is encoded in the vault is nobody's business."""
    vault.seal([SourceNote("enc", None, "", "", "Größe", "cp1252")])

    [note] = vault.read_identified([vault.note_id_of("enc")], "check")

    assert (note.text, note.encoding) == ("Größe", "cp1252")


def test_an_erasure_that_was_begun_is_known_until_it_is_ended(vault):
    """Killed in between, it can be gone on with, though the notes are gone already."""
    vault.seal([note(1), note(2), note(3, patient="pat-2")])

    ids = vault.begin_erasure("pat-1")

    assert ids == sorted([vault.note_id_of("src-1"), vault.note_id_of("src-2")])
    vault.erase_patient("pat-1")

    assert vault.is_erasing("pat-1")
    assert vault.begin_erasure("pat-1") == []
    vault.end_erasure("pat-1")
    assert not vault.is_erasing("pat-1")
