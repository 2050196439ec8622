"""Adapters under attack: texts that they were trained on, and texts that they were not."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from operator import sub
from pathlib import Path
from statistics import fmean
from typing import Final

from appliance.artifacts.manifest import list_finished, read_manifest
from appliance.audits.membership import Groups, Trial
from appliance.audits.memorisation import Ranks, Recall
from appliance.clinical.vault.store import Vault
from appliance.errors import ApplianceError, Exhausted
from appliance.learning.adapters import may_remember_notes, read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import entity_types
from appliance.learning.tokens.encoding import split_words
from appliance.learning.tuning.coins import SWITCH, toss
from appliance.learning.tuning.data import LabelledText, read_split
from appliance.learning.tuning.familiarity import Familiarity
from appliance.learning.tuning.gaps import OTHERS, make_gap, rank, words_labelled
from appliance.learning.tuning.own import STAMPS, teach
from appliance.records.cards import AdapterCard
from appliance.records.identifiers import Digest, NoteId
from appliance.records.notes import Note
from appliance.settings.keys import Purpose
from appliance.settings.site import SitePaths
from appliance.workflows.audit_evidence import REASON
from appliance.workflows.ingest import opened_vault
from appliance.workflows.reviewed_training import (
    as_read,
    choose_passages,
    digest_passages,
    read_passages,
)
from appliance.workflows.self_training import (
    find_teachers,
    load_teacher,
    may_teach,
    share_out,
)
from appliance.workflows.site import Site

_KIND = "corpus"
_NOTES: Final = 500
"""Most notes of either side, drawn by lot: labelling them anew is what takes time."""
_GAPS: Final = 200
"""Most gaps of either side, one of a patient."""
Side = Sequence[Sequence[LabelledText]]
Ids = Sequence[NoteId]
Teachers = list[tuple[Path, Path]]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One adapter with labelled texts, in groups by whose they are.

    Attributes:
        judge: Says how familiar it is with a text.
        references: Say how familiar adapters are with it that never saw it: how hard it is.
        members: What it was trained on.
        others: What it was not.
    """

    judge: Familiarity
    members: Side = field(repr=False)
    others: Side = field(repr=False)
    references: Sequence[Familiarity] = ()

    def score(self) -> tuple[Groups, Groups]:
        """Of each text, by group; beside a reference the logarithm of the likelihood ratio.

        Source: Watson et al. 2021, arXiv:2111.08440, on setting scores against a text's difficulty.
        """
        members, others = (self._score(side) for side in (self.members, self.others))
        return members, others

    def fill(self, seed: int) -> tuple[Ranks, Ranks]:
        """The place of the right word in one gap of each group that has a label."""
        chance = random.Random(seed)
        members, others = (self._fill(side, chance) for side in (self.members, self.others))
        return members, others

    def _score(self, side: Side) -> Groups:
        texts = [text for group in side for text in group]
        own, *others = ([*one.score(texts)] for one in (self.judge, *self.references))
        hard = [fmean(many) for many in zip(*others, strict=True)] if others else [0.0] * len(own)
        scores = map(sub, own, hard)
        return [[next(scores) for _ in group] for group in side]

    def _fill(self, side: Side, chance: random.Random) -> Ranks:
        # Each side's own words: that it saw a word labelled somewhere must not tell for a text.
        pool = words_labelled([text for group in side for text in group])
        gaps = [
            gap
            for group in chance.sample(side, len(side))
            if (gap := next((one for text in group if (one := make_gap(text, pool, chance))), None))
        ][:_GAPS]
        scores = iter(self.judge.score([text for gap in gaps for text in gap.filled]))
        return [rank([next(scores) for _ in gap.filled]) for gap in gaps]


def make_trials(site: Site, seed: int = 0) -> tuple[list[Trial], list[Recall]]:
    """Both attacks on each adapter whose card can be read; others fail as products."""
    trials: list[Trial] = []
    recalls: list[Recall] = []
    for directory in sorted(site.paths.adapters.glob("[!.]*")):
        try:
            card, _ = read_adapter(directory)
        except ApplianceError:
            continue
        exhibit = cache(partial(_load(card), site, directory, card))
        trials.append(
            Trial(
                card.name,
                card.site_only,
                partial(_score, exhibit),
                card.epsilon,
                card.delta or 0.0,
                is_coined=SWITCH in card.switches,
                has_reference=_has_reference(site, card),
            )
        )
        recalls.append(Recall(card.name, card.site_only, OTHERS + 1, partial(_fill, exhibit, seed)))
    return trials, recalls


def _score(exhibit: Callable[[], Exhibit]) -> tuple[Groups, Groups]:
    return exhibit().score()


def _fill(exhibit: Callable[[], Exhibit], seed: int) -> tuple[Ranks, Ranks]:
    return exhibit().fill(seed)


def _load(card: AdapterCard) -> Callable[[Site, Path, AdapterCard], Exhibit]:
    if "reviewed" in card.switches:
        return _load_reviewed
    if "own_notes" in card.switches:
        return _load_notes
    return _load_coined if SWITCH in card.switches else _load_texts


def _load_notes(site: Site, adapter: Path, card: AdapterCard) -> Exhibit:
    """Notes that taught the adapter, and of patients' whose notes teach none; by patient.

    Those that are in the vault as they were when it learned: notes that came later are of another
    time, and would look unfamiliar for that alone.

    Raises:
        ApplianceError: Which these were is not known any more, or a teacher is gone.
    """
    settings = site.settings.learning
    with opened_vault(site) as vault:
        sides = [
            vault.read_identified(ids[:_NOTES], REASON) for ids in _choose(vault, adapter, card)
        ]
    found = _find_teachers(site, card)
    teachers = [load_teacher(path, base, settings.device, settings.dtype) for path, base in found]
    types = entity_types(card.labels)
    members, others = (_by_patient(teachers, types, notes) for notes in sides)
    references = [
        Familiarity.load(path, base, device=settings.device) for path, base in _unread(found)
    ]
    return Exhibit(_load_judge(site, adapter, card), members, others, references)


def _find_teachers(site: Site, card: AdapterCard) -> Teachers:
    digests = [Digest(one) for one in card.switches["teachers"].split()]
    return find_teachers(site.paths, digests)


def _unread(teachers: Teachers) -> Teachers:
    """Those that learned from no note: a teacher that did may know the same ones by heart."""
    return [(path, base) for path, base in teachers if not may_remember_notes(path)]


def _has_reference(site: Site, card: AdapterCard) -> bool:
    try:
        return "own_notes" in card.switches and bool(_unread(_find_teachers(site, card)))
    except ApplianceError:
        # Without its teachers it can't be attacked at all.
        return False


def _choose(vault: Vault, adapter: Path, card: AdapterCard) -> tuple[Ids, Ids]:
    """Notes that taught the adapter, and notes that did not."""
    if (adapter / STAMPS).is_file():
        owners = vault.owners_as_stamped((adapter / STAMPS).read_bytes())
        sides: tuple[list[NoteId], list[NoteId]] = ([], [])
        for note, patient in sorted(owners.items()):
            sides[not may_teach(patient or note)].append(note)
        return sides
    # An adapter of before stamps were kept.
    if vault.digest() != card.switches["own_source"]:
        raise ApplianceError(f"The vault has changed since adapter {card.name} learned from it.")
    shares = share_out(vault)
    return shares.teaching[: int(card.switches["own_notes"])], shares.kept_back


def _load_reviewed(site: Site, adapter: Path, card: AdapterCard) -> Exhibit:
    """Passages that taught the adapter, and those that may teach none; each of another patient.

    Passages of notes that were changed since are on neither side.

    Raises:
        Exhausted: The review went on since: what taught the adapter is not known any more.
        ApplianceError: The review is gone.
    """
    review, learned = card.switches["reviewed"], card.switches["reviewed_decisions"]
    sides = [choose_passages(site.paths, review, teaching=one) for one in (True, False)]
    with opened_vault(site) as vault:
        left = [as_read(vault, passages) for passages in sides]
        # Notes may have changed before it learned from the others, or since.
        if learned not in {digest_passages(sides[0]), digest_passages(left[0])}:
            raise Exhausted(
                f"Review {review} went on since adapter {card.name} learned from it.",
                "Train another from the review as it is now, and retire this one.",
            )
        read = [read_passages(vault, passages, REASON) for passages in left]
    members, others = ([[text] for text in texts] for texts in read)
    return Exhibit(_load_judge(site, adapter, card), members, others)


def _by_patient(
    teachers: Sequence[AdapterLabeller], types: tuple[str, ...], notes: Sequence[Note]
) -> Side:
    """As the teachers label them: by those labels the adapter would know its own again."""
    notes = [note for note in notes if len(split_words(note.text))]
    # Nothing is left out where nothing needs to be sure: a text for each note, in order.
    labelled = teach([note.text for note in notes], teachers, types, 0.0)
    groups: dict[str, list[LabelledText]] = {}
    for note, text in zip(notes, labelled, strict=True):
        groups.setdefault(note.patient_id or note.note_id, []).append(text)
    return list(groups.values())


def _load_judge(site: Site, adapter: Path, card: AdapterCard) -> Familiarity:
    base = ModelStore(site.paths.models).resolve(card.base)
    return Familiarity.load(adapter, base.path, device=site.settings.learning.device)


def _load_texts(site: Site, adapter: Path, card: AdapterCard) -> Exhibit:
    """The corpus's train and dev texts, each a group of its own.

    Raises:
        ApplianceError: The corpus is gone, or the adapter is none of entities.
    """
    corpus, types = _find_corpus(site.paths, card), entity_types(card.labels)
    judge = _load_judge(site, adapter, card)
    members, others = (
        [[text] for text in read_split(corpus / f"{split}.parquet", types)]
        for split in ("train", "dev")
    )
    return Exhibit(judge, members, others)


def _load_coined(site: Site, adapter: Path, card: AdapterCard) -> Exhibit:
    """The corpus's train texts for which a coin was tossed, each a group of its own.

    Raises:
        ApplianceError: The corpus is gone, or the coins can't be tossed again.
    """
    corpus, types = _find_corpus(site.paths, card), entity_types(card.labels)
    rows = read_split(corpus / "train.parquet", types)
    coins = toss(site.keys.key(Purpose.PSEUDONYM), card.name, card.corpus_digest, len(rows))
    if coins.switches().get(SWITCH) != card.switches[SWITCH]:
        raise ApplianceError(
            f"The coins of adapter {card.name} can't be tossed again: another name or key."
        )
    judge = _load_judge(site, adapter, card)
    members, others = ([[rows[at]] for at in side] for side in (coins.seen, coins.left_out))
    return Exhibit(judge, members, others)


def _find_corpus(paths: SitePaths, card: AdapterCard) -> Path:
    for directory in list_finished(paths.corpora):
        if read_manifest(directory, _KIND, check=False).digest == card.corpus_digest:
            return directory
    raise ApplianceError(f"The corpus that adapter {card.name} was trained on is not here.")
