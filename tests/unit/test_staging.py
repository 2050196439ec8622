"""What a command makes on its way is gone afterwards, also when the command was killed."""

import os
import subprocess
import sys

import pytest

from appliance.artifacts.staging import nothing_staged, staged
from appliance.errors import BadInput

_KILLED = """
import os, signal, sys
from pathlib import Path
from appliance.artifacts.staging import staged
with staged(Path("run"), "backup", Path(sys.argv[1])) as folder:
    (folder / "vault.db").write_bytes(b"notes")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def places(tmp_path, monkeypatch):
    for name in ("run", "scratch"):
        (tmp_path / name).mkdir(mode=0o700)
    # A relative --scratch is found again from anywhere.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    return tmp_path / "run", tmp_path / "scratch"


def _kill_one_in(place):
    process = subprocess.run([sys.executable, "-c", _KILLED, place.name], check=False)
    assert process.returncode == -9
    [left] = place.glob(".backup-*")
    assert (left / "vault.db").read_bytes() == b"notes"
    return left


def test_what_a_killed_command_left_elsewhere_is_gone_before_the_next(places):
    run, scratch = places
    left = _kill_one_in(scratch)

    with staged(run, "backup") as folder:
        assert not left.exists()
        assert folder.parent == run
        assert folder.stat().st_mode & 0o777 == 0o700

    assert not folder.exists()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("at", [0, 1])
def test_nothing_is_left_where_nothing_may_be(places, at):
    run, _ = places
    left = _kill_one_in(places[at])

    with nothing_staged(run, "backup", "rehearsal"):
        assert not left.exists()


def test_where_nothing_may_be_staged_none_begins_and_beside_one_it_is_refused(places):
    run, scratch = places

    with (
        nothing_staged(run, "backup"),
        pytest.raises(BadInput, match="under way"),
        staged(run, "backup"),
    ):
        pass
    with staged(run, "backup", scratch) as folder:
        with pytest.raises(BadInput, match="under way"), nothing_staged(run, "backup"):
            pass
        assert folder.is_dir()


def test_only_its_own_folder_is_removed_from_a_shared_place(places):
    """Another site's rehearsal may be at work beside it."""
    run, scratch = places
    (scratch / ".backup-of-another").mkdir()

    with staged(run, "backup", scratch):
        pass
    with nothing_staged(run, "backup"):
        pass

    assert [path.name for path in scratch.iterdir()] == [".backup-of-another"]


def test_a_link_in_the_place_of_what_was_left_is_not_followed(places, tmp_path):
    run, scratch = places
    left = _kill_one_in(scratch)
    left.rename(tmp_path / "mine")
    left.symlink_to(tmp_path / "mine")

    with nothing_staged(run, "backup"):
        pass

    assert (tmp_path / "mine" / "vault.db").exists()
