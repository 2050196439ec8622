"""Ids that an import met before: as a set would tell them, in memory that stays."""

import os
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.clinical.intake.seen import SeenIds
from appliance.errors import ApplianceError, NoSpace

# Few, so that many come again; any, so that none is special to a database.
IDS = st.lists(
    st.one_of(st.sampled_from(["", "a", "A", "a ", "\x00", "a\x00"]), st.text(max_size=3)),
    max_size=30,
)


@settings(max_examples=30)
@given(IDS)
def test_an_id_is_new_once(ids):
    """As a set tells."""
    known = set()
    with SeenIds() as seen:
        for one in ids:
            assert seen.add(one) is (one not in known)
            known.add(one)


def test_many_ids_take_no_more_memory_than_some():
    """What does not fit lies in a file that has no name."""
    with SeenIds() as seen:
        for number in range(70_000):
            seen.add(str(number))
        before = resident_kib()
        for number in range(70_000, 110_000):
            seen.add(str(number))

        # A set of their hashes would have taken four thousand.
        assert resident_kib() - before < 1_000
        assert not seen.add("0")
        # Its file is gone from the directory already, and from the disk with the process.
        links = [one.readlink().name for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
        assert any(link.startswith("etilqs_") and link.endswith(" (deleted)") for link in links)


def resident_kib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def test_no_room_for_temporary_files_is_said_with_the_next_step():
    """And names no id."""
    with SeenIds() as seen:
        seen._connection.execute("PRAGMA max_page_count = 4")

        with pytest.raises(NoSpace, match="temporary") as refused:
            all(seen.add(f"MRN-{number}") for number in count())

    assert "TMPDIR" in refused.value.next_step
    assert "MRN" not in f"{refused.value}{refused.value.next_step}"
    assert refused.value.__cause__ is None


def test_any_other_fault_ends_the_import():
    """It never counts as an id that was not there before."""
    with SeenIds() as seen:
        pass

    with pytest.raises(ApplianceError, match="can't be kept"):
        seen.add("a")
