"""Adapters under a membership attack: what they were trained on, and what they were not."""

from functools import partial
from pathlib import Path

from appliance.artifacts.manifest import is_finished, read_manifest
from appliance.audits.membership import Groups, Trial
from appliance.errors import ApplianceError
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tokens.bio import entity_types
from appliance.learning.tuning.data import read_split
from appliance.learning.tuning.familiarity import Familiarity
from appliance.records.cards import AdapterCard
from appliance.settings.site import SitePaths

_KIND = "corpus"


def make_trials(paths: SitePaths, device: str) -> list[Trial]:
    """A trial for each adapter whose card can be read; others fail as products."""
    trials = []
    for directory in sorted(paths.adapters.glob("[!.]*")):
        try:
            card, _ = read_adapter(directory)
        except ApplianceError:
            continue
        score = partial(_score, paths, directory, card, device)
        trials.append(Trial(card.name, card.site_only, score))
    return trials


def _score(
    paths: SitePaths, adapter: Path, card: AdapterCard, device: str
) -> tuple[Groups, Groups]:
    """Scores of the corpus's train and dev texts, each a group of its own.

    Raises:
        ApplianceError: The corpus is gone, or the adapter is none of entities.
    """
    corpus = _find_corpus(paths, card)
    base = ModelStore(paths.models).resolve(card.base)
    judge = Familiarity.load(adapter, base.path, device=device)
    types = entity_types(card.labels)
    splits = [read_split(corpus / f"{split}.parquet", types) for split in ("train", "dev")]
    members, others = ([[one] for one in judge.score(texts)] for texts in splits)
    return members, others


def _find_corpus(paths: SitePaths, card: AdapterCard) -> Path:
    for directory in sorted(paths.corpora.glob("[!.]*")):
        if is_finished(directory):
            manifest = read_manifest(directory, _KIND, check=False)
            if manifest.digest == card.corpus_digest:
                return directory
    raise ApplianceError(f"The corpus that adapter {card.name} was trained on is not here.")
