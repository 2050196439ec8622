"""Evaluate a relation adapter against gold pairs, with the answer that is always yes beside it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.labels import NO_RENAMES, Renames
from appliance.learning.evaluation.pair_gold import read_pair_gold
from appliance.learning.evaluation.pairs import (
    Cells,
    Values,
    confusions,
    macro_f1,
    score_pairs,
)
from appliance.learning.evaluation.permutation import (
    PERMUTATIONS,
    paired_difference,
    permutation_test,
)
from appliance.learning.inference.classifier import PairClassifier
from appliance.learning.tokens.marking import mark
from appliance.records.cards import AdapterCard, HeadKind, PairTypes
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import Digest
from appliance.records.progress import Progress
from appliance.records.scores import RelationComparison, RelationScore, RelationScoreCard
from appliance.workflows.compare import find_other, record_comparison
from appliance.workflows.site import Site

ALWAYS_YES: Final = "always yes"
_CHUNK: Final = 256


def evaluate_relations(
    site: Site,
    directory: Path,
    gold: Path,
    progress: Progress,
    *,
    against: str | None = None,
    renames: Renames = NO_RENAMES,
) -> RelationScoreCard:
    """How well the adapter labels the pairs of `gold`.

    Args:
        site: An open site.
        directory: Of a finished adapter.
        gold: See `read_pair_gold`.
        progress: Told of every batch of documents.
        against: Name of another adapter with the same labels, to be compared by macro-F1.
        renames: What labels of the gold stand for that are not the task's.

    Raises:
        BadInput: The adapter is none of relations, or gold is malformed; names the line.
        ManifestMismatch: The adapter was never finished, or differs from what was written.
    """
    card, digest = read_adapter(directory)
    documents = read_gold_of(card, gold, renames)
    other = find_other(site, card, against) if against is not None else None
    found = label_pairs(site, directory, documents, progress)
    result = RelationScoreCard(
        adapter=card.name,
        gold=gold.name,
        documents=len(documents),
        overall=score_labels_of_pairs(documents, found, card),
        baselines={ALWAYS_YES: score_labels_of_pairs(documents, always_yes(documents, card), card)},
    )
    _record(site, result, digest, digest_of(documents))
    if other is not None:
        theirs = label_pairs(site, other[0], documents, progress)
        comparison = _compare(documents, found, theirs, card, other[1].name)
        record_comparison(site, directory, other[0], digest_of(documents), comparison)
        result = replace(result, comparison=comparison)
    overall = result.overall
    progress.end(f"macro-F1 {100 * overall.macro_f1.value:.1f}, MCC {overall.mcc.value:.2f}")
    return result


def _compare(
    documents: Sequence[GoldDocument],
    ours: Sequence[Sequence[str]],
    theirs: Sequence[Sequence[str]],
    card: AdapterCard,
    against: str,
) -> RelationComparison:
    index = {label: number for number, label in enumerate(card.labels)}
    gold = [[index[pair.label] for pair in document.relations] for document in documents]
    one, two = (
        confusions(gold, [[index[label] for label in labels] for labels in found], len(index))
        for found in (ours, theirs)
    )

    def statistic(totals: Cells) -> Values:
        return macro_f1(totals.reshape(*totals.shape[:-1], len(index), len(index)))

    return RelationComparison(
        against=against,
        other=score_labels_of_pairs(documents, theirs, card),
        difference=paired_difference(one, two, statistic),
        p_value=permutation_test(one, two, statistic),
        permutations=PERMUTATIONS,
    )


def read_gold_of(
    card: AdapterCard, gold: Path, renames: Renames = NO_RENAMES
) -> tuple[GoldDocument, ...]:
    """The pairs that an adapter can be scored on.

    Raises:
        BadInput: The adapter is none of relations, or gold is malformed; names the line.
    """
    require_kind(card, HeadKind.RELATIONS)
    return read_pair_gold(gold, card.pairs, renames)


def label_pairs(
    site: Site, directory: Path, documents: Sequence[GoldDocument], progress: Progress
) -> list[tuple[str, ...]]:
    """What the adapter says of every pair of every document, in their order."""
    card, _ = read_adapter(directory)
    learning = site.settings.learning
    classifier = PairClassifier.load(
        directory,
        ModelStore(site.paths.models).resolve(card.base).path,
        device=learning.device,
        batch_tokens=learning.reading_tokens,
        dtype=learning.dtype,
    )
    progress.begin("evaluate", len(documents))
    found: list[tuple[str, ...]] = []
    for start in range(0, len(documents), _CHUNK):
        chunk = documents[start : start + _CHUNK]
        marked = [
            mark(document.text, document.spans[pair.head], document.spans[pair.tail])
            for document in chunk
            for pair in document.relations
        ]
        labels = iter([label for label, _ in classifier.classify(marked)])
        found += [tuple(next(labels) for _ in document.relations) for document in chunk]
        progress.advance(len(chunk))
    return found


def always_yes(documents: Sequence[GoldDocument], card: AdapterCard) -> list[tuple[str, ...]]:
    """The first relation type that a pair's ends fit, whatever the text says."""
    return [
        tuple(
            _fitting(card.pairs, document.spans[pair.head].label, document.spans[pair.tail].label)
            for pair in document.relations
        )
        for document in documents
    ]


def score_labels_of_pairs(
    documents: Sequence[GoldDocument], found: Sequence[Sequence[str]], card: AdapterCard
) -> RelationScore:
    """Agreement of labels with gold."""
    index = {label: number for number, label in enumerate(card.labels)}
    gold = [[index[pair.label] for pair in document.relations] for document in documents]
    return score_pairs(gold, [[index[one] for one in labels] for labels in found], len(index))


def digest_of(documents: Sequence[GoldDocument]) -> Digest:
    """Identity of the gold: ids, texts, spans and relations."""
    hasher = hashlib.sha256()
    for document in documents:
        spans = [(span.start, span.end, span.label) for span in document.spans]
        pairs = [(pair.head, pair.tail, pair.label) for pair in document.relations]
        for part in (document.document_id, document.text, repr(spans), repr(pairs)):
            hasher.update(part.encode("utf-8", "surrogatepass") + b"\x00")
    return Digest(hasher.hexdigest())


def _fitting(pairs: Sequence[PairTypes], head: str, tail: str) -> str:
    fitting = [pair.label for pair in pairs if (pair.head, pair.tail) == (head, tail)]
    return (fitting or [pairs[0].label])[0]


def _record(site: Site, card: RelationScoreCard, adapter: Digest, gold: Digest) -> None:
    site.ledger.record(
        "adapter.evaluated",
        {
            "adapter": card.adapter,
            "adapter_digest": adapter,
            "gold_digest": gold,
            "documents": card.documents,
            "macro_f1": round(card.overall.macro_f1.value, 4),
            "ci_low": round(card.overall.macro_f1.ci_low, 4),
            "ci_high": round(card.overall.macro_f1.ci_high, 4),
            "mcc": round(card.overall.mcc.value, 4),
            "positive_f1": round(card.overall.positive_f1.value, 4),
        },
    )
