"""Which of many patterns could match in a text, and where: one look-up for each place of it.

A search with a hundred patterns reads a text a hundred times, and nearly always for nothing. Here
a table says for any character, with the one before it and two after it, which of the patterns can
begin there.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.gate.recognizers.beginnings import (
    ANYTHING,
    CHARACTERS,
    DEPTH,
    EDGE,
    OTHER,
    Beginning,
    Beginnings,
    Shape,
    frequency,
    read_shape,
)

_WORD_BITS: Final = 64
# From here on one search costs less than a look at each place.
_MANY_PLACES: Final = 40
_BATCH: Final = 32
# What stands in every other text is not worth a look.
_RARE: Final = 0.01
_DIGITS: Final = re.compile(r"[0-9\x80-\U0010ffff]+")
# Blanks that are not ASCII break nothing here, as the shapes count.
_UNBROKEN: Final = re.compile(r"[^\t-\r\x1c-\x20]+")

_Bits = NDArray[np.uint64]


class Sieve:
    """The table for these patterns.

    Args:
        shapes: What is known of the matches of each.
    """

    def __init__(self, shapes: Sequence[Shape]) -> None:
        marks = [shape.start for shape in shapes]
        self._needs: list[tuple[int, int, int]] = []
        for number, shape in enumerate(shapes):
            rare = [one for one in shape.within if frequency(one) < _RARE]
            needed = sum(1 << at for at in (number, *range(len(marks), len(marks) + len(rare))))
            self._needs.append((needed, shape.digits, shape.unbroken))
            marks += rare
        self._steps, self._table = _tabulate(marks)

    def find_places(self, text: str) -> Iterator[tuple[int, list[int]]]:
        """Pairs (pattern, places) of all that can match; ascending, and it begins nowhere else."""
        framed, digits, unbroken = _read(text)
        length = len(framed) - DEPTH
        key = sum(step[framed[at : at + length]] for at, step in enumerate(self._steps))
        hits = self._table[key]
        present = np.bitwise_or.reduce(hits, axis=0, initial=np.uint64(0))
        there = int.from_bytes(present.astype("<u8").tobytes(), "little")
        for number, (needed, least_digits, least_unbroken) in enumerate(self._needs):
            if there & needed == needed and least_digits <= digits and least_unbroken <= unbroken:
                word, bit = divmod(number, _WORD_BITS)
                yield number, np.flatnonzero(hits[:, word] & np.uint64(1 << bit)).tolist()


class Search:
    """A search with one pattern, which looks only where a match can begin.

    Args:
        pattern: Compiled by `regex`; it never matches nothing.
    """

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve([read_shape(self._pattern.pattern, self._pattern.flags)])

    def find(self, text: str, timeout_s: float) -> Iterator[Any]:
        """The matches that `finditer` gives.

        Raises:
            TimeoutError: The search took too long.
        """
        yield from find_at(self._pattern, text, self.find_places(text), timeout_s)

    def find_places(self, text: str) -> list[int]:
        """Where a match could begin, ascending; it does nowhere else."""
        return next((places for _, places in self._sieve.find_places(text)), [])


def find_at(pattern: Any, text: str, places: Sequence[int], timeout_s: float) -> Iterator[Any]:
    """The matches that `pattern.finditer` gives, where they can begin at these places only.

    Args:
        pattern: Compiled by `regex`; it never matches nothing.
        text: The text.
        places: Ascending.
        timeout_s: Time for each search.

    Raises:
        TimeoutError: A search took too long.
    """
    if len(places) > _MANY_PLACES:
        yield from pattern.finditer(text, timeout=timeout_s)
        return
    done = 0
    for place in places:
        match = pattern.match(text, place, timeout=timeout_s) if place >= done else None
        if match is not None:
            yield match
            done = match.end()


# Several sieves read the texts of a batch, one sieve after the other.
@lru_cache(_BATCH)
def _read(text: str) -> tuple[NDArray[np.intp], int, int]:
    """The text's characters as numbers, edges around them; its longest runs."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    framed = np.full(len(codes) + DEPTH, EDGE, np.intp)
    np.minimum(codes, OTHER, out=framed[1 : len(codes) + 1], casting="unsafe")
    digits, unbroken = (
        max(map(len, pattern.findall(text)), default=0) for pattern in (_DIGITS, _UNBROKEN)
    )
    return framed, digits, unbroken


def _tabulate(marks: Sequence[Beginnings]) -> tuple[list[Any], _Bits]:
    """For each place of the key what each character adds to it; and the table, a row for a key.

    Characters that no pattern tells apart have the same number.
    """
    rows = [(mark, _frame(one)) for mark, begun in enumerate(marks) for one in begun]
    kinds = [_tell_apart({sets[at] for _, sets in rows}) for at in range(DEPTH + 1)]
    shape = [int(numbers.max()) + 1 for numbers in kinds]
    table = np.zeros((*shape, -(-len(marks) // _WORD_BITS)), np.uint64)
    held = [_Holders(numbers) for numbers in kinds]
    for mark, sets in rows:
        word, bit = divmod(mark, _WORD_BITS)
        places = np.ix_(*(holders.of(one) for holders, one in zip(held, sets, strict=True)))
        table[..., word][places] |= np.uint64(1 << bit)
    strides = [int(np.prod(shape[at + 1 :])) for at in range(DEPTH + 1)]
    steps = [numbers * stride for numbers, stride in zip(kinds, strides, strict=True)]
    return steps, table.reshape(-1, table.shape[-1])


def _frame(one: Beginning) -> tuple[int, ...]:
    """The sets of the character before and of the first `DEPTH`."""
    sets = (one.before, *one.characters, one.after)[: DEPTH + 1]
    return sets + (ANYTHING,) * (DEPTH + 1 - len(sets))


def _tell_apart(sets: set[int]) -> NDArray[np.intp]:
    """(characters,) number of the kind of each: those that are in the same sets are of one kind."""
    known: dict[tuple[int, ...], int] = {}
    ordered = sorted(sets)
    members = ((one >> at & 1 for one in ordered) for at in range(CHARACTERS))
    return np.array([known.setdefault(tuple(one), len(known)) for one in members], np.intp)


class _Holders:
    """Which kinds of characters a set holds."""

    def __init__(self, kinds: NDArray[np.intp]) -> None:
        self._kinds = kinds
        self._known: dict[int, NDArray[np.intp]] = {}

    def of(self, characters: int) -> NDArray[np.intp]:
        """Their numbers, ascending."""
        if characters not in self._known:
            is_held = [bool(characters >> at & 1) for at in range(CHARACTERS)]
            self._known[characters] = np.unique(self._kinds[np.array(is_held)])
        return self._known[characters]
