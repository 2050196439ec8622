"""What people decided on findings: taken back, counted, and forgotten with a patient."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from appliance.clinical.reviewing.choosing import weigh
from appliance.clinical.reviewing.folder import (
    alone,
    discard_unfinished,
    forget_notes,
    in_turn,
    list_reviews,
    read_decisions,
    read_queue,
    write_decisions,
)
from appliance.clinical.reviewing.sealing import open_decisions
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.learning.evaluation.matching import pair_spans
from appliance.learning.evaluation.sampled import estimate
from appliance.learning.evaluation.score import count_matches
from appliance.records.access import Verb
from appliance.records.breakdown import Fault
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import NoteId
from appliance.records.reviews import Decision, Part, Queue, QueueItem, SampledScore
from appliance.settings.names import check_name
from appliance.settings.roles import current_identity
from appliance.workflows.access import allow
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site, open_site

_LONGEST_FILE: Final = 64 << 20
_HOUR_S: Final = 3600
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
        estimate: Of the adapter, over all notes that were drawn from, as they were then; None while
            a stratum is unread.
        unsure_right: Share of what was found in the unsure part that is right; of no more than it.
        outdated: What dropped out: notes that were changed since neither measure other adapters
            nor teach any more. Each by item and note.
        apart: Notes that were not drawn from, since their patients are in other reviews.
        without: These reviews.
        new: Decisions that this file added.
        changed: Decisions that say other than what it put them in the place of.
        older: Decisions of the file that did not count: a later one was handed in before.
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
    outdated: tuple[tuple[str, NoteId], ...] = ()
    apart: int = 0
    without: tuple[str, ...] = ()
    new: int = 0
    changed: int = 0
    older: int = 0
    gone: int = 0
    is_dry_run: bool = False


def take_decisions(root: Path, review: str, file: Path, *, dry_run: bool = False) -> ReviewReport:
    """What the page saved counts, whole or not at all; what is not done on it stays open.

    Of one stretch the decision counts that was made last, whichever file comes last.

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
    now = site.clock.now().isoformat(timespec="seconds")
    with opened_vault(site) as vault, ExitStack() as stack:
        key = vault.secret(f"review {queue.digest}")
        if not dry_run:
            stack.enter_context(in_turn(site.paths.run))
            stack.enter_context(alone(directory))
        # Again: an erasure may have passed here, and nothing of it may come back.
        queue = read_queue(directory)
        decisions, gone = open_decisions(content, queue, key, who.user or str(who.uid), now)
        before = read_decisions(directory)
        fresh = _fresh(before, decisions)
        if fresh and not dry_run:
            write_decisions(directory, fresh.values())
        report = _report(queue, {**before, **fresh}, find_outdated(vault, queue))
    others = [item_id for item_id in fresh if item_id in before]
    report = replace(
        report,
        new=len(fresh) - len(others),
        changed=sum(before[item_id].spans != fresh[item_id].spans for item_id in others),
        older=sum(_is_older(one, before.get(item_id)) for item_id, one in decisions.items()),
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
    site, directory, queue = _opened(root, review)
    with opened_vault(site) as vault:
        return _report(queue, read_decisions(directory), find_outdated(vault, queue))


def forget_reviewed(site: Site, note_ids: AbstractSet[NoteId]) -> None:
    """No review holds anything of these notes any more, nor does one that is just being made."""
    with in_turn(site.paths.run):
        discard_unfinished(site.paths.reviews)
        for directory in list_reviews(site.paths.reviews):
            forget_notes(directory, note_ids)


def find_outdated(vault: Vault, queue: Queue) -> list[QueueItem]:
    """What of a review is of notes that are not what they were when it was made."""
    there = vault.unchanged(dict(item.stamped for item in queue.items))
    return [item for item in queue.items if item.note_id not in there]


def hours_of(decisions: Iterable[Decision]) -> float:
    """Spent on them."""
    return sum(one.seconds for one in decisions) / _HOUR_S


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
    """Those that were not handed in before, as they are, nor later ones in their place."""

    def said(one: Decision) -> tuple[object, ...]:
        return one.spans, one.seconds, one.instant

    return {
        item_id: one
        for item_id, one in decisions.items()
        if item_id not in before
        or (said(before[item_id]) != said(one) and not _is_older(one, before[item_id]))
    }


def _is_older(one: Decision, before: Decision | None) -> bool:
    """Whether a later decision was handed in before, by the pages' clocks; or a later saving of it.

    The same decision is saved again with more seconds where somebody looked at it once more.
    """
    return before is not None and (one.instant, one.seconds) < (before.instant, before.seconds)


def _report(
    queue: Queue, decisions: Mapping[str, Decision], outdated: Sequence[QueueItem]
) -> ReviewReport:
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
        hours=hours_of(decisions.values()),
        by=tuple(sorted({one.by for one in decisions.values()})),
        estimate=_estimate(queue, decisions),
        unsure_right=right / shown if shown else None,
        outdated=tuple((item.item_id, item.note_id) for item in outdated),
        apart=queue.apart,
        without=queue.without,
    )


def _estimate(queue: Queue, decisions: Mapping[str, Decision]) -> SampledScore | None:
    weighed = weigh(queue, decisions.keys())
    if weighed is None:
        return None
    items, weights = weighed
    gold = [GoldDocument(item.item_id, "", decisions[item.item_id].spans) for item in items]
    counts = count_matches(gold, [item.found for item in items])
    return estimate(counts, np.array(weights), [item.owner for item in items])
