"""Sorting in pieces is sorting: the same table, byte by byte, whatever the pieces."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import NoSpace
from appliance.gate.hashed import merging
from appliance.gate.hashed.merging import Sorter, merge, ordered
from appliance.gate.hashed.table import HashTable, TableWriter, open_rows, read_table, write_table

KEY = b"k" * 32
# Few values, so that there are doubles within and across runs, and long runs of one hash.
ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=80)


def columns(rows):
    pairs = np.array(rows, np.uint64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


@settings(max_examples=60)
@given(
    before=ROWS,
    added=st.lists(ROWS, max_size=6),
    run_rows=st.integers(1, 30),
    block=st.integers(1, 9),
)
def test_in_pieces_as_in_one(tmp_path_factory, before, added, run_rows, block):
    """Rows of a table and rows that are added, in runs and blocks of any size."""
    folder = tmp_path_factory.mktemp("tables")
    known, owners = ordered(*columns(before))
    write_table(folder / "old", HashTable(known, [owners]), KEY)
    sorter = Sorter(folder, run_rows)
    for rows in added:
        sorter.add(*columns(rows))
    real = merging.merge
    merging.merge = lambda runs, _: real(runs, block)
    try:
        with open_rows(folder / "old", KEY, "table", "") as old:
            sorter.write(folder / "pieces", KEY, old)
    finally:
        merging.merge = real

    hashes, others = ordered(*columns([*before, *(row for rows in added for row in rows)]))
    write_table(folder / "one", HashTable(hashes, [others]), KEY)
    assert (folder / "pieces").read_bytes() == (folder / "one").read_bytes()
    assert len(read_table(folder / "pieces", KEY, "table", "", 2)) == len(hashes)
    assert {path.name for path in folder.iterdir()} == {"old", "pieces", "one"}


def test_rows_are_taken_without_a_map_of_the_file(tmp_path):
    """Its pages would be memory of an import, as much as there are fingerprints."""
    path = tmp_path / "table"
    write_table(path, HashTable(np.arange(100, dtype=np.uint64), [np.ones(100, np.uint64)]), KEY)
    with open_rows(path, KEY, "table", "") as rows:
        taken = [rows.take(30) for _ in range(4)]
        assert not is_mapped(path)

    assert (len(rows), rows.left) == (100, 0)
    assert np.concatenate([hashes for hashes, _ in taken]).tolist() == list(range(100))
    assert np.concatenate([others for _, others in taken]).tolist() == [1] * 100
    table = read_table(path, KEY, "table", "", 2)
    assert is_mapped(path)
    assert len(table) == 100


def is_mapped(path):
    return str(path) in Path("/proc/self/maps").read_text()


def test_a_table_that_is_not_there_has_no_row(tmp_path):
    """As before the first import."""
    with open_rows(tmp_path / "none", KEY, "table", "") as rows:
        assert (len(rows), [len(column) for column in rows.take(5)]) == (0, [0, 0])
        Sorter(tmp_path).write(tmp_path / "table", KEY, rows)
    assert len(read_table(tmp_path / "table", KEY, "table", "", 2)) == 0


def test_nothing_merged_is_nothing():
    """No run, no row."""
    assert list(merge([])) == []


def test_a_table_that_could_not_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    """Nor a draft beside it."""
    path = tmp_path / "table"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance.gate.hashed.table.shutil.copyfileobj", full)
    with pytest.raises(NoSpace), TableWriter(path, KEY) as writer:
        writer.add(*columns([(1, 2)]))
    with pytest.raises(ZeroDivisionError), TableWriter(path, KEY):
        raise ZeroDivisionError

    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["table"]


def test_many_runs_become_longer_ones(tmp_path):
    """Of each 64 the next hold twice as many rows; every row is in the table, once."""
    sorter = Sorter(tmp_path, 1)
    rows = [(number * 7919 % 500, number % 3) for number in range(300)]
    for row in rows:
        sorter.add(*columns([row]))
    runs = len(sorter._runs)
    sorter.write(tmp_path / "table", KEY)

    # 64 of one row, 64 of two, the rest of four.
    assert runs == 64 + 64 + (300 - 64 - 128) // 4
    assert len(read_table(tmp_path / "table", KEY, "table", "", 2)) == len(set(rows))
