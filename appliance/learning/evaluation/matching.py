"""Which found span belongs to which span of gold, and how the two differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.records.breakdown import Fault
from appliance.records.spans import Span


@dataclass(frozen=True, slots=True)
class Pairing:
    """One document's spans, each in exactly one place.

    Attributes:
        exact: Start, end and label are those of gold.
        faults: What is left of gold and of what was found, in pairs where they overlap.
    """

    exact: tuple[Span, ...]
    faults: tuple[tuple[Fault, Span | None, Span | None], ...]

    def count(self, fault: Fault) -> int:
        """How many there are of that kind."""
        return sum(kind is fault for kind, _, _ in self.faults)


def _has_other_label(gold: Span, found: Span) -> bool:
    return (gold.start, gold.end) == (found.start, found.end)


def _has_other_bounds(gold: Span, found: Span) -> bool:
    return gold.label == found.label and gold.overlaps(found)


# The kinds of a pair, the nearest first: SemEval-2013 task 9.1, Segura-Bedmar et al., section 4.
_KINDS: Final = (
    (Fault.TYPE, _has_other_label),
    (Fault.BOUNDARY, _has_other_bounds),
    (Fault.BOTH, Span.overlaps),
)


def pair_spans(gold: Sequence[Span], found: Sequence[Span]) -> Pairing:
    """The pairs of one document: of those of one kind as many as there can be.

    Args:
        gold: None overlapping another.
        found: None overlapping another; a span named twice counts once.
    """
    exact = set(gold) & set(found)
    left, right = sorted(set(gold) - exact), sorted(set(found) - exact)
    faults: list[tuple[Fault, Span | None, Span | None]] = []
    for kind, fits in _KINDS:
        pairs = _sweep(left, right, fits)
        faults += [(kind, one, two) for one, two in pairs]
        paired = {one for one, _ in pairs}, {two for _, two in pairs}
        left = [span for span in left if span not in paired[0]]
        right = [span for span in right if span not in paired[1]]
    faults += [(Fault.MISSED, span, None) for span in left]
    faults += [(Fault.SPURIOUS, None, span) for span in right]
    return Pairing(tuple(sorted(exact)), tuple(faults))


def _sweep(
    gold: Sequence[Span], found: Sequence[Span], fits: Callable[[Span, Span], bool]
) -> list[tuple[Span, Span]]:
    """Pairs from left to right; whichever ends first can have no later partner."""
    pairs: list[tuple[Span, Span]] = []
    one, two = 0, 0
    while one < len(gold) and two < len(found):
        if fits(gold[one], found[two]):
            pairs.append((gold[one], found[two]))
            one, two = one + 1, two + 1
        elif gold[one].end <= found[two].end:
            one += 1
        else:
            two += 1
    return pairs
