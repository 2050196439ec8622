"""A corpus weighed by an adapter of another one: labels that it does not believe teach less."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from appliance.errors import BadInput
from appliance.records.events import Fact
from appliance.records.examples import Example, Origin, Split
from appliance.settings.names import check_name
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.revision import revise_card
from appliance.workflows.corpus import corpus_digest, find_corpus
from appliance.workflows.held_out import check_reader, load_reader
from appliance.workflows.joining import parts_of
from appliance.workflows.site import open_site

# What is composed from frames is labelled by those who wrote the frame.
DOUBTED: Final = frozenset({Origin.WRITTEN, Origin.VARIED})


@dataclass(frozen=True, slots=True)
class Weighing:
    """A corpus that an adapter weighed.

    Attributes:
        corpus: Its name.
        parent: The one that was weighed.
        adapter: Which adapter did.
        weighed: Examples that have a weight of it.
        mean_weight: Of these, 0 to 1; None where none was weighed yet.
        below_half: Of these, how many have less than a half; None likewise.
        digest: Of the new corpus's manifest; "" where it was not written.
    """

    corpus: str
    parent: str
    adapter: str
    weighed: int
    mean_weight: float | None
    below_half: int | None
    digest: str


def weigh_corpus(
    root: Path, name: str, adapter: str, out: str, *, dry_run: bool = False
) -> Weighing:
    """Corpus `out` holds the examples of `name`, each as heavy as the adapter believes its labels.

    That is said of training examples that a model wrote, and of copies of these.

    Args:
        root: The site.
        name: Of the corpus.
        adapter: Of one of its task that did not learn from it: it believes what it was taught.
        out: Name of the new corpus.
        dry_run: Look whether it can be done.

    Raises:
        BadInput: No such corpus or adapter, of another task or kind, one that learned from this
            very corpus, nothing to weigh, or the name is taken.
        Denied: The adapter learned from notes of this site.
        ManifestMismatch: Corpus or adapter is not what was written.
    """
    from appliance.learning.inference.trust import believe

    site = open_site(root)
    check_name(out, "a corpus", "--out")
    target = site.paths.corpora / out
    if target.exists():
        raise BadInput(f"There is a corpus {out} already.", "Name another one with --out.")
    directory = find_corpus(site.paths, name)
    card, examples = read_corpus(directory)
    sheet, _ = load_task(site.paths.labels, card.task)
    if sheet.taught:
        raise BadInput(
            f"Corpus {name} is about pairs; only labels of entities are weighed.",
            "Train on it as it is.",
        )
    doubted = _doubted(name, examples)
    digest = corpus_digest(directory)
    learned, adapter_digest = check_reader(site.paths, sheet, adapter)
    taught = {learned.corpus_digest, *parts_of(site, learned.corpus_digest)}
    # Rounds that were joined are the same sentences under another digest.
    if taught & {digest, *card.joined.values()}:
        raise BadInput(
            f"Adapter {adapter!r} learned from corpus {name}: it believes what it was taught.",
            "Train one on another corpus of the task, e.g. of another --seed, and name that.",
        )
    if dry_run:
        return Weighing(out, name, adapter, len(doubted), None, None, "")
    types = tuple(entity.name for entity in sheet.entities)
    trust = believe(doubted, load_reader(site.paths, sheet, adapter), types)
    weights = {one.example_id: weight for one, weight in zip(doubted, trust, strict=True)}
    kept = [replace(one, weight=weights.get(one.example_id, one.weight)) for one in examples]
    weighed = replace(
        revise_card(card, out, digest, examples, kept, site.clock.now().isoformat()),
        revision={"kept": len(kept) - len(doubted), "weighed": len(doubted)},
        weighed_by=f"{adapter}@{adapter_digest}",
    )
    written = write_corpus(target, weighed, kept)
    facts: dict[str, Fact] = {"corpus": out, "digest": written, "parent": digest}
    facts["adapter"] = adapter_digest
    site.ledger.record("corpus.revised", {**facts, **weighed.revision})
    low = sum(weight < 1 / 2 for weight in trust)
    return Weighing(out, name, adapter, len(trust), round(fmean(trust), 4), low, written)


def _doubted(name: str, examples: Sequence[Example]) -> list[Example]:
    found = [one for one in examples if one.split is Split.TRAIN and one.origin in DOUBTED]
    if not found:
        raise BadInput(
            f"Corpus {name} has no training example that a model wrote.",
            "Composed lines are not weighed: their labels are those of their frames.",
        )
    return found
