"""Scoring verdicts against gold spans: what was touched, covered, and alarmed for nothing.

A gold span is touched where any hit overlaps it: that is the gate's recall when this span is the
only identifier in the text. It is covered where every letter and digit of it lies in a hit.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.records.gold import GoldDocument
from appliance.records.spans import Span
from appliance.records.verdicts import Decision, Verdict

# Normal quantile of a 95 % interval.
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of a count, with its 95 % interval.

    Attributes:
        hits: Numerator.
        total: Denominator.
        value: hits / total, 0 to 1; None where total is 0.
        ci_low: Lower bound (Wilson 1927).
        ci_high: Upper bound.
    """

    hits: int
    total: int
    value: float | None
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True, slots=True)
class GateScore:
    """How a gate did on a corpus.

    Attributes:
        touched: Gold spans that a hit overlaps.
        covered: Gold spans of which every letter and digit lies in a hit.
        precise: Letters and digits in hits that lie in a gold span, over documents with any.
        denied: Documents with a gold span that were denied.
        leak_free: Documents with gold spans all of which are covered.
        false_alarms: Documents without any gold span that were denied.
        touched_by_label: The first, label by label.
    """

    touched: Rate
    covered: Rate
    precise: Rate
    denied: Rate
    leak_free: Rate
    false_alarms: Rate
    touched_by_label: dict[str, Rate]


def wilson(hits: int, total: int) -> Rate:
    """The share with its 95 % interval.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927).

    >>> wilson(0, 0).value is None
    True
    """
    if total == 0:
        return Rate(0, 0, None, None, None)
    share = hits / total
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    middle, scale = share + _Z**2 / (2 * total), 1 + _Z**2 / total
    low, high = max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
    return Rate(hits, total, share, low, high)


def score_gate(gold: Sequence[GoldDocument], verdicts: Sequence[Verdict]) -> GateScore:
    """The score of `verdicts`, one for each document of `gold`, in order."""
    cases = [_Case.of(document, verdict) for document, verdict in zip(gold, verdicts, strict=True)]
    personal = [case for case in cases if case.spans]
    clean = [case for case in cases if not case.spans]
    spans = [span for case in personal for span in case.spans]
    by_label: dict[str, list[bool]] = defaultdict(list)
    for span in spans:
        by_label[span.label].append(span.is_touched)
    return GateScore(
        touched=_share(span.is_touched for span in spans),
        covered=_share(span.is_covered for span in spans),
        precise=wilson(sum(c.true for c in personal), sum(c.marked for c in personal)),
        denied=_share(case.is_denied for case in personal),
        leak_free=_share(all(span.is_covered for span in case.spans) for case in personal),
        false_alarms=_share(case.is_denied for case in clean),
        touched_by_label={label: _share(found) for label, found in sorted(by_label.items())},
    )


@dataclass(frozen=True, slots=True)
class _SpanCase:
    label: str
    is_touched: bool
    is_covered: bool


@dataclass(frozen=True, slots=True)
class _Case:
    is_denied: bool
    spans: tuple[_SpanCase, ...]
    marked: int
    true: int

    @classmethod
    def of(cls, document: GoldDocument, verdict: Verdict) -> "_Case":
        """Letters and digits of the text, once by hits and once by gold."""
        text = document.text
        marked = {at for hit in verdict.hits for at in _telling(text, hit.start, hit.end)}
        golden = {at for span in document.spans for at in _telling(text, span.start, span.end)}
        spans = tuple(_judge(text, span, marked) for span in document.spans)
        is_denied = verdict.decision is Decision.DENY
        return cls(is_denied, spans, len(marked), len(marked & golden))


def _judge(text: str, span: Span, marked: set[int]) -> _SpanCase:
    telling = set(_telling(text, span.start, span.end))
    return _SpanCase(span.label, bool(telling & marked), telling <= marked)


def _telling(text: str, start: int, end: int) -> Iterator[int]:
    return (at for at in range(start, min(end, len(text))) if text[at].isalnum())


def _share(found: Iterable[bool]) -> Rate:
    outcomes = list(found)
    return wilson(sum(outcomes), len(outcomes))
