"""Learning from what people decided: passages of a review, with the marks that they left there.

Of the unsure part only: by the random part adapters are measured, and its patients are others.
Passages of notes that were changed since they were read drop out. The others are opened in the
training worker, as the notes of `self_training` are.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from appliance.clinical.reviewing.folder import is_review, read_decisions, read_queue
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.own import Checked, Own
from appliance.learning.tuning.worker import TrainingWorker
from appliance.records.access import Verb
from appliance.records.cards import AdapterCard
from appliance.records.identifiers import Digest
from appliance.records.reviews import Decision, Part, QueueItem
from appliance.records.spans import Span
from appliance.settings.names import check_name
from appliance.settings.site import SitePaths
from appliance.workflows.access import allow
from appliance.workflows.extract import open_worker_vault
from appliance.workflows.ingest import opened_vault
from appliance.workflows.self_training import Teaching, may_teach
from appliance.workflows.site import Site

_REASON: Final = "training-on-a-review"

Passages = list[tuple[QueueItem, Decision]]


def prepare_checked(
    site: Site,
    types: tuple[str, ...],
    teaching: Teaching,
    epsilon: float,
    *,
    teaches_pairs: bool = False,
    dry_run: bool = False,
) -> Checked:
    """The lesson of a review.

    Args:
        site: The site.
        types: Entity types of the task.
        teaching: What is asked for.
        epsilon: Of differential privacy; 0 without.
        teaches_pairs: Whether the task is of relations.
        dry_run: Whether nothing will be read.

    Raises:
        BadInput: No such review, of other entity types, nothing in it that may teach, a task of
            relations, or `--dp` or a teacher beside it.
        Forbidden: Whoever runs this may not.
    """
    check_name(teaching.reviewed, "a review", "--reviewed")
    if teaches_pairs:
        raise BadInput(
            "A review teaches entities, and this task is of relations.", "Leave out --reviewed."
        )
    if epsilon or teaching.teachers:
        raise BadInput(
            "A review teaches alone: teachers would label notes that it is measured by, and "
            "differential privacy counts rows of a corpus only.",
            "Leave out --teacher and --dp, or --reviewed.",
        )
    allow(site, Verb.LEARN, f"review {teaching.reviewed}", with_second=not dry_run)
    labels = read_queue(site.paths.reviews / teaching.reviewed).labels
    if not set(labels) <= set(types):
        raise BadInput(
            f"Review {teaching.reviewed} is of other entity types than the task.",
            "Name the task of the adapter that was reviewed.",
        )
    with opened_vault(site) as vault:
        passages = as_read(vault, choose_passages(site.paths, teaching.reviewed, teaching=True))
    if not passages:
        raise BadInput(
            f"In review {teaching.reviewed} no passage is decided that may teach.",
            "Read on; a fifth of the patients never teaches, nor does what was drawn by lot or was "
            "changed since.",
        )
    return Checked(teaching.reviewed, digest_passages(passages), len(passages))


def begin_checked(site: Site, checked: Checked) -> dict[str, object]:
    """What `fit_on_review` needs to know; the read is in the ledger."""
    site.ledger.record("vault.read", {"count": checked.notes, "reason": _REASON})
    return {"checked": asdict(checked), "site": str(site.paths.root)}


def fit_on_review(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """Like `fit`, with passages of notes that people marked, in this worker's memory."""
    given: Mapping[str, Any] = config
    checked, root = Checked(**given["checked"]), Path(given["site"])
    vault = open_worker_vault(root)
    try:
        chosen = choose_passages(SitePaths(root), checked.review, teaching=True)
        passages = as_read(vault, chosen)
        if digest_passages(passages) != checked.decisions:
            raise BadInput(
                "Decisions were handed in or erased, or notes changed, since this training began.",
                "Run the same command again.",
            )
        texts = read_passages(vault, passages, _REASON)
    finally:
        vault.close()
    return fit(config, worker, Own(checked, texts))


def choose_passages(paths: SitePaths, review: str, *, teaching: bool) -> Passages:
    """Decided passages of the unsure part, of patients who may teach; or of those who may not."""
    directory = paths.reviews / review
    queue, decisions = read_queue(directory), read_decisions(directory)
    return [
        (item, decisions[item.item_id])
        for item in queue.items
        if item.part is Part.UNSURE
        and item.item_id in decisions
        and may_teach(item.owner) is teaching
    ]


def as_read(vault: Vault, passages: Passages) -> Passages:
    """Those of notes that are as they were when they were read."""
    there = vault.unchanged(dict(item.stamped for item, _ in passages))
    return [one for one in passages if one[0].note_id in there]


def check_not_taught(site: Site, card: AdapterCard, review: Path) -> None:
    """None of the patients whose notes a review measures by has taught the adapter in another.

    Args:
        site: The site.
        card: The adapter's.
        review: `SITE/reviews/NAME`, by which it is to be measured.

    Raises:
        BadInput: Some have, or that can't be told since the other review is gone.
    """
    name = card.switches.get("reviewed")
    if name is None:
        return
    if not is_review(site.paths.reviews / name):
        raise BadInput(
            f"Adapter {card.name} learned from review {name}, which is not here: whether it is to "
            "be measured by patients who taught it can't be told.",
            "Restore that review from a backup, or measure by other gold.",
        )
    taught = {item.owner for item, _ in choose_passages(site.paths, name, teaching=True)}
    measuring = {item.owner for item in read_queue(review).items if item.part is Part.RANDOM}
    if both := len(taught & measuring):
        raise BadInput(
            f"Adapter {card.name} learned from review {name}, in which {both} of the patients "
            f"taught by whom review {review.name} measures.",
            f"Measure it by review {name}; make the next one with --without {name}.",
        )


def digest_passages(passages: Passages) -> Digest:
    """SHA-256 over which passages these are, and what is marked in them."""
    rows = [
        [item.note_id, item.stamp, item.start, item.end, [asdict(span) for span in one.spans]]
        for item, one in passages
    ]
    return Digest(hashlib.sha256(json.dumps(rows).encode()).hexdigest())


def read_passages(vault: Vault, passages: Passages, reason: str) -> list[LabelledText]:
    """The passages with their marks.

    Raises:
        BadInput: A note was changed since it was read; its offsets mean nothing any more.
    """
    there = vault.unchanged(dict(item.stamped for item, _ in passages))
    if len(there) < len(passages):
        raise BadInput(
            f"{len(passages) - len(there)} notes were changed since they were reviewed.",
            "Make a new review, of findings of the notes as they are now.",
        )
    notes = vault.read_identified([item.note_id for item, _ in passages], reason)
    return [
        LabelledText(
            note.text[item.start : item.end],
            tuple(
                Span(span.start - item.start, span.end - item.start, span.label)
                for span in decision.spans
            ),
        )
        for note, (item, decision) in zip(notes, passages, strict=True)
    ]
