"""Draws that spread: what was drawn least often comes next, so that phrases seldom repeat."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence


class Decks:
    """Counts of every draw from every named pool, over the whole hospital."""

    def __init__(self) -> None:
        self._drawn: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def draw(
        self, pool: str, size: int, count: int, rng: random.Random, barred: Sequence[int] = ()
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
