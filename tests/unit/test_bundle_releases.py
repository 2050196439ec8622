"""Release folders: which of them runs, and which ran before it."""

import json
from dataclasses import asdict

import pytest

from offline.refusal import Refused
from offline.releases import Prefix, Release
from offline.steps import Wish, roll_back


@pytest.fixture
def prefix(tmp_path):
    """Releases 1, 2 and 3, whole; none of them ran yet."""
    made = Prefix(tmp_path / "prefix")
    for number in (1, 2, 3):
        folder = made.folder(str(number))
        folder.mkdir(parents=True)
        release = asdict(Release(str(number), number, 1, "0" * 64))
        (folder / "release.json").write_text(json.dumps(release))
    return made


def run(prefix, name):
    prefix.switch(prefix.find(name))


def test_the_release_before_is_one_that_ran(prefix):
    """2 was built, and its doctor failed: it is no way back from 3."""
    run(prefix, "1")
    run(prefix, "3")

    assert prefix.before(prefix.running()).name == "1"


def test_of_an_older_installer_what_runs_counts_from_the_next_upgrade_on(prefix):
    """It left no word of what ran, and nothing is guessed: 1 may have been refused as well."""
    (prefix.root / "current").symlink_to("releases/2")
    assert prefix.before(prefix.running()) is None

    run(prefix, "3")

    assert prefix.before(prefix.running()).name == "2"


def test_the_one_that_ran_before_stays_whatever_was_built_since(prefix):
    run(prefix, "1")
    run(prefix, "3")

    assert prefix.prune(keep=2) == []
    prefix.remove("2")
    assert prefix.before(prefix.running()).name == "1"


def test_where_nothing_ran_before_it_says_what_is_there(prefix):
    """Any of them can be named."""
    run(prefix, "3")

    with pytest.raises(Refused, match="3, 2, 1; --to names one") as refusal:
        roll_back(Wish(prefix, prefix.root), "", print)

    assert refusal.value.exit_code == 2
