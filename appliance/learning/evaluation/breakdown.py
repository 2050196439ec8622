"""What lies behind a strict F1: near misses, names never seen in training, kinds of mistakes."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.learning.evaluation.calibration import calibrate
from appliance.learning.evaluation.matching import pair_spans
from appliance.learning.evaluation.score import summarise
from appliance.records.breakdown import Breakdown, Fault, Mistake, Score
from appliance.records.gold import GoldDocument
from appliance.records.spans import ScoredSpan, Span


def break_down(
    gold: Sequence[GoldDocument],
    found: Sequence[Sequence[ScoredSpan]],
    labels: Sequence[str],
    known: frozenset[str] | None,
) -> Breakdown:
    """Where the spans agree with gold and where not.

    Args:
        gold: n documents.
        found: n sequences of spans, in the same order.
        labels: Of the task.
        known: What is marked in the training corpus, as `surface` gives it; None if nobody knows.
    """
    spans = [tuple(scored.span for scored in document) for document in found]
    parts: list[Score | None] = [None, None]
    if known is not None:
        parts = [summarise(count_surfaces(gold, spans, known, seen=seen)) for seen in (True, False)]
    return Breakdown(
        relaxed=summarise(count_relaxed(gold, spans)),
        relaxed_per_label={label: summarise(count_relaxed(gold, spans, label)) for label in labels},
        seen=parts[0],
        unseen=parts[1],
        faults=count_faults(gold, spans),
        calibration=calibrate(gold, found),
    )


def surface(text: str, span: Span) -> str:
    """The words of a span, but for case and spacing.

    >>> surface("Wilson's  Disease", Span(0, 17, "Disease"))
    "wilson's disease"
    """
    return " ".join(text[span.start : span.end].casefold().split())


def count_relaxed(
    gold: Sequence[GoldDocument], found: Sequence[Sequence[Span]], label: str | None = None
) -> NDArray[np.int64]:
    """Spans that overlap one of gold with their label, each one once; all found; all of gold.

    Args:
        gold: n documents.
        found: n sequences of spans.
        label: Count only this label; None counts all.

    Returns:
        (n, 3).
    """
    counts = np.zeros((len(gold), 3), dtype=np.int64)
    for row, (document, spans) in enumerate(zip(gold, found, strict=True)):
        right = {span for span in document.spans if label in (None, span.label)}
        said = {span for span in spans if label in (None, span.label)}
        pairs = pair_spans(sorted(right), sorted(said))
        counts[row] = len(pairs.exact) + pairs.count(Fault.BOUNDARY), len(said), len(right)
    return counts


def count_surfaces(
    gold: Sequence[GoldDocument],
    found: Sequence[Sequence[Span]],
    known: frozenset[str],
    *,
    seen: bool,
) -> NDArray[np.int64]:
    """Strict counts of the spans whose words are known, or of those whose are not: (n, 3)."""
    counts = np.zeros((len(gold), 3), dtype=np.int64)
    for row, (document, spans) in enumerate(zip(gold, found, strict=True)):
        right, said = (
            {span for span in some if (surface(document.text, span) in known) is seen}
            for some in (document.spans, spans)
        )
        counts[row] = len(right & said), len(said), len(right)
    return counts


def count_faults(gold: Sequence[GoldDocument], found: Sequence[Sequence[Span]]) -> dict[str, int]:
    """Every kind of mistake and how often it was made."""
    counts: Counter[Fault] = Counter()
    for document, spans in zip(gold, found, strict=True):
        counts.update(kind for kind, _, _ in pair_spans(document.spans, spans).faults)
    return {fault.value: counts[fault] for fault in Fault}


def list_mistakes(
    gold: Sequence[GoldDocument], found: Sequence[Sequence[Span]]
) -> Iterator[Mistake]:
    """Every mistake with its words: for whoever may read the texts, and never to be kept."""
    for document, spans in zip(gold, found, strict=True):
        for fault, right, said in pair_spans(document.spans, spans).faults:
            both = [span for span in (right, said) if span is not None]
            start, end = min(span.start for span in both), max(span.end for span in both)
            yield Mistake(fault, document.document_id, right, said, document.text[start:end])
