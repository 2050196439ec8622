"""What a worker says when it fails stays with the worker; what it is travels."""

import os
import pickle
import stat
from pathlib import Path

import pytest

from appliance.cluster.directories import (
    check_token,
    ensure_token,
    private_directory,
    scrub_sessions,
    short_path,
)
from appliance.cluster.environment import ray_variables, variables_set
from appliance.cluster.failures import WorkerFailure, strip, to_error
from appliance.errors import ApplianceError, BadInput, KeyMismatch, NoSpace

SECRET = "Zebedee Quillfeather"


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), RuntimeError(SECRET)])
def test_a_strangers_error_keeps_its_type_and_loses_its_words(error):
    """Through pickle and back, in repr, in str."""
    failure = pickle.loads(pickle.dumps(strip(error)))

    shown = to_error(failure, "block 3")

    assert type(shown) is ApplianceError
    assert type(error).__name__ in str(shown)
    assert SECRET not in repr(failure) + repr(shown) + str(shown)


def test_the_products_own_error_comes_out_as_itself():
    """Its words are ids and rules by contract, and the operator needs the next step."""
    error = NoSpace("No space left.", "Free some.")

    shown = to_error(pickle.loads(pickle.dumps(strip(error))), "block 3")

    assert type(shown) is NoSpace
    assert (shown.what, shown.next_step) == ("No space left.", "Free some.")


def test_a_class_that_only_claims_to_be_ours_is_a_stranger():
    """Text in a subclass made elsewhere does not pass."""

    class Sneaky(ApplianceError):
        pass

    assert strip(Sneaky(SECRET)).what == ""
    assert strip(WorkerFailure("ValueError")).kind == "ValueError"


def test_variables_are_put_back_as_they_were(monkeypatch):
    """Those that were set, those that were not, and those that had to go."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    before = dict(os.environ)

    with variables_set({"RAY_AUTH_MODE": "token", "HF_HUB_OFFLINE": "1"}, without=("RAY_ADDRESS",)):
        inside = dict(os.environ)

    assert inside["RAY_AUTH_MODE"] == "token"
    assert "RAY_ADDRESS" not in inside
    assert dict(os.environ) == before


def test_a_cluster_elsewhere_is_not_told_to_be_on_loopback(tmp_path):
    """But a token is shown to it all the same."""
    local = ray_variables(tmp_path / "t", loopback=True)
    joined = ray_variables(tmp_path / "t", loopback=False)

    assert local["RAY_AUTH_MODE"] == joined["RAY_AUTH_MODE"] == "token"
    assert local["RAY_USAGE_STATS_ENABLED"] == joined["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" in local
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in joined


def test_the_token_is_made_once_and_kept_private(tmp_path):
    """A second command of the same site shows the same token."""
    first = ensure_token(tmp_path)
    content = first.read_text()

    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert len(content) == 64
    assert ensure_token(tmp_path).read_text() == content == check_token(tmp_path).read_text()


def test_a_token_others_can_read_is_no_secret(tmp_path):
    """It is refused, for a local cluster as for one elsewhere."""
    ensure_token(tmp_path).chmod(0o644)

    with pytest.raises(KeyMismatch, match="chmod 600"):
        check_token(tmp_path)
    with pytest.raises(KeyMismatch):
        ensure_token(tmp_path)


def test_a_cluster_elsewhere_needs_its_token(tmp_path):
    """Absent or empty, the operator is told where it belongs."""
    with pytest.raises(BadInput, match=r"ray\.token"):
        check_token(tmp_path)
    (tmp_path / "ray.token").touch(0o600)
    with pytest.raises(BadInput, match="empty"):
        check_token(tmp_path)


def test_a_short_path_is_used_as_it_is():
    """No link where none is needed."""
    with short_path(Path("/srv/site/run/ray")) as path:
        assert path == Path("/srv/site/run/ray")


def test_a_long_path_is_reached_by_a_private_link(tmp_path):
    """The link is short, in a directory of this user alone, and gone afterwards."""
    directory = private_directory(tmp_path / ("x" * 90))

    with short_path(directory) as path:
        assert len(str(path)) < 35
        assert path.resolve() == directory.resolve()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    assert not path.parent.exists()
    assert directory.exists()


def test_only_sessions_of_the_dead_are_scrubbed(tmp_path):
    """A living process's session, links and strangers' files stay."""
    dead = tmp_path / "session_2026-03-01_06-00-00_000001_4194303"
    alive = tmp_path / f"session_2026-03-01_06-00-00_000001_{os.getpid()}"
    other = tmp_path / "session_of_mine"
    for directory in (dead, alive, other):
        (directory / "logs").mkdir(parents=True)
    (tmp_path / "session_latest").symlink_to(alive)

    assert scrub_sessions(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [alive.name, other.name, "session_latest"]
    )


def test_a_place_that_is_a_file_can_hold_no_session(tmp_path):
    """It is said in one sentence."""
    (tmp_path / "run").touch()

    with pytest.raises(BadInput, match="can't be written"):
        private_directory(tmp_path / "run")
