"""Evaluate: an adapter against gold, with the free baseline on the same gold beside it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.apart import check_apart, is_made_from
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
from appliance.settings.tasks import list_tasks, load_task, load_vocabulary
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
    is_independent: bool = False,
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
        is_independent: Somebody vouches that no vocabulary was made from the gold, though one
            looks so; the card and the ledger say it.
        show: Told of every mistake with its words; what it is told must not be kept.
        progress: Told of every batch of documents.

    Raises:
        BadInput: No such adapter, or gold or vocabulary is malformed; names the line. Or the
            task's vocabulary, or the one that is given, looks made from the gold.
        ManifestMismatch: The adapter was never finished, or differs from what was written.
    """
    site = open_site(root)
    directory = find_adapter(site, adapter)
    if read_adapter(directory)[0].kind is HeadKind.RELATIONS:
        for is_given, option in (
            (vocabulary is not None, "--vocabulary"),
            (is_independent, "--vocabulary-is-independent"),
            (show is not None, "--show-text"),
        ):
            if is_given:
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
        is_independent=is_independent,
        show=show,
        progress=progress,
    )


def plan_evaluation(
    root: Path,
    *,
    adapter: str,
    gold: Path,
    vocabulary: Path | None = None,
    against: str | None = None,
    renames: Renames = NO_RENAMES,
    is_independent: bool = False,
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
        check_apart_from(site, card, documents, vocabulary, is_independent=is_independent)
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
    is_independent: bool = False,
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
        is_independent=is_independent,
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
    is_independent: bool = False,
    show: Callable[[Mistake], None] | None = None,
    weigh: Weigh | None = None,
) -> ScoreCard:
    """The same, on gold documents that are at hand; `weigh` where they are of a review.

    Raises:
        BadInput: No such adapter, no document, a label that is none of the adapter's, or a
            vocabulary that looks made from the gold.
    """
    directory = find_adapter(site, adapter)
    card, digest = read_adapter(directory)
    types = entity_types(card.labels)
    _check(documents, types)
    terms = _vocabulary(site, card, types, vocabulary)
    vouched = check_apart_from(site, card, documents, vocabulary, is_independent=is_independent)
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
        vouched=vouched,
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
        BadInput: It is malformed, or of another task; names the line. Or the task's vocabulary
            looks made from it.
    """
    sheet, vocabulary = load_task(site.paths.labels, task)
    check_apart(vocabulary.terms, read_gold(gold, [entity.name for entity in sheet.entities]))


def _check(documents: Sequence[GoldDocument], types: Sequence[str]) -> None:
    if not documents:
        raise BadInput("There is no gold document to score on.", "Name a file with --gold.")
    strange = sum(span.label not in types for document in documents for span in document.spans)
    if strange:
        raise BadInput(
            f"{strange} gold span(s) have a label that is not one of {', '.join(types)}.",
            "Score an adapter of the gold's own task.",
        )


def check_apart_from(
    site: Site,
    card: AdapterCard,
    documents: Sequence[GoldDocument],
    given: Path | None = None,
    *,
    is_independent: bool = False,
) -> bool:
    """Neither the vocabulary of the adapter's task nor the one that is given is of this gold.

    Returns:
        Whether one looks so, and it takes the word of somebody who says that it is not.

    Raises:
        BadInput: One looks so, and nobody vouches for it; or one can't be read.
    """
    types = entity_types(card.labels)
    vocabularies = [_vocabulary(site, card, types, given)]
    if given is not None and card.task in list_tasks(site.paths.labels):
        vocabularies.append(_vocabulary(site, card, types, None))
    if is_independent:
        return any(is_made_from(one.terms, documents) for one in vocabularies)
    for one in vocabularies:
        check_apart(one.terms, documents)
    return False


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
            **({"vocabulary_vouched": True} if card.vouched else {}),
        },
    )
