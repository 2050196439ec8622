"""Adapters under a membership attack: what they were trained on, and what they were not."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from appliance.artifacts.manifest import list_finished, read_manifest
from appliance.audits.membership import Groups, Trial
from appliance.errors import ApplianceError
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import entity_types
from appliance.learning.tuning.data import read_split
from appliance.learning.tuning.familiarity import Familiarity
from appliance.learning.tuning.own import teach
from appliance.records.cards import AdapterCard
from appliance.records.identifiers import Digest
from appliance.records.notes import Note
from appliance.settings.site import SitePaths
from appliance.workflows.audit_evidence import REASON
from appliance.workflows.ingest import opened_vault
from appliance.workflows.reviewed_training import (
    choose_passages,
    digest_passages,
    read_passages,
)
from appliance.workflows.self_training import find_teachers, load_teacher, share_out
from appliance.workflows.site import Site

_KIND = "corpus"


def make_trials(site: Site) -> list[Trial]:
    """A trial for each adapter whose card can be read; others fail as products."""
    trials, paths = [], site.paths
    for directory in sorted(paths.adapters.glob("[!.]*")):
        try:
            card, _ = read_adapter(directory)
        except ApplianceError:
            continue
        score = partial(_scorer(card), site, directory, card)
        trials.append(Trial(card.name, card.site_only, score, card.epsilon))
    return trials


def _scorer(card: AdapterCard) -> Callable[[Site, Path, AdapterCard], tuple[Groups, Groups]]:
    if "reviewed" in card.switches:
        return _score_reviewed
    return _score_notes if "own_notes" in card.switches else _score_texts


def _score_reviewed(site: Site, adapter: Path, card: AdapterCard) -> tuple[Groups, Groups]:
    """Scores of passages that taught the adapter, and of those that may teach none; by patient.

    Raises:
        ApplianceError: The review is gone, or went on since.
    """
    review = card.switches["reviewed"]
    sides = [choose_passages(site.paths, review, teaching=one) for one in (True, False)]
    if digest_passages(sides[0]) != card.switches["reviewed_decisions"]:
        raise ApplianceError(f"Review {review} went on since adapter {card.name} learned from it.")
    judge = _load_judge(site, adapter, card)
    with opened_vault(site) as vault:
        read = [read_passages(vault, passages, REASON) for passages in sides]
    members, others = ([[one] for one in judge.score(texts)] for texts in read)
    return members, others


def _score_notes(site: Site, adapter: Path, card: AdapterCard) -> tuple[Groups, Groups]:
    """Scores of notes that taught the adapter, and of patients' whose notes teach none; by patient.

    Raises:
        ApplianceError: The vault is not the one it learned from, or a teacher is gone.
    """
    settings, limit = site.settings.learning, int(card.switches["own_notes"])
    with opened_vault(site) as vault:
        if vault.digest() != card.switches["own_source"]:
            raise ApplianceError(
                f"The vault has changed since adapter {card.name} learned from it."
            )
        shares = share_out(vault)
        sides = [
            vault.read_identified(ids[:limit], REASON)
            for ids in (shares.teaching, shares.kept_back)
        ]
    digests = [Digest(one) for one in card.switches["teachers"].split()]
    teachers = [
        load_teacher(path, base, settings.device, settings.dtype)
        for path, base in find_teachers(site.paths, digests)
    ]
    judge, types = _load_judge(site, adapter, card), entity_types(card.labels)
    members, others = (_by_patient(judge, teachers, types, notes) for notes in sides)
    return members, others


def _by_patient(
    judge: Familiarity,
    teachers: Sequence[AdapterLabeller],
    types: tuple[str, ...],
    notes: Sequence[Note],
) -> Groups:
    """As the teachers label them: by those labels the adapter would know its own again."""
    groups: dict[str, list[float]] = {}
    for note in notes:
        labelled = teach([note.text], teachers, types, 0.0)
        groups.setdefault(note.patient_id or note.note_id, []).extend(judge.score(labelled))
    return list(groups.values())


def _load_judge(site: Site, adapter: Path, card: AdapterCard) -> Familiarity:
    base = ModelStore(site.paths.models).resolve(card.base)
    return Familiarity.load(adapter, base.path, device=site.settings.learning.device)


def _score_texts(site: Site, adapter: Path, card: AdapterCard) -> tuple[Groups, Groups]:
    """Scores of the corpus's train and dev texts, each a group of its own.

    Raises:
        ApplianceError: The corpus is gone, or the adapter is none of entities.
    """
    corpus = _find_corpus(site.paths, card)
    judge = _load_judge(site, adapter, card)
    types = entity_types(card.labels)
    splits = [read_split(corpus / f"{split}.parquet", types) for split in ("train", "dev")]
    members, others = ([[one] for one in judge.score(texts)] for texts in splits)
    return members, others


def _find_corpus(paths: SitePaths, card: AdapterCard) -> Path:
    for directory in list_finished(paths.corpora):
        if read_manifest(directory, _KIND, check=False).digest == card.corpus_digest:
            return directory
    raise ApplianceError(f"The corpus that adapter {card.name} was trained on is not here.")
