"""Which notes a person is to read: some drawn by lot, and what the adapter was least sure of."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Final

from appliance.clinical.assertion.sentences import sentences_of
from appliance.records.identifiers import NoteId
from appliance.records.reviews import Part, Queue, QueueItem

# Of the sample, at least so much is of each stratum: one tells nothing of what it never saw.
_LEAST_SHARE: Final = 10


class Stratum(StrEnum):
    """Notes that are drawn from apart."""

    NOTHING = "nothing-found"
    UNSURE = "less-sure-half"
    SURE = "surer-half"


@dataclass(frozen=True, slots=True)
class LeastSure:
    """What the adapter was least sure of in one note."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Notes that were drawn.

    Attributes:
        sizes: Stratum to count of notes in it.
        drawn: Note to its stratum, in the order of the lot.
    """

    sizes: dict[str, int]
    drawn: dict[NoteId, Stratum]


def draw(
    owners: Mapping[NoteId, str], least: Mapping[NoteId, LeastSure], count: int, seed: int
) -> Sample:
    """A random sample of all notes; within a stratum each note has the same chance.

    Three strata: notes without findings, and the two halves of the others by what is least sure in
    them. Each gives a tenth of the sample at least, if it has as many; the rest by size. Within a
    stratum the sample is systematic, with a random start, along the patients in the order of a lot:
    so it is of as many patients as can be. A note stands for as many as its stratum has, divided by
    those drawn of it (Horvitz & Thompson 1952); the strata are known before, so what is weighted by
    that is unbiased, whatever their shares.

    Args:
        owners: Every note that the adapter read, and whose it is.
        least: Those with findings.
        count: How many; fewer where there are not as many.
        seed: Of the lot.
    """
    strata = _stratify(owners, least)
    sizes = {stratum: len(notes) for stratum, notes in strata.items()}
    drawn: dict[NoteId, Stratum] = {}
    for stratum, share in _allot(sizes, min(count, len(owners))).items():
        notes = sorted(
            strata[stratum], key=lambda note: (_lot(seed, owners[note]), _lot(seed, note))
        )
        drawn |= dict.fromkeys(_every_nth(notes, share, _start(seed, stratum)), stratum)
    in_order = sorted(drawn, key=lambda note: _lot(seed, f"order {note}"))
    return Sample(
        {stratum.value: size for stratum, size in sizes.items()},
        {note: drawn[note] for note in in_order},
    )


def choose_unsure(
    owners: Mapping[NoteId, str],
    least: Mapping[NoteId, LeastSure],
    taken: AbstractSet[str],
    count: int,
    seed: int,
) -> list[NoteId]:
    """The notes with what is least sure, one of a patient, none of a patient of the sample.

    So no patient is on both sides of a split between what is measured by and what is learned from.
    Least confidence: Culotta & McCallum 2005.

    Args:
        owners: Whose each note is.
        least: Notes with findings.
        taken: Patients of whom notes were drawn.
        count: How many; fewer where there are not as many patients.
        seed: Of the lot that decides where scores are equal.
    """
    best: dict[str, tuple[float, str, NoteId]] = {}
    for note, unsure in least.items():
        owner = owners[note]
        if owner not in taken:
            rank = (unsure.score, _lot(seed, note), note)
            best[owner] = min(best.get(owner, rank), rank)
    return [note for _, _, note in heapq.nsmallest(count, best.values())]


def weigh(queue: Queue, counting: AbstractSet[str]) -> tuple[list[QueueItem], list[float]] | None:
    """Random notes that count, and for how many each stands; None while a stratum has none of them.

    They are read in the order of a lot: those that were read first are a sample too. So are those
    that are left where notes drop out for what has nothing to do with how well they were read.

    Args:
        queue: What there is to read.
        counting: Ids of the items that are decided, and whose notes still count.
    """
    drawn = [item for item in queue.items if item.part is Part.RANDOM]
    items = [item for item in drawn if item.item_id in counting]
    read = Counter(item.stratum for item in items)
    if not items or read.keys() != {stratum for stratum, size in queue.strata.items() if size}:
        return None
    return items, [queue.strata[item.stratum] / read[item.stratum] for item in items]


def passage(text: str, at: tuple[int, int], found: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The sentences around a place, whole, and no finding cut in two.

    Args:
        text: The note.
        at: Start and end of the place.
        found: All findings of the note.
    """
    # Where the note may be cut: between sentences, but not within a finding.
    ends = [end for _, end in sentences_of(text)]
    cuts = [0, *(end for end in ends if not any(one < end < two for one, two in found))]
    start, end = next(
        (one, two) for one, two in pairwise(cuts) if one <= at[0] < two and at[1] <= two
    )
    stretch = text[start:end]
    start += len(stretch) - len(stretch.lstrip())
    return start, start + len(stretch.strip())


def _stratify(
    owners: Mapping[NoteId, str], least: Mapping[NoteId, LeastSure]
) -> dict[Stratum, list[NoteId]]:
    strata: dict[Stratum, list[NoteId]] = {stratum: [] for stratum in Stratum}
    middle = median(one.score for one in least.values()) if least else 0.0
    for note in owners:
        unsure = least.get(note)
        if unsure is None:
            strata[Stratum.NOTHING].append(note)
        else:
            strata[Stratum.UNSURE if unsure.score < middle else Stratum.SURE].append(note)
    return strata


def _allot(sizes: Mapping[Stratum, int], count: int) -> dict[Stratum, int]:
    """How many are drawn of each: a share for all, then one by one to where most is left for one.

    The latter is the method of D'Hondt.
    """
    there = sum(size > 0 for size in sizes.values())
    floor = max(1, count // _LEAST_SHARE) if count >= there else 0
    shares = {stratum: min(size, floor) for stratum, size in sizes.items()}
    for _ in range(count - sum(shares.values())):
        open_ = [stratum for stratum in sizes if shares[stratum] < sizes[stratum]]
        chosen = max(open_, key=lambda stratum: sizes[stratum] / (shares[stratum] + 1))
        shares[chosen] += 1
    return shares


def _every_nth(notes: Sequence[NoteId], count: int, start: float) -> list[NoteId]:
    step = len(notes) / count if count else 0.0
    return [notes[min(int((start + number) * step), len(notes) - 1)] for number in range(count)]


def _start(seed: int, stratum: Stratum) -> float:
    """0 to below 1."""
    return int(_lot(seed, f"start {stratum}")[:13], 16) / 16**13


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
