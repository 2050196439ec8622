"""Counts too small to be shown outside, hidden so that they can't be worked out either."""

from collections.abc import Sequence
from typing import Final

HIDDEN: Final = "–"


def hide_small(counts: Sequence[int], smallest: int) -> tuple[str, ...]:
    """Counts of one table whose sum may be known, with the small ones hidden.

    A count of 0 is shown: it is about nobody. Where one alone would be hidden, the next larger is
    hidden too, for else their sum would give it away: secondary suppression, Willenborg & de Waal
    2001, "Elements of Statistical Disclosure Control".

    Args:
        counts: Of cells that add up to something.
        smallest: The smallest count, besides 0, that may be shown.

    >>> hide_small([40, 3, 25, 0], 11)
    ('40', '–', '–', '0')
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < smallest}
    if len(hidden) == 1:
        others = [(count, place) for place, count in enumerate(counts) if count >= smallest]
        hidden |= {min(others)[1]} if others else set()
    return tuple(HIDDEN if place in hidden else str(count) for place, count in enumerate(counts))


def is_shown(counts: Sequence[int], smallest: int) -> bool:
    """Whether rates made from these counts may be shown: none of them is small.

    >>> is_shown([30, 25, 3], 11), is_shown([30, 25, 0], 11)
    (False, True)
    """
    return all(count == 0 or count >= smallest for count in counts)
