"""Every format says the same of the same note, and is refused in the same ways."""

import io

import pytest

from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Refusal
from appliance.records.notes import SourceNote
from tests.lib.exports import EXPORTS, WHOLE, Exported

NOTE = Exported()


def read(suffix, content, reading=None):
    origin = Origin(f"export/a{suffix}", reading or Reading())
    return list(FORMATS[suffix](io.BytesIO(content), origin))


def notes_of(suffix, content, reading=None):
    return [entry for _, entry in read(suffix, content, reading) if isinstance(entry, SourceNote)]


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_the_text_is_the_same_in_every_format(name):
    """To the code point, with all that a format has to escape."""
    suffix, write = EXPORTS[name]

    [note] = notes_of(suffix, write(NOTE))

    assert note.text == NOTE.text


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_is_said_of_a_note_is_the_same_in_every_format(name):
    """Patient, kind, date; and an id in which the exporting system's is found."""
    suffix, write = EXPORTS[name]

    [note] = notes_of(suffix, write(NOTE))

    assert (note.patient_source_id, note.kind, note.written_on) == (
        NOTE.patient,
        NOTE.kind,
        NOTE.date,
    )
    assert NOTE.id in note.source_id


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_a_file_read_twice_gives_the_same_notes(name):
    """What makes an import that is run again change nothing."""
    suffix, write = EXPORTS[name]

    assert notes_of(suffix, write(NOTE)) == notes_of(suffix, write(NOTE))


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_a_changed_note_keeps_its_id(name):
    """A new version of the same note, not a second note."""
    suffix, write = EXPORTS[name]
    changed = Exported(text="No fever.\nAddendum: seen again.")

    [before], [after] = notes_of(suffix, write(NOTE)), notes_of(suffix, write(changed))

    assert before.source_id == after.source_id
    assert before.text != after.text


# A message of HL7 v2 has no end of its own: where a segment stops, it may have been cut.
@pytest.mark.parametrize("name", sorted(set(EXPORTS) - {"mdm", "oru"}))
def test_a_file_cut_anywhere_is_read_or_refused(name):
    """Never an error, and never a text that is not a part of the whole."""
    suffix, write = EXPORTS[name]
    content = write(NOTE)

    for end in range(0, len(content), max(1, len(content) // 60)):
        try:
            found = read(suffix, content[:end])
        except Refusal:
            continue
        for _, entry in found:
            assert isinstance(entry, Refusal) or entry.text in NOTE.text + "\n"
