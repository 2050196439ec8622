"""What people decided on findings: taken back, counted, and gold for whoever is scored next."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from appliance.clinical.reviewing.folder import (
    alone,
    discard_unfinished,
    forget_notes,
    is_review,
    list_reviews,
    read_decisions,
    read_queue,
    write_decisions,
)
from appliance.clinical.reviewing.sealing import open_decisions
from appliance.errors import BadInput
from appliance.learning.evaluation.matching import pair_spans
from appliance.learning.evaluation.sampled import estimate, gain
from appliance.learning.evaluation.score import count_matches
from appliance.records.access import Verb
from appliance.records.breakdown import Fault, Figure
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import NoteId
from appliance.records.reviews import (
    Decision,
    Part,
    Queue,
    QueueItem,
    ReviewedScore,
    SampledScore,
)
from appliance.records.spans import Span
from appliance.settings.names import check_name
from appliance.settings.roles import current_identity
from appliance.workflows.access import allow
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site, open_site

_LONGEST_FILE: Final = 64 << 20
_HOUR_S: Final = 3600
_REASON: Final = "evaluation"
_HELP: Final = "Name the file that the page saved, as it saved it."


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """What a review tells so far.

    Attributes:
        review: Its name.
        items: What there is to read.
        decided: Of these, read.
        random: Whole notes drawn by lot.
        random_decided: Of these, read.
        accepted: Findings that are right as they were found.
        corrected: Findings with another label, or that begin or end elsewhere.
        rejected: Findings where nothing is.
        added: What the adapter missed.
        hours: Spent on all of it.
        by: Who handed decisions in.
        estimate: Of the adapter, over all notes that it read; None while a stratum is unread.
        unsure_right: Share of what was found in the unsure part that is right; of no more than it.
        new: Decisions that this file added.
        changed: Decisions that it put in the place of others.
        gone: Decisions on notes that were erased since.
        is_dry_run: Whether nothing was written.
    """

    review: str
    items: int
    decided: int
    random: int
    random_decided: int
    accepted: int
    corrected: int
    rejected: int
    added: int
    hours: float
    by: tuple[str, ...]
    estimate: SampledScore | None
    unsure_right: float | None
    new: int = 0
    changed: int = 0
    gone: int = 0
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ReviewedGold:
    """The random part of a review, as far as it was read: gold for all that was drawn from.

    Attributes:
        review: Its name.
        documents: Whole notes with what people marked.
        weights: For how many notes each stands.
        owners: Whose each is.
        hours: Spent on all of the review.
    """

    review: str
    documents: tuple[GoldDocument, ...] = field(repr=False)
    weights: tuple[float, ...]
    owners: tuple[str, ...]
    hours: float


def take_decisions(root: Path, review: str, file: Path, *, dry_run: bool = False) -> ReviewReport:
    """What the page saved counts, whole or not at all; what is not done on it stays open.

    Args:
        root: The site.
        review: Its name.
        file: As the page saved it.
        dry_run: Check and count only.

    Raises:
        BadInput: No such review, or the file is not of it, not whole, or holds what can't be.
        Forbidden: Whoever runs this may not review.
    """
    site, directory, queue = _opened(root, review)
    content, who = _read(file), current_identity()
    with opened_vault(site) as vault:
        key = vault.secret(f"review {queue.digest}")
    now = site.clock.now().isoformat(timespec="seconds")
    with nullcontext() if dry_run else alone(directory):
        # Again: an erasure may have passed here, and nothing of it may come back.
        queue = read_queue(directory)
        decisions, gone = open_decisions(content, queue, key, who.user or str(who.uid), now)
        before = read_decisions(directory)
        fresh = _fresh(before, decisions)
        if fresh and not dry_run:
            write_decisions(directory, fresh.values())
    changed = len(fresh.keys() & before.keys())
    report = replace(
        _report(queue, {**before, **fresh}),
        new=len(fresh) - changed,
        changed=changed,
        gone=gone,
        is_dry_run=dry_run,
    )
    if not dry_run:
        site.ledger.record(
            "findings.reviewed",
            {
                "review": review,
                "queue_digest": queue.digest,
                "uid": who.uid,
                "new": report.new,
                "changed": report.changed,
                "decided": report.decided,
                "hours": round(report.hours, 4),
            },
        )
    return report


def report_review(root: Path, review: str) -> ReviewReport:
    """What was decided until now, and what that says of the adapter.

    Raises:
        BadInput: No such review.
        Forbidden: Whoever runs this may not review.
    """
    _, directory, queue = _opened(root, review)
    return _report(queue, read_decisions(directory))


def forget_reviewed(site: Site, note_ids: AbstractSet[NoteId]) -> None:
    """No review holds anything of these notes any more."""
    discard_unfinished(site.paths.reviews)
    for directory in list_reviews(site.paths.reviews):
        forget_notes(directory, note_ids)


def find_reviewed(site: Site, path: Path, *, with_text: bool = False) -> ReviewedGold | None:
    """The gold of a review of this site; None where the path is another one.

    Its texts come out of the vault into memory, which is on record; on the disk are offsets.

    Args:
        site: The site.
        path: `SITE/reviews/NAME`.
        with_text: Whether words of the notes will be shown.

    Raises:
        BadInput: Not enough of the review is read yet.
        Forbidden: Whoever runs this may not review, or not see text.
    """
    read = _read_part(site, path)
    if read is None:
        return None
    queue, decisions, items, weights = read
    if with_text:
        allow(site, Verb.SHOW_TEXT, queue.review)
    with opened_vault(site) as vault:
        there = vault.unchanged(dict(item.stamped for item in items))
        if len(there) < len(items):
            raise BadInput(
                f"{len(items) - len(there)} notes of review {queue.review} were changed since.",
                "Make a new review, of findings of the notes as they are now.",
            )
        notes = vault.read_identified([item.note_id for item in items], _REASON)
    return ReviewedGold(
        queue.review,
        tuple(
            GoldDocument(item.item_id, note.text, decisions[item.item_id].spans)
            for item, note in zip(items, notes, strict=True)
        ),
        tuple(weights),
        tuple(item.owner for item in items),
        _hours(decisions.values()),
    )


def is_reviewed(site: Site, path: Path) -> bool:
    """Whether the path is that of a review of this site."""
    directory = path.resolve()
    return directory.parent == site.paths.reviews.resolve() and is_review(directory)


def count_reviewed(site: Site, path: Path) -> int | None:
    """How many documents `find_reviewed` would give; no note is read.

    Raises:
        BadInput, Forbidden: As `find_reviewed`.
    """
    read = _read_part(site, path)
    return None if read is None else len(read[2])


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
    score = ReviewedScore(gold.review, gold.hours, estimate(counts, weights, gold.owners))
    if others is None:
        return score
    gained = gain(counts, count_matches(gold.documents, others), weights, gold.owners)
    per_hour = None
    if gold.hours:
        per_hour = Figure(
            *(value / gold.hours for value in (gained.value, gained.ci_low, gained.ci_high))
        )
    return replace(score, gained=gained, gained_per_hour=per_hour)


def _read_part(
    site: Site, path: Path
) -> tuple[Queue, dict[str, Decision], list[QueueItem], list[float]] | None:
    if not is_reviewed(site, path):
        return None
    directory = path.resolve()
    allow(site, Verb.REVIEW_FINDINGS)
    queue, decisions = read_queue(directory), read_decisions(directory)
    weighed = _weigh(queue, decisions.keys())
    if weighed is None:
        left = {item.stratum for item in queue.items if item.part is Part.RANDOM}
        if left != {stratum for stratum, size in queue.strata.items() if size}:
            raise BadInput(
                f"The random part of review {queue.review} has no note left of some kind of notes.",
                "Make another review, with a larger --random.",
            )
        raise BadInput(
            f"Not enough of the random part of review {queue.review} is read yet.",
            "Read on, and hand in what the page saves with `appliance findings decide`.",
        )
    return queue, decisions, *weighed


def _opened(root: Path, review: str) -> tuple[Site, Path, Queue]:
    check_name(review, "a review", "the first argument")
    site = open_site(root)
    allow(site, Verb.REVIEW_FINDINGS)
    directory = site.paths.reviews / review
    return site, directory, read_queue(directory)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as content:
            return content.read(_LONGEST_FILE)
    except OSError as error:
        reason = error.strerror or "I/O error"
    raise BadInput(f"{file} can't be read: {reason}.", _HELP)


def _fresh(
    before: Mapping[str, Decision], decisions: Mapping[str, Decision]
) -> dict[str, Decision]:
    """Those that were not handed in before, as they are."""

    def said(one: Decision) -> tuple[object, ...]:
        return one.spans, one.seconds, one.decided_at

    return {
        item_id: one
        for item_id, one in decisions.items()
        if item_id not in before or said(before[item_id]) != said(one)
    }


def _report(queue: Queue, decisions: Mapping[str, Decision]) -> ReviewReport:
    items = [item for item in queue.items if item.item_id in decisions]
    pairings = {
        item.item_id: pair_spans(decisions[item.item_id].spans, item.found) for item in items
    }
    faults = Counter(kind for one in pairings.values() for kind, _, _ in one.faults)
    unsure = [item for item in items if item.part is Part.UNSURE]
    shown = sum(len(item.found) for item in unsure)
    right = sum(len(pairings[item.item_id].exact) for item in unsure)
    return ReviewReport(
        review=queue.review,
        items=len(queue.items),
        decided=len(items),
        random=sum(item.part is Part.RANDOM for item in queue.items),
        random_decided=len(items) - len(unsure),
        accepted=sum(len(one.exact) for one in pairings.values()),
        corrected=faults[Fault.BOUNDARY] + faults[Fault.TYPE] + faults[Fault.BOTH],
        rejected=faults[Fault.SPURIOUS],
        added=faults[Fault.MISSED],
        hours=_hours(decisions.values()),
        by=tuple(sorted({one.by for one in decisions.values()})),
        estimate=_estimate(queue, decisions),
        unsure_right=right / shown if shown else None,
    )


def _estimate(queue: Queue, decisions: Mapping[str, Decision]) -> SampledScore | None:
    weighed = _weigh(queue, decisions.keys())
    if weighed is None:
        return None
    items, weights = weighed
    gold = [GoldDocument(item.item_id, "", decisions[item.item_id].spans) for item in items]
    counts = count_matches(gold, [item.found for item in items])
    return estimate(counts, np.array(weights), [item.owner for item in items])


def _weigh(queue: Queue, decided: AbstractSet[str]) -> tuple[list[QueueItem], list[float]] | None:
    """Random notes that were read, and for how many each stands; None while a stratum is unread.

    They are read in the order of a lot: those that were read first are a sample too.
    """
    drawn = [item for item in queue.items if item.part is Part.RANDOM]
    items = [item for item in drawn if item.item_id in decided]
    read = Counter(item.stratum for item in items)
    if not items or read.keys() != {stratum for stratum, size in queue.strata.items() if size}:
        return None
    return items, [queue.strata[item.stratum] / read[item.stratum] for item in items]


def _hours(decisions: Iterable[Decision]) -> float:
    return sum(one.seconds for one in decisions) / _HOUR_S
