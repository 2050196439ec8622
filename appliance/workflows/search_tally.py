"""What a search found: counted, put in order and narrowed, in memory that does not grow with it."""

from collections.abc import Iterator, Sequence
from heapq import merge, nsmallest
from itertools import islice, pairwise
from pathlib import Path
from typing import Final, Self

from appliance.clinical.vault.store import Vault
from appliance.clinical.vault.words import Hit
from appliance.records.identifiers import NoteId
from appliance.workflows.sorted_ids import RUN, SortedIds

_AT_ONCE: Final = 1024


class Tally:
    """Hits as they come, in any order; a context manager.

    Args:
        directory: Of the site, for ids that are too many for memory.
        limit: How many of the first notes, by id, are kept.
        keeps_notes: Whether the ids of all are.
        run: How many ids are sorted in memory at a time, to begin with.

    Attributes:
        count: How many there were.
        first: The first of them.
        notes: The ids of all, where these are kept.
        patients: The patient of each, or the note where it has none.
    """

    def __init__(self, directory: Path, limit: int, *, keeps_notes: bool, run: int = RUN) -> None:
        self._limit = limit
        self._keeps_notes = keeps_notes
        self.count = 0
        self.first: list[Hit] = []
        self.notes = SortedIds(directory, run)
        self.patients = SortedIds(directory, run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.notes.close()
        self.patients.close()

    def add_all(self, hits: Iterator[Hit]) -> None:
        """They are counted, to the last.

        Raises:
            NoSpace: The disk is full.
        """
        while some := list(islice(hits, _AT_ONCE)):
            self._add(some)

    def _add(self, some: Sequence[Hit]) -> None:
        self.count += len(some)
        self.patients.add([hit.patient_id or hit.note_id for hit in some])
        if self._keeps_notes:
            self.notes.add([hit.note_id for hit in some])
        if self.first and len(self.first) == self._limit:
            last = self.first[-1].note_id
            some = [hit for hit in some if hit.note_id < last]
        self.first = nsmallest(self._limit, [*self.first, *some], key=lambda hit: hit.note_id)


def among(
    vault: Vault,
    hits: Iterator[Hit],
    only: Iterator[NoteId],
    directory: Path,
    run: int = RUN,
) -> Iterator[Hit]:
    """Those hits that are among the notes of a cohort, by id.

    Args:
        vault: Where the hits are from.
        hits: In any order; all of them are taken before the first comes out.
        only: Ascending.
        directory: Of the site.
        run: How many ids are sorted in memory at a time, to begin with.

    Raises:
        NoSpace: The disk is full.
    """
    with SortedIds(directory, run) as found:
        while some := list(islice(hits, _AT_ONCE)):
            found.add([hit.note_id for hit in some])
        # Each of the two has an id once.
        both = (NoteId(one) for one, other in pairwise(merge(found, only)) if one == other)
        while ids := list(islice(both, _AT_ONCE)):
            yield from vault.entries(ids)
