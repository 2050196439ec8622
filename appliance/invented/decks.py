"""Draws that spread: what was drawn least often comes next, so that phrases seldom repeat."""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


class Decks:
    """Counts of every draw from every named pool, over the whole hospital."""

    def __init__(self) -> None:
        self._drawn: defaultdict[str, Counter[Hashable]] = defaultdict(Counter)

    def draw(
        self, pool: str, size: int, count: int, rng: random.Random, barred: Collection[int] = ()
    ) -> tuple[int, ...]:
        """`count` different places of a pool of `size`, in rising order, least used first.

        Places in `barred` come only when nothing else is left; fewer than `count` where the pool
        is smaller.
        """
        drawn = self._drawn[pool]
        order = sorted(range(size), key=lambda place: (place in barred, drawn[place], rng.random()))
        chosen = order[:count]
        drawn.update(chosen)
        return tuple(sorted(chosen))

    def least_drawn(self, pool: str, items: Sequence[Item]) -> tuple[Item, ...]:
        """Those items that were counted least often in the pool, in order."""
        drawn = self._drawn[pool]
        fewest = min(drawn[item] for item in items)
        return tuple(item for item in items if drawn[item] == fewest)

    def count(self, pool: str, item: Hashable) -> None:
        """The item was drawn once more."""
        self._drawn[pool][item] += 1
