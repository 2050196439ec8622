"""Of the messages about one document the newest counts: correction, final result, withdrawal."""

import json
from collections import Counter

import pytest

from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.rejections import Reason, Rejected, Withdrawn
from appliance.clinical.vault.words import Where
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows.fingerprints import ensure_fingerprints, fingerprints_of
from appliance.workflows.ingest import import_notes, opened_vault
from appliance.workflows.site import init
from tests.lib.exports import Exported, document_reference, mdm, oru

EARLY, LATE = "20260314081500", "202603140930"


def sent(content, at):
    """The message, sent at that time."""
    head, _, rest = content.partition(b"||")
    return head[: head.rindex(b"|")] + f"|{at}||".encode() + rest


def read(folder):
    """Texts of the notes, and reasons of what is none."""
    items = list(read_notes([folder]))
    texts = [one.text for one in items if isinstance(one, SourceNote)]
    return texts, Counter(one.reason for one in items if isinstance(one, Rejected))


def test_a_final_result_takes_the_place_of_the_preliminary_one(tmp_path):
    """In one file, and the other way round too: when they were sent counts."""
    first = sent(oru(Exported(text="Preliminary: no fracture.")), EARLY)
    last = sent(oru(Exported(text="Final: a fracture.")), LATE)

    for number, content in enumerate((first + last, last + first)):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "day.hl7").write_bytes(content)
        assert read(tmp_path / f"{number}") == (["Final: a fracture."], {Reason.SUPERSEDED: 1})


def test_messages_are_compared_across_files(tmp_path):
    """An interface writes a file for each, under names that say nothing."""
    (tmp_path / "a.hl7").write_bytes(sent(mdm(Exported(text="Corrected.")), LATE))
    (tmp_path / "b.hl7").write_bytes(sent(mdm(Exported(text="As it was.")), EARLY))
    (tmp_path / "c.hl7").write_bytes(sent(mdm(Exported(id="18", text="Another.")), EARLY))

    assert read(tmp_path) == (["Corrected.", "Another."], {Reason.SUPERSEDED: 1})


def test_sent_at_the_same_time_the_one_read_last_counts(tmp_path):
    (tmp_path / "a.hl7").write_bytes(mdm(Exported(text="One.")) + mdm(Exported(text="Two.")))

    assert read(tmp_path) == (["Two."], {Reason.SUPERSEDED: 1})


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"AU||AV", b"AU||CA"), (b"MDM^T02^MDM_T02", b"MDM^T11")],
    ids=["by its status", "by the event"],
)
def test_what_is_withdrawn_later_is_no_note(tmp_path, old, new):
    """Not even as it was before."""
    whole = mdm(Exported())
    assert old in whole
    (tmp_path / "a.hl7").write_bytes(sent(whole, EARLY) + sent(whole.replace(old, new), LATE))

    assert read(tmp_path) == ([], {Reason.SUPERSEDED: 1, Reason.WITHDRAWN: 1})


def test_a_result_posted_for_the_wrong_patient_is_no_note(tmp_path):
    """OBX-11 says so in a later message."""
    whole = oru(Exported())
    wrong = whole.replace(b"||||||F", b"||||||W")
    assert wrong != whole
    (tmp_path / "a.hl7").write_bytes(sent(whole, EARLY) + sent(wrong, LATE))

    assert read(tmp_path) == ([], {Reason.SUPERSEDED: 1, Reason.WITHDRAWN: 1})


def test_news_of_a_document_without_its_text_leave_it_as_it_is(tmp_path):
    """A change of status comes after the document, and has no OBX."""
    whole = mdm(Exported(text="The document."))
    news = whole.partition(b"OBX|")[0].replace(b"MDM^T02^MDM_T02", b"MDM^T03")
    (tmp_path / "a.hl7").write_bytes(sent(whole, EARLY) + sent(news, LATE))

    assert read(tmp_path) == (["The document."], {Reason.EMPTY: 1})


def test_a_replaced_document_is_obsolete(tmp_path):
    """TXA-13 names it."""
    new = mdm(Exported(id="18", text="New.")).replace(b"MDM^T02^MDM_T02", b"MDM^T10")
    new = new.replace(b"|18|||||AU", b"|18|17||||AU")
    (tmp_path / "a.hl7").write_bytes(sent(mdm(Exported(text="Old.")), EARLY) + sent(new, LATE))

    assert read(tmp_path) == (["New."], {Reason.SUPERSEDED: 1})


def test_the_same_feed_again_changes_nothing(tmp_path):
    """Neither a new version, nor back to the preliminary one and on again."""
    site = init(tmp_path / "site", "air-gapped")
    feed = tmp_path / "day.hl7"
    feed.write_bytes(
        sent(oru(Exported(text="Preliminary.")), EARLY) + sent(oru(Exported(text="Final.")), LATE)
    )

    first, again = (import_notes(site.paths.root, [feed], Silent()) for _ in range(2))

    assert (first.new, first.changed, first.known) == (1, 0, 0)
    assert (again.new, again.changed, again.known) == (0, 0, 1)
    assert first.rejected == again.rejected == {"superseded": 1}
    with opened_vault(site) as vault:
        [note] = vault.read_identified(vault.note_ids(), "test")
    assert note.text == "Final."


def test_a_document_that_replaces_itself_is_there(tmp_path):
    """Some systems give the new one the old one's number."""
    new = mdm(Exported(text="New.")).replace(b"MDM^T02^MDM_T02", b"MDM^T10")
    new = new.replace(b"|17|||||AU", b"|17|17||||AU")
    (tmp_path / "a.hl7").write_bytes(sent(mdm(Exported(text="Old.")), EARLY) + sent(new, LATE))

    assert read(tmp_path) == (["New."], {Reason.SUPERSEDED: 1})
    assert not [one for one in read_notes([tmp_path]) if isinstance(one, Withdrawn)]


NOTE = Exported(text="Quillfeather has gout.")
IN_ERROR = json.dumps(document_reference(NOTE) | {"status": "entered-in-error"}).encode()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.hl7", mdm(NOTE), mdm(NOTE).replace(b"AU||AV", b"AU||CA")),
        ("a.hl7", oru(NOTE), oru(NOTE).replace(b"||||||F", b"||||||W")),
        (
            "a.hl7",
            mdm(NOTE),
            mdm(Exported(id="18", text="New."))
            .replace(b"T02", b"T10")
            .replace(b"|18|||||AU", b"|18|17||||AU"),
        ),
        ("a.json", json.dumps(document_reference(NOTE)).encode(), IN_ERROR),
    ],
    ids=["deleted", "wrong patient", "replaced", "entered in error"],
)
def test_what_an_earlier_import_brought_loses_its_text(tmp_path, name, before, after):
    """In every version and in the index; the note stays, so that whoever reads by id goes on."""
    site = init(tmp_path / "site", "air-gapped")
    feed = tmp_path / name
    feed.write_bytes(before)
    import_notes(site.paths.root, [feed], Silent())
    with opened_vault(site) as vault:
        [note_id] = vault.note_ids()
        while vault.index_some("test"):
            pass
        stamps = vault.stamps_of([note_id])
    feed.write_bytes(after)

    report = import_notes(site.paths.root, [feed], Silent())

    assert report.withdrawn == 1
    assert report.rejected == ({} if report.new else {"withdrawn": 1})
    with opened_vault(site) as vault:
        [note] = vault.read_identified([note_id], "test")
        assert note.text == ""
        assert not vault.unchanged(stamps)
        assert vault._connection.execute(
            "SELECT version FROM bodies WHERE note_id = ?", (note_id,)
        ).fetchall() == [(2,)]
        while vault.index_some("test"):
            pass
        assert not vault.find_identified("Quillfeather", Where(), "test")
        # The gate's fingerprints can be made anew of such a note too.
        fingerprints_of(site).begin()
    with opened_vault(site) as vault:
        ensure_fingerprints(site, vault)
    feed.write_bytes(before)
    assert import_notes(site.paths.root, [feed], Silent()).changed == 1
