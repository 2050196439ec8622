"""Evaluate: an adapter against gold, with the free baseline on the same gold beside it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.breakdown import break_down, list_mistakes
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.labels import NO_RENAMES, Renames
from appliance.learning.evaluation.score import score, score_labels
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import entity_types
from appliance.records.breakdown import Mistake
from appliance.records.cards import AdapterCard, HeadKind
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import Digest
from appliance.records.progress import Progress
from appliance.records.reviews import ReviewedScore
from appliance.records.scores import RelationScoreCard, ScoreCard
from appliance.records.spans import ScoredSpan, Span
from appliance.records.tasks import Vocabulary
from appliance.settings.tasks import load_task, load_vocabulary
from appliance.workflows.compare import (
    compare,
    find_adapter,
    find_other,
    known_surfaces,
    record_comparison,
)
from appliance.workflows.evaluate_relations import evaluate_relations, read_gold_of
from appliance.workflows.site import Site, open_site

DICTIONARY: Final = "dictionary"
_CHUNK: Final = 256
# A public list names a few per cent of any text's mentions with a small share of its terms.
_MAX_IN_GOLD: Final = 0.5
_FEW_MENTIONS: Final = 20

Spans = Sequence[Sequence[Span]]
Weigh = Callable[[Spans, Spans | None], ReviewedScore]
"""What two adapters found in documents of a review, the second if there is one, as a score."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What would be scored: an adapter, on how many documents of what, beside which other."""

    adapter: str
    gold: str
    documents: int
    against: str


def evaluate(
    root: Path,
    *,
    adapter: str,
    gold: Path,
    vocabulary: Path | None = None,
    against: str | None = None,
    renames: Renames = NO_RENAMES,
    show: Callable[[Mistake], None] | None = None,
    progress: Progress,
) -> ScoreCard | RelationScoreCard:
    """How well the adapter finds what people marked in `gold`.

    Args:
        root: The site.
        adapter: Name of a finished adapter.
        gold: CoNLL/IOB2, JSONL or brat, see `read_gold`; for an adapter of relations
            `read_pair_gold`.
        vocabulary: Names for the dictionary baseline; None takes the task's own.
        against: Name of another adapter of the same labels, to be compared on the same gold.
        renames: What labels of the gold stand for that are not the task's.
        show: Told of every mistake with its words; what it is told must not be kept.
        progress: Told of every batch of documents.

    Raises:
        BadInput: No such adapter, or gold or vocabulary is malformed; names the line.
        ManifestMismatch: The adapter was never finished, or differs from what was written.
    """
    site = open_site(root)
    directory = find_adapter(site, adapter)
    if read_adapter(directory)[0].kind is HeadKind.RELATIONS:
        for given, option in ((vocabulary, "--vocabulary"), (show, "--show-text")):
            if given is not None:
                raise BadInput(
                    f"{option} says nothing of relations.",
                    f"Leave {option} out for this adapter.",
                )
        return evaluate_relations(site, directory, gold, progress, against=against, renames=renames)
    return evaluate_in(
        site,
        adapter=adapter,
        gold=gold,
        vocabulary=vocabulary,
        against=against,
        renames=renames,
        show=show,
        progress=progress,
    )


def plan_evaluation(
    root: Path,
    *,
    adapter: str,
    gold: Path,
    against: str | None = None,
    renames: Renames = NO_RENAMES,
) -> EvaluationPlan:
    """What `evaluate` would score; no model is loaded, nothing is written.

    Raises:
        BadInput, ManifestMismatch: As `evaluate`.
    """
    site = open_site(root)
    card, _ = read_adapter(find_adapter(site, adapter))
    if card.kind is HeadKind.RELATIONS:
        documents = read_gold_of(card, gold, renames)
    else:
        types = entity_types(card.labels)
        documents = read_gold(gold, types, renames)
        _check(documents, types)
    if against is not None:
        find_other(site, card, against)
    return EvaluationPlan(adapter, gold.name, len(documents), against or "")


def evaluate_in(
    site: Site,
    *,
    adapter: str,
    gold: Path,
    vocabulary: Path | None = None,
    against: str | None = None,
    renames: Renames = NO_RENAMES,
    show: Callable[[Mistake], None] | None = None,
    progress: Progress,
) -> ScoreCard:
    """The same, on an open site."""
    card, _ = read_adapter(find_adapter(site, adapter))
    require_kind(card, HeadKind.ENTITIES)
    documents = read_gold(gold, entity_types(card.labels), renames)
    return evaluate_documents(
        site,
        adapter,
        documents,
        gold.name,
        progress,
        vocabulary=vocabulary,
        against=against,
        show=show,
    )


def evaluate_documents(
    site: Site,
    adapter: str,
    documents: Sequence[GoldDocument],
    gold_name: str,
    progress: Progress,
    *,
    vocabulary: Path | None = None,
    against: str | None = None,
    show: Callable[[Mistake], None] | None = None,
    weigh: Weigh | None = None,
) -> ScoreCard:
    """The same, on gold documents that are at hand; `weigh` where they are of a review.

    Raises:
        BadInput: No such adapter, no document, or a label that is none of the adapter's.
    """
    directory = find_adapter(site, adapter)
    card, digest = read_adapter(directory)
    types = entity_types(card.labels)
    _check(documents, types)
    terms = _vocabulary(site, card, types, vocabulary)
    _check_apart(documents, terms)
    other = find_other(site, card, against) if against is not None else None
    scored = _label(_load(site, directory, card), documents, progress)
    found = _plain(scored)
    looked_up = DictionaryLabeller(terms).label([document.text for document in documents])
    result = ScoreCard(
        adapter=adapter,
        gold=gold_name,
        documents=len(documents),
        overall=score(documents, found),
        per_label=score_labels(documents, found, types),
        baselines={DICTIONARY: score(documents, _plain(looked_up))},
        breakdown=break_down(documents, scored, types, known_surfaces(site, card)),
    )
    gold_digest = _digest(documents)
    _record(site, result, digest, gold_digest)
    theirs = None
    if other is not None:
        theirs = _plain(_label(_load(site, *other), documents, progress))
        comparison = compare(documents, found, theirs, other[1].name)
        record_comparison(site, directory, other[0], gold_digest, comparison)
        result = replace(result, comparison=comparison)
    if weigh is not None:
        result = replace(result, reviewed=weigh(found, theirs))
    if show is not None:
        for mistake in list_mistakes(documents, found):
            show(mistake)
    progress.end(f"strict F1 {100 * result.overall.f1:.1f}")
    return result


def check_gold(site: Site, task: str, gold: Path) -> None:
    """An adapter of the task can be scored on the file.

    Raises:
        BadInput: It is malformed, or of another task; names the line.
    """
    sheet, _ = load_task(site.paths.labels, task)
    read_gold(gold, [entity.name for entity in sheet.entities])


def _check(documents: Sequence[GoldDocument], types: Sequence[str]) -> None:
    if not documents:
        raise BadInput("There is no gold document to score on.", "Name a file with --gold.")
    strange = sum(span.label not in types for document in documents for span in document.spans)
    if strange:
        raise BadInput(
            f"{strange} gold span(s) have a label that is not one of {', '.join(types)}.",
            "Score an adapter of the gold's own task.",
        )


def _check_apart(documents: Sequence[GoldDocument], vocabulary: Vocabulary) -> None:
    """The vocabulary was not made from the gold: an adapter would be scored on what it was told."""
    mentions = {
        document.text[span.start : span.end].casefold()
        for document in documents
        for span in document.spans
    }
    named = sum(
        any(surface.casefold() in mentions for surface in term.surfaces)
        for term in vocabulary.terms
    )
    if len(mentions) >= _FEW_MENTIONS and named > _MAX_IN_GOLD * len(vocabulary.terms):
        raise BadInput(
            f"{named} of the vocabulary's {len(vocabulary.terms)} terms are mentions of this gold.",
            "Score with a vocabulary that was not made from the texts to be scored on.",
        )


def _vocabulary(
    site: Site, card: AdapterCard, types: tuple[str, ...], path: Path | None
) -> Vocabulary:
    if path is not None:
        return load_vocabulary(path, types, path.name)
    return load_task(site.paths.labels, card.task)[1]


def _load(site: Site, directory: Path, card: AdapterCard) -> AdapterLabeller:
    learning = site.settings.learning
    return AdapterLabeller.load(
        directory,
        ModelStore(site.paths.models).resolve(card.base).path,
        device=learning.device,
        max_tokens=card.max_tokens,
        stride_tokens=min(site.settings.extraction.stride_tokens, card.max_tokens // 4),
        batch_tokens=learning.reading_tokens,
        dtype=learning.dtype,
    )


def _label(
    labeller: AdapterLabeller, documents: Sequence[GoldDocument], progress: Progress
) -> list[tuple[ScoredSpan, ...]]:
    progress.begin("evaluate", len(documents))
    found: list[tuple[ScoredSpan, ...]] = []
    for start in range(0, len(documents), _CHUNK):
        chunk = documents[start : start + _CHUNK]
        found += labeller.label([document.text for document in chunk])
        progress.advance(len(chunk))
    return found


def _plain(labelled: Sequence[Sequence[ScoredSpan]]) -> list[tuple[Span, ...]]:
    return [tuple(scored.span for scored in document) for document in labelled]


def _digest(documents: Sequence[GoldDocument]) -> Digest:
    """Identity of the gold: ids, texts and spans."""
    hasher = hashlib.sha256()
    for document in documents:
        spans = [(span.start, span.end, span.label) for span in document.spans]
        for part in (document.document_id, document.text, repr(spans)):
            hasher.update(part.encode("utf-8", "surrogatepass") + b"\x00")
    return Digest(hasher.hexdigest())


def _record(site: Site, card: ScoreCard, adapter: Digest, gold: Digest) -> None:
    site.ledger.record(
        "adapter.evaluated",
        {
            "adapter": card.adapter,
            "adapter_digest": adapter,
            "gold_digest": gold,
            "documents": card.documents,
            "f1": round(card.overall.f1, 4),
            "ci_low": round(card.overall.ci_low, 4),
            "ci_high": round(card.overall.ci_high, 4),
            "relaxed_f1": round(card.breakdown.relaxed.f1, 4) if card.breakdown else 0.0,
            "ece": round(card.breakdown.calibration.ece, 4) if card.breakdown else 0.0,
            "dictionary_f1": round(card.baselines[DICTIONARY].f1, 4),
        },
    )
