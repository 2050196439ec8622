"""Which findings of a note may stand in a relation, and which do, as something else judges them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, Protocol

from appliance.clinical.assertion.sentences import sentences_of
from appliance.records.findings import RelationFinding
from appliance.records.identifiers import NoteId
from appliance.records.spans import UNRELATED, ScoredSpan, Span

MOST_PAIRS: Final = 1_000
"""Of one note; a list of medicines has the square of its length in pairs. More are counted."""

# Characters that are shown at either side of a pair, far more than the tokens that a model takes;
# and how far apart its ends may be, in a sentence that is none: a table, a page without a stop.
_AROUND: Final = 2_000
_FARTHEST: Final = 5_000

TextPair = tuple[str, Span, Span]
"""A stretch of a note, and the places in it of a head and a tail."""


class PairJudge(Protocol):
    """What says what joins a pair."""

    def classify_pairs(self, pairs: Sequence[TextPair]) -> list[tuple[str, float]]:
        """The label of every pair, `UNRELATED` too, and its probability, in order."""


class Labeller(Protocol):
    """What finds entities in texts."""

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """Spans of every text, in order."""


class CombinedLabeller:
    """What several labellers find together: of two spans that overlap, the earlier labeller's.

    Args:
        labellers: The more trusted first.
    """

    def __init__(self, labellers: Sequence[Labeller]) -> None:
        self._labellers = labellers

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """Spans of every text, in order; sorted, and none overlaps another."""
        found = [labeller.label(texts) for labeller in self._labellers]
        return [_merge(spans) for spans in zip(*found, strict=True)]


@dataclass(frozen=True, slots=True)
class FoundPairs:
    """What was found of one note.

    Attributes:
        related: Head, tail, label and probability; places in the note.
        judged: Pairs that were looked at.
        left_out: Those that nobody looked at: beyond `MOST_PAIRS`, or too far apart.
    """

    related: tuple[tuple[Span, Span, str, float], ...]
    judged: int
    left_out: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    head: Span
    tail: Span
    start: int
    end: int

    def shown(self, text: str) -> TextPair:
        """The stretch alone, and the ends in it."""
        stretch = text[self.start : self.end]
        return stretch, _moved(self.head, -self.start), _moved(self.tail, -self.start)


class PairFinder:
    """Finds related pairs among the entities of notes.

    Args:
        judge: Says what joins a pair.
        types: Entity types of head and tail that some relation may join.
        sentences: How many sentences after the first end the other may stand; 0 for the same.
    """

    def __init__(
        self, judge: PairJudge, types: AbstractSet[tuple[str, str]], sentences: int
    ) -> None:
        self._judge = judge
        self._types = types
        self._sentences = sentences

    def find(self, texts: Sequence[str], spans: Sequence[Sequence[ScoredSpan]]) -> list[FoundPairs]:
        """The related pairs of every text.

        A pair of one type may be read in both directions: the surer one stands.

        Args:
            texts: Of notes.
            spans: What was found in each, sorted.
        """
        chosen = [
            self._choose(text, [one.span for one in found])
            for text, found in zip(texts, spans, strict=True)
        ]
        asked = [
            one.shown(text)
            for text, (candidates, _) in zip(texts, chosen, strict=True)
            for one in candidates
        ]
        answers = iter(self._judge.classify_pairs(asked) if asked else ())
        return [
            FoundPairs(
                _surest([(one.head, one.tail, *next(answers)) for one in candidates]),
                len(candidates),
                count - len(candidates),
            )
            for candidates, count in chosen
        ]

    def _choose(self, text: str, spans: Sequence[Span]) -> tuple[list[_Candidate], int]:
        """Pairs to be judged, neighbours first, and how many there are in reach."""
        spans = [span for span in spans if any(span.label in pair for pair in self._types)]
        sentences = sentences_of(text)
        numbers = _sentence_numbers(sentences, spans)
        reach = [bisect_right(numbers, number + self._sentences) for number in numbers]
        count = self._count(spans, reach)
        chosen: list[_Candidate] = []
        for apart in range(1, len(spans)):
            near = [
                at
                for at in range(len(spans) - apart)
                if at + apart < reach[at] and spans[at + apart].start - spans[at].end <= _FARTHEST
            ]
            for at in near:
                bounds = sentences[numbers[at]][0], sentences[numbers[at + apart]][1]
                chosen += self._pair(spans[at], spans[at + apart], bounds)
            # Whoever has no neighbour so many places away has none farther.
            if not near or len(chosen) >= min(count, MOST_PAIRS):
                break
        return chosen[:MOST_PAIRS], count

    def _pair(self, first: Span, second: Span, bounds: tuple[int, int]) -> Iterator[_Candidate]:
        if first.overlaps(second):
            return
        start = max(bounds[0], first.start - _AROUND)
        # A finding that runs over the end of its sentence takes the rest of itself along.
        end = max(first.end, second.end, min(bounds[1], second.end + _AROUND))
        for head, tail in ((first, second), (second, first)):
            if (head.label, tail.label) in self._types:
                yield _Candidate(head, tail, start, end)

    def _count(self, spans: Sequence[Span], reach: Sequence[int]) -> int:
        """How many pairs there are in reach, without making each."""
        before: dict[str, list[int]] = {}
        for label in {span.label for span in spans}:
            before[label] = [0, *accumulate(int(span.label == label) for span in spans)]
        nothing = [0] * (len(spans) + 1)
        return sum(
            before.get(other, nothing)[reach[at]] - before.get(other, nothing)[at + 1]
            for at, span in enumerate(spans)
            for one, two in self._types
            for own, other in ((one, two), (two, one))
            if own == span.label
        )


def plain_relations(found: FoundPairs, digits: int) -> list[list[object]]:
    """Related pairs as JSON can carry them; `to_relation` reads them.

    Args:
        found: Of a note.
        digits: Of the probability, after the point.
    """
    return [
        [
            *(head.start, head.end, head.label, tail.start, tail.end, tail.label),
            *(label, round(float(score), digits)),
        ]
        for head, tail, label, score in found.related
    ]


def to_relation(note_id: NoteId, plain: Sequence[Any]) -> RelationFinding:
    """The relation that a worker described."""
    *ends, label, score = plain
    return RelationFinding(note_id, Span(*ends[:3]), Span(*ends[3:]), label, score)


def _merge(found: Sequence[Sequence[ScoredSpan]]) -> tuple[ScoredSpan, ...]:
    taken: list[ScoredSpan] = []
    for spans in found:
        starts = [one.span.start for one in taken]
        free = [one for one in spans if not _is_taken(one.span, taken, starts)]
        taken = sorted([*taken, *free])
    assert not any(one.span.overlaps(two.span) for one, two in pairwise(taken))
    return tuple(taken)


def _is_taken(span: Span, taken: Sequence[ScoredSpan], starts: Sequence[int]) -> bool:
    """Whether it overlaps one of these, which are sorted and do not overlap each other."""
    before = bisect_left(starts, span.end) - 1
    return before >= 0 and span.overlaps(taken[before].span)


def _surest(
    judged: Sequence[tuple[Span, Span, str, float]],
) -> tuple[tuple[Span, Span, str, float], ...]:
    """Those related; of the two directions of one pair under one label the more probable."""
    best: dict[tuple[Span, Span, str], tuple[Span, Span, str, float]] = {}
    for head, tail, label, score in judged:
        key = (min(head, tail), max(head, tail), label)
        if label != UNRELATED and (key not in best or score > best[key][3]):
            best[key] = (head, tail, label, score)
    return tuple(sorted(best.values()))


def _sentence_numbers(sentences: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[int]:
    """In which sentence each span begins; the spans are sorted."""
    numbers: list[int] = []
    at = 0
    for span in spans:
        while span.start >= sentences[at][1]:
            at += 1
        numbers.append(at)
    return numbers


def _moved(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by, span.label)
