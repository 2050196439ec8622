"""No copy of the vault that a killed command left outlives an erasure or a change of keys."""

import multiprocessing
import os
import signal

import pytest

from appliance.artifacts.staging import staged
from appliance.errors import BadInput
from appliance.records.backups import BACKUP, STAGES
from appliance.records.progress import Silent
from appliance.workflows import backup as backup_workflow
from appliance.workflows import rehearse as rehearse_workflow
from appliance.workflows.expiry import expire
from appliance.workflows.keys import rotate
from appliance.workflows.notes import count, erase
from appliance.workflows.rehearse import rehearse
from tests.lib.backed_up_site import NOTES, make_backed_up
from tests.lib.note_limit import set_limit


def _erase(site):
    erase(site.paths.root, "P-1")


def _expire(site):
    set_limit(site.paths.policies, 1)
    expire(site.paths.root)


def _rotate(site):
    rotate(site.paths.root, Silent())


@pytest.fixture
def backed_up(tmp_path):
    (tmp_path / "scratch").mkdir()
    return make_backed_up(tmp_path)


def _die(*_arguments, **_more):
    os.kill(os.getpid(), signal.SIGKILL)


def _kill(work, *arguments, **more):
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments, kwargs=more)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _copies(*places):
    return [path for place in places for path in place.rglob("vault.db")]


@pytest.mark.parametrize("deed", [_erase, _expire, _rotate])
@pytest.mark.parametrize("purpose", STAGES)
def test_what_a_killed_command_left_is_gone_with_the_erased_and_the_old_keys(
    backed_up, tmp_path, monkeypatch, purpose, deed
):
    """A backup was killed while it was written, a rehearsal elsewhere with the keys in clear."""
    run, scratch = backed_up.site.paths.run, tmp_path / "scratch"
    if purpose == BACKUP:
        monkeypatch.setattr(backup_workflow, "write_backup", _die)
        _kill(backed_up.backup)
    else:
        made = backed_up.backup()
        monkeypatch.setattr(rehearse_workflow, "_look", _die)
        identity = backed_up.identity
        _kill(rehearse, backed_up.root, made.path, identity, Silent(), scratch=scratch)
    assert _copies(run, scratch)

    deed(backed_up.site)

    assert _copies(run, scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("deed", [_erase, _expire, _rotate])
@pytest.mark.parametrize("purpose", STAGES)
def test_nothing_is_erased_and_no_key_changed_beside_a_copy_that_is_being_made(
    backed_up, purpose, deed
):
    keys = {path: path.read_bytes() for path in backed_up.site.paths.keys.iterdir()}

    with (
        staged(backed_up.site.paths.run, purpose),
        pytest.raises(BadInput, match=f"A {purpose} is under way"),
    ):
        deed(backed_up.site)

    assert sum(count(backed_up.root).values()) == len(NOTES)
    assert {path: path.read_bytes() for path in backed_up.site.paths.keys.iterdir()} == keys
