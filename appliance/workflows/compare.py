"""Two adapters on the same gold, and what an adapter was trained on beside it."""

from collections.abc import Sequence
from pathlib import Path

from appliance.artifacts.manifest import is_finished, read_manifest
from appliance.errors import BadInput, ManifestMismatch
from appliance.learning.adapters import read_adapter
from appliance.learning.evaluation.breakdown import surface
from appliance.learning.evaluation.permutation import (
    PERMUTATIONS,
    paired_difference,
    permutation_test,
)
from appliance.learning.evaluation.score import count_matches, f1_score, summarise
from appliance.learning.tokens.bio import entity_types
from appliance.learning.tuning.data import read_split
from appliance.records.cards import AdapterCard
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import Digest
from appliance.records.scores import Comparison, RelationComparison
from appliance.records.spans import Span
from appliance.settings.names import is_name
from appliance.workflows.site import Site


def find_adapter(site: Site, adapter: str) -> Path:
    """Where an adapter lies.

    Raises:
        BadInput: There is none of that name.
    """
    directory = site.paths.adapters / adapter
    if not is_name(adapter) or not directory.is_dir():
        known = sorted(path.name for path in site.paths.adapters.glob("[!.]*"))
        raise BadInput(
            f"There is no adapter {adapter!r}.",
            f"Adapters: {', '.join(known) or 'none'}. Make one with `appliance train`.",
        )
    return directory


def find_other(site: Site, card: AdapterCard, against: str) -> tuple[Path, AdapterCard]:
    """The adapter to be compared with.

    Raises:
        BadInput: There is none of that name, it is the same one, or it knows other labels.
        ManifestMismatch: It was never finished, or differs from what was written.
    """
    directory = find_adapter(site, against)
    other, _ = read_adapter(directory)
    if against == card.name:
        raise BadInput(f"Adapter {against!r} is the same.", "Name another with --against.")
    if (other.kind, other.labels) != (card.kind, card.labels):
        raise BadInput(
            f"Adapter {against!r} does not decide what {card.name!r} decides.",
            "Compare adapters of one task.",
        )
    return directory, other


def compare(
    documents: Sequence[GoldDocument],
    ours: Sequence[Sequence[Span]],
    theirs: Sequence[Sequence[Span]],
    against: str,
) -> Comparison:
    """How much better or worse `ours` are than `theirs`, and whether that could be chance."""
    one, two = count_matches(documents, ours), count_matches(documents, theirs)
    return Comparison(
        against=against,
        other=summarise(two),
        difference=paired_difference(one, two, f1_score),
        p_value=permutation_test(one, two, f1_score),
        permutations=PERMUTATIONS,
    )


def record_comparison(
    site: Site,
    adapter: Path,
    other: Path,
    gold: Digest,
    comparison: Comparison | RelationComparison,
) -> None:
    """The ledger says what was compared on what, and how it came out."""
    site.ledger.record(
        "adapter.compared",
        {
            "adapter": adapter.name,
            "adapter_digest": read_adapter(adapter)[1],
            "against": other.name,
            "against_digest": read_adapter(other)[1],
            "gold_digest": gold,
            "difference": round(comparison.difference.value, 4),
            "p_value": round(comparison.p_value, 5),
        },
    )


def known_surfaces(site: Site, card: AdapterCard) -> frozenset[str] | None:
    """What is marked in the corpus the adapter was trained on; None where it is gone or another."""
    directory = site.paths.corpora / card.corpus
    if not is_finished(directory):
        return None
    try:
        if read_manifest(directory, "corpus").digest != card.corpus_digest:
            return None
    except ManifestMismatch:
        return None
    examples = read_split(directory / "train.parquet", entity_types(card.labels))
    return frozenset(surface(item.text, span) for item in examples for span in item.spans)
