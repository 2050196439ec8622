"""The gold of a review: whole notes with what people marked, read out of the vault to score by."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from appliance.clinical.reviewing.choosing import weigh
from appliance.clinical.reviewing.folder import is_review, read_decisions, read_queue
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.learning.evaluation.sampled import estimate, gain
from appliance.learning.evaluation.score import count_matches
from appliance.records.access import Verb
from appliance.records.breakdown import Figure
from appliance.records.gold import GoldDocument
from appliance.records.reviews import Decision, Part, Queue, QueueItem, ReviewedScore
from appliance.records.spans import Span
from appliance.workflows.access import allow
from appliance.workflows.ingest import opened_vault
from appliance.workflows.reviewed import find_outdated, hours_of
from appliance.workflows.site import Site

_REASON: Final = "evaluation"


@dataclass(frozen=True, slots=True)
class ReviewedGold:
    """The random part of a review, as far as it was read: gold for all that was drawn from.

    Attributes:
        review: Its name.
        documents: Whole notes with what people marked.
        weights: For how many notes each stands.
        owners: Whose each is.
        hours: Spent on all of the review.
        outdated: Notes that were read and are none of these, since they were changed later.
        apart: Notes that were not drawn from, since their patients are in other reviews.
    """

    review: str
    documents: tuple[GoldDocument, ...] = field(repr=False)
    weights: tuple[float, ...]
    owners: tuple[str, ...]
    hours: float
    outdated: int = 0
    apart: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """What of a review measures."""

    queue: Queue
    decisions: dict[str, Decision]
    items: list[QueueItem]
    weights: list[float]
    outdated: int


def find_reviewed(site: Site, path: Path, *, with_text: bool = False) -> ReviewedGold | None:
    """The gold of a review of this site; None where the path is another one.

    Notes that were changed since they were read drop out: the marks mean nothing in what they are
    now. The others of their stratum then stand for more notes each. Texts come out of the vault
    into memory, which is on record; on the disk are offsets.

    Args:
        site: The site.
        path: `SITE/reviews/NAME`.
        with_text: Whether words of the notes will be shown.

    Raises:
        BadInput: Not enough of the review is read yet, or is as it was.
        Forbidden: Whoever runs this may not review, or not see text.
    """
    if not is_reviewed(site, path):
        return None
    allow(site, Verb.REVIEW_FINDINGS)
    with opened_vault(site) as vault:
        read = _read(vault, path.resolve())
        if with_text:
            allow(site, Verb.SHOW_TEXT, path.resolve().name, notes=len(read.items))
        notes = vault.read_identified([item.note_id for item in read.items], _REASON)
    return ReviewedGold(
        read.queue.review,
        tuple(
            GoldDocument(item.item_id, note.text, read.decisions[item.item_id].spans)
            for item, note in zip(read.items, notes, strict=True)
        ),
        tuple(read.weights),
        tuple(item.owner for item in read.items),
        hours_of(read.decisions.values()),
        read.outdated,
        read.queue.apart,
    )


def is_reviewed(site: Site, path: Path) -> bool:
    """Whether the path is that of a review of this site."""
    directory = path.resolve()
    return directory.parent == site.paths.reviews.resolve() and is_review(directory)


def count_reviewed(site: Site, path: Path) -> int:
    """How many documents `find_reviewed` would give of a review; no note is read.

    Raises:
        BadInput, Forbidden: As `find_reviewed`.
    """
    allow(site, Verb.REVIEW_FINDINGS)
    with opened_vault(site) as vault:
        return len(_read(vault, path.resolve()).items)


def score_reviewed(
    gold: ReviewedGold,
    found: Sequence[Sequence[Span]],
    others: Sequence[Sequence[Span]] | None = None,
) -> ReviewedScore:
    """An adapter on the gold, over all notes that it was drawn from; and what it gained an hour.

    Args:
        gold: The gold.
        found: What the adapter found in each document.
        others: What another adapter found, from before the review.
    """
    weights = np.array(gold.weights)
    counts = count_matches(gold.documents, found)
    estimated = estimate(counts, weights, gold.owners)
    score = ReviewedScore(gold.review, gold.hours, estimated, gold.outdated, gold.apart)
    if others is None:
        return score
    gained = gain(counts, count_matches(gold.documents, others), weights, gold.owners)
    per_hour = None
    if gold.hours:
        per_hour = Figure(
            *(value / gold.hours for value in (gained.value, gained.ci_low, gained.ci_high))
        )
    return replace(score, gained=gained, gained_per_hour=per_hour)


def _read(vault: Vault, directory: Path) -> _Read:
    """What measures: decided, drawn by lot, and of notes that are as they were.

    Raises:
        BadInput: Nothing does of some kind of notes.
    """
    queue, decisions = read_queue(directory), read_decisions(directory)
    outdated = {item.item_id for item in find_outdated(vault, queue)}
    weighed = weigh(queue, decisions.keys() - outdated)
    if weighed is None:
        raise _too_little(queue, decisions, outdated)
    items, weights = weighed
    drawn = {item.item_id for item in queue.items if item.part is Part.RANDOM}
    return _Read(queue, decisions, items, weights, len(drawn & decisions.keys() & outdated))


def _too_little(queue: Queue, decisions: dict[str, Decision], outdated: set[str]) -> BadInput:
    drawn = [item for item in queue.items if item.part is Part.RANDOM]
    wanted = {stratum for stratum, size in queue.strata.items() if size}
    if {item.stratum for item in drawn} != wanted:
        return BadInput(
            f"The random part of review {queue.review} has no note left of some kind of notes.",
            "Make another review, with a larger --random.",
        )
    if {item.stratum for item in drawn if item.item_id not in outdated} != wanted:
        return BadInput(
            f"Of some kind of notes every one in the random part of review {queue.review} was "
            "changed since.",
            "Extract again under another name, and make a review of that.",
        )
    return BadInput(
        f"Not enough of the random part of review {queue.review} is read yet: "
        f"{sum(item.item_id in decisions for item in drawn)} of {len(drawn)}.",
        "Read on, and hand in what the page saves with `appliance findings decide`.",
    )
