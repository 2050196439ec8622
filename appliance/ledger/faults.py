"""Where a ledger that does not agree was touched: pure, from the numbers lines claim.

The lines that stand in rising order, as many as can be, are taken to be in place; what lies in
the gaps between them was altered, inserted, moved here, or is missing.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What is wrong with one entry, or with the whole."""

    ALTERED = "altered"
    MISSING = "missing"
    MOVED = "moved"
    INSERTED = "inserted"
    CUT = "cut"
    ROOT = "root"
    HEAD = "head"
    BEGINNING = "beginning"
    ROLLED_BACK = "rolled-back"
    """A head that was kept elsewhere has more entries than there are."""
    FORKED = "forked"
    """A head that was kept elsewhere is of other entries."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not agree.

    Attributes:
        kind: What is wrong.
        entry: The entry it is at, by index; None where it is about the whole.
        what: One sentence, in numbers only.
    """

    kind: FaultKind
    entry: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What one line says of itself.

    Attributes:
        index: The entry's number in it; None where the line is no entry.
        fits: Whether its tag fits the line before it.
    """

    index: int | None
    fits: bool


def locate(claims: Sequence[Claim], size: int) -> Iterator[Fault]:
    """Every line that is not the entry that belongs there, and every entry without a line.

    Args:
        claims: One per line, in the file's order.
        size: Number of entries that the newest head says there are.
    """
    in_place = rising([claim.index for claim in claims])
    kept = {claims[line].index for line in in_place}
    last_line, last_index = -1, -1
    for line in [*in_place, len(claims)]:
        index = claims[line].index if line < len(claims) else max(size, last_index + 1)
        assert index is not None
        strangers = claims[last_line + 1 : line]
        missing = range(last_index + 1, index)
        yield from _judge_gap(strangers, missing, kept, at_end=line == len(claims))
        if line < len(claims) and not strangers and not missing and not claims[line].fits:
            yield _fault(FaultKind.ALTERED, index, "was altered, or its tag was")
        last_line, last_index = line, index


def rising(numbers: Sequence[int | None]) -> list[int]:
    """Positions of a longest strictly rising run of `numbers`, gaps allowed; None never counts.

    Source: patience sorting, Fredman 1975; n log n.
    """
    tops: list[int] = []
    positions: list[int] = []
    before: dict[int, int] = {}
    for position, number in enumerate(numbers):
        if number is None:
            continue
        pile = bisect_left(tops, number)
        if pile:
            before[position] = positions[pile - 1]
        tops[pile : pile + 1] = [number]
        positions[pile : pile + 1] = [position]
    run = positions[-1:]
    while run and run[-1] in before:
        run.append(before[run[-1]])
    return run[::-1]


def _judge_gap(
    strangers: Sequence[Claim], missing: range, kept: set[int | None], *, at_end: bool
) -> Iterator[Fault]:
    moved = {claim.index for claim in strangers if _is_moved(claim, missing, kept)}
    unclaimed = iter(missing)
    for claim in strangers:
        if claim.index in moved:
            yield _fault(FaultKind.MOVED, claim.index, "is not in its place")
        elif (index := next(unclaimed, None)) is not None:
            yield _fault(FaultKind.ALTERED, index, "was altered")
        else:
            yield _fault(FaultKind.INSERTED, missing.stop, "has a foreign line before it")
    # Entries missing at the end are for the head to tell: it knows how many there were.
    if not at_end:
        for index in unclaimed:
            yield _fault(FaultKind.MISSING, index, "is not where it belongs")


def _is_moved(claim: Claim, missing: range, kept: set[int | None]) -> bool:
    return claim.index is not None and claim.index not in kept and claim.index not in missing


def _fault(kind: FaultKind, index: int | None, what: str) -> Fault:
    return Fault(kind, index, f"Entry {index} {what}.")
