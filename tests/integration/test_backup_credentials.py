"""Backups of a site whose keys the service manager hands over; and what is left of killed ones."""

import pytest

from appliance.errors import ApplianceError, BadInput
from appliance.records.progress import Silent
from appliance.workflows.backup import list_backups
from appliance.workflows.keys import rotate
from appliance.workflows.notes import erase, show
from appliance.workflows.rehearse import rehearse
from appliance.workflows.restore import restore
from tests.lib.backed_up_site import NOTES, make_backed_up


@pytest.fixture
def handed(tmp_path, monkeypatch):
    """A site without a key on disk: all of them are in the directory of the service."""
    made = make_backed_up(tmp_path)
    given = tmp_path / "given"
    given.mkdir(mode=0o700)
    for path in made.site.paths.keys.glob("*.key"):
        path.rename(given / path.name)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    return made


def test_keys_that_were_handed_over_are_in_the_backup(handed, tmp_path, monkeypatch):
    made = handed.backup()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")

    done = restore(made.path, handed.identity, tmp_path / "again", Silent())

    assert show(done.site, NOTES[0].source_id, "chart-review", with_text=True).text == NOTES[0].text


def test_a_site_without_one_of_its_keys_is_not_backed_up(handed, tmp_path):
    """A backup that nobody could restore is none."""
    (tmp_path / "given" / "clearance.key").unlink()

    with pytest.raises(ApplianceError, match="clearance"):
        handed.backup()


def test_another_sites_credentials_do_not_open_what_was_restored(handed, tmp_path, monkeypatch):
    """A rehearsal shows that the keys within the backup do."""
    made = handed.backup()
    other = make_backed_up(tmp_path / "other")
    for path in other.site.paths.keys.glob("*.key"):
        (tmp_path / "given" / path.name).write_bytes(path.read_bytes())

    done = restore(made.path, handed.identity, tmp_path / "again", Silent())

    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert show(done.site, NOTES[0].source_id, "chart-review", with_text=True).text == NOTES[0].text


def test_a_rehearsal_under_credentials_reads_the_keys_of_the_backup(handed):
    made = handed.backup()

    assert rehearse(handed.root, made.path, handed.identity, Silent()).opened == 1


def test_a_key_that_was_handed_over_is_not_rotated(handed):
    """The new one would lie in the site, and the vault open with neither."""
    with pytest.raises(BadInput, match="service manager"):
        rotate(handed.root, Silent())

    assert not list(handed.site.paths.keys.glob("*.key"))


def test_a_restored_site_knows_what_it_came_from(tmp_path):
    """And that it holds somebody who was erased since."""
    made = make_backed_up(tmp_path)
    backup = made.backup()
    done = restore(backup.path, made.identity, tmp_path / "again", Silent())

    erase(done.site, NOTES[0].patient_source_id)

    [known] = list_backups(done.site, backup.path.parent)
    assert (known.name, known.found) == (backup.path.name, "here")
    assert known.is_before_erasure


def test_drafts_of_killed_backups_go_with_the_next_one(tmp_path):
    made = make_backed_up(tmp_path)
    first = made.backup()
    ours = first.path.with_name(f".{first.path.name}.4711.part")
    theirs = first.path.with_name(".appliance-00000000-20260101T000000Z.age.1.part")
    for draft in (ours, theirs):
        draft.write_bytes(b"half")
    first.path.unlink()

    made.backup()

    assert not ours.exists()
    assert theirs.exists()
