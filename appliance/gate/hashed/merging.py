"""Two columns of hashes, sorted in memory that does not grow with them.

What is added is sorted by the million and put into a file without a name, in the directory of the
table; at the end all runs are merged, block by block, into a table (Knuth, vol. 3, 5.4.1).
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import numpy as np

from appliance.artifacts.writing import disk_errors
from appliance.gate.hashed.hashing import Hashes
from appliance.gate.hashed.table import Pair, SortedRows, TableWriter

RUN_ROWS: Final = 1 << 17
"""Rows that are sorted in memory at a time, to begin with."""

_BLOCK_ROWS: Final = 1 << 20
# Of so many runs the next are twice as long, up to a block: thousands of short ones would be read
# in crumbs when they are merged.
_SHORT_RUNS: Final = 64
_ITEM: Final = np.dtype("<u8")


class Sorter:
    """Rows in any order in, sorted and without doubles out.

    Args:
        directory: Where the runs lie meanwhile, without a name: they are gone with the process.
        run_rows: Rows sorted in memory at a time, to begin with.
    """

    def __init__(self, directory: Path, run_rows: int = RUN_ROWS) -> None:
        self._directory = directory
        self._run_rows = run_rows
        self._held: list[Pair] = []
        self._held_rows = 0
        self._file: IO[bytes] | None = None
        self._runs: list[SortedRows] = []

    def add(self, hashes: Hashes, others: Hashes) -> None:
        """Some rows more.

        Raises:
            NoSpace: The disk is full.
        """
        self._held.append((hashes, others))
        self._held_rows += len(hashes)
        if self._held_rows >= self._run_rows:
            self._spill()

    def write(self, path: Path, key: bytes, before: SortedRows | None = None) -> None:
        """`path` holds all rows, and those of a table that was there before, each once.

        Raises:
            NoSpace: The disk is full; the file is as it was.
        """
        with TableWriter(path, key) as writer:
            for hashes, others in self.rows(before):
                writer.add(hashes, others)
        self.close()

    def rows(self, before: SortedRows | None = None) -> Iterator[Pair]:
        """All rows, and those that were there before, ascending, each once; some at a time.

        Where all of them are in memory, nothing is written. Once only.

        Raises:
            NoSpace: The disk is full.
        """
        if self._runs or before is not None:
            self._spill()
            runs = self._runs if before is None else [before, *self._runs]
            yield from merge(runs, self._run_rows)
        elif self._held:
            yield ordered(*map(np.concatenate, zip(*self._held, strict=True)))

    def close(self) -> None:
        """Nothing is held any more."""
        self._held, self._held_rows, self._runs = [], 0, []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        if not self._held_rows:
            return
        hashes, others = ordered(*map(np.concatenate, zip(*self._held, strict=True)))
        if self._file is None:
            # Unlinked from the first moment: nothing is left when the process is killed.
            with disk_errors(self._directory):
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115
        with disk_errors(self._directory):
            offset = self._file.seek(0, os.SEEK_END)
            for column in (hashes, others):
                self._file.write(column.astype(_ITEM, copy=False).tobytes())
            # Whole: a file without a buffer may write less than it was given.
            self._file.flush()
        self._runs.append(SortedRows(self._file, offset, len(hashes)))
        self._held, self._held_rows = [], 0
        if len(self._runs) % _SHORT_RUNS == 0:
            self._run_rows = max(self._run_rows, min(2 * self._run_rows, _BLOCK_ROWS))


def ordered(hashes: Hashes, others: Hashes) -> Pair:
    """The rows, ascending by both columns, each once."""
    order = np.lexsort((others, hashes))
    hashes, others = hashes[order], others[order]
    is_first = np.ones(len(hashes), np.bool_)
    is_first[1:] = (hashes[1:] != hashes[:-1]) | (others[1:] != others[:-1])
    return hashes[is_first], others[is_first]


def merge(runs: Sequence[SortedRows], block_rows: int = _BLOCK_ROWS) -> Iterator[Pair]:
    """All rows of sorted runs, ascending, each once, some at a time."""
    if not runs:
        return
    total = sum(map(len, runs))
    # A long run's blocks are the longer, so that all of them reach about as far.
    counts = [max(1, block_rows * len(run) // max(1, total)) for run in runs]
    held = [run.take(count) for run, count in zip(runs, counts, strict=True)]
    while True:
        open_ends = [hashes[-1] for run, (hashes, _) in zip(runs, held, strict=True) if run.left]
        if not open_ends:
            yield ordered(*map(np.concatenate, zip(*held, strict=True)))
            return
        # Rows below the least of what was read last can't be met again in any run.
        limit = min(open_ends)
        cuts = [int(np.searchsorted(hashes, limit)) for hashes, _ in held]
        if any(cuts):
            ready = [
                (hashes[:cut], others[:cut])
                for (hashes, others), cut in zip(held, cuts, strict=True)
            ]
            yield ordered(*map(np.concatenate, zip(*ready, strict=True)))
        held = [
            _refilled(run, (pair[0][cut:], pair[1][cut:]), limit, count)
            for run, pair, cut, count in zip(runs, held, cuts, counts, strict=True)
        ]


def _refilled(run: SortedRows, left: Pair, limit: np.uint64, count: int) -> Pair:
    """What is left of a run's block; with the next block where nothing above the limit is left."""
    if len(left[0]) and left[0][-1] > limit:
        return left
    more = run.take(count)
    return np.concatenate([left[0], more[0]]), np.concatenate([left[1], more[1]])
