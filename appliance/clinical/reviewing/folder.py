"""A review on disk: SITE/reviews/NAME/ with queue.json, page.html, decided-00001.json.

The queue is written last: without it there is no review. Every file is written whole. Decisions
that were handed in later count before earlier ones of the same item.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.locks import held_alone, held_in_turn
from appliance.artifacts.writing import disk_errors, write_atomically
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.identifiers import Digest, NoteId
from appliance.records.reviews import Decision, Part, Queue, QueueItem
from appliance.records.spans import Span

QUEUE: Final = "queue.json"
PAGE: Final = "page.html"
_DECIDED: Final = "decided-{:05d}.json"
_LOCK: Final = ".lock"
_TURN: Final = "reviews.lock"


def digest_items(items: Iterable[QueueItem], plan_digest: str, seed: int) -> Digest:
    """SHA-256 over what is to be read."""
    content = json.dumps([plan_digest, seed, [asdict(item) for item in items]], sort_keys=True)
    return Digest(hashlib.sha256(content.encode()).hexdigest())


def is_review(directory: Path) -> bool:
    """Whether a queue was written there."""
    return (directory / QUEUE).is_file()


def list_reviews(parent: Path) -> list[Path]:
    """All reviews of a site, by name; none where the folder is not there."""
    return sorted(path for path in parent.glob("[!.]*") if is_review(path))


def alone(directory: Path) -> AbstractContextManager[int]:
    """No other process changes the review within the block.

    Raises:
        BadInput: Another does.
    """
    with disk_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    what = f"Another process is at the review {directory.name}."
    return held_alone(directory / _LOCK, what, "Try again when it is done.")


def in_turn(run: Path) -> AbstractContextManager[None]:
    """Nobody else writes into any review of the site within the block; whoever does is waited for.

    An erasure takes its turn too. So what is written here is written before it, and it finds it; or
    after it, and then the patient is no longer in the vault, which is asked within the block.

    Args:
        run: `SITE/run`.
    """
    return held_in_turn(run / _TURN)


def write_queue(directory: Path, queue: Queue) -> None:
    """The review is there."""
    write_atomically(directory / QUEUE, json.dumps(asdict(queue)).encode())


def read_queue(directory: Path) -> Queue:
    """What is to be read.

    Raises:
        BadInput: There is no such review.
        ManifestMismatch: It is not what was written.
    """
    if not is_review(directory):
        raise BadInput(
            f"There is no review {directory.name}.", "Make one with `appliance findings review`."
        )
    try:
        row = json.loads((directory / QUEUE).read_bytes())
        items = tuple(_item(one) for one in row["items"])
        lists = {"labels": tuple(row["labels"]), "without": tuple(row.get("without", ()))}
        return Queue(**{**row, **lists, "items": items})
    except (OSError, ValueError, KeyError, TypeError):
        raise _damaged(directory, QUEUE) from None


def write_decisions(directory: Path, decisions: Iterable[Decision]) -> None:
    """They count from now on."""
    number = len(_decided(directory)) + 1
    rows = [asdict(decision) for decision in decisions]
    write_atomically(directory / _DECIDED.format(number), json.dumps(rows).encode())


def read_decisions(directory: Path) -> dict[str, Decision]:
    """The newest decision of every item that has one.

    Raises:
        ManifestMismatch: One of the files is not what was written.
    """
    newest: dict[str, Decision] = {}
    for path in _decided(directory):
        for decision in _read_decided(path):
            newest[decision.item_id] = decision
    return newest


def forget_notes(directory: Path, note_ids: AbstractSet[NoteId]) -> int:
    """Nothing of these notes is in the review, and a page that showed some is gone; their items.

    The queue keeps its digest: decisions on what is left can still be handed in.
    """
    queue = read_queue(directory)
    gone = {item.item_id for item in queue.items if item.note_id in note_ids}
    if not gone:
        return 0
    with alone(directory):
        # In this order: killed in between, the queue still says what there is to forget.
        (directory / PAGE).unlink(missing_ok=True)
        for path in _decided(directory):
            rows = [asdict(one) for one in _read_decided(path) if one.item_id not in gone]
            write_atomically(path, json.dumps(rows).encode())
        left = tuple(item for item in queue.items if item.item_id not in gone)
        write_queue(directory, replace(queue, items=left))
    return len(gone)


def discard_unfinished(parent: Path) -> None:
    """Reviews whose queue was never written are gone, with their pages."""
    for directory in parent.glob("*"):
        if directory.is_dir() and not is_review(directory):
            shutil.rmtree(directory)


def _decided(directory: Path) -> list[Path]:
    return sorted(directory.glob("decided-*.json"))


def _read_decided(path: Path) -> list[Decision]:
    try:
        return [
            Decision(**{**row, "spans": _spans(row["spans"])})
            for row in json.loads(path.read_bytes())
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise _damaged(path.parent, path.name) from None


def _item(row: Mapping[str, Any]) -> QueueItem:
    return QueueItem(**{**row, "part": Part(row["part"]), "found": _spans(row["found"])})


def _spans(rows: Iterable[Mapping[str, Any]]) -> tuple[Span, ...]:
    return tuple(Span(**row) for row in rows)


def _damaged(directory: Path, name: str) -> ManifestMismatch:
    return ManifestMismatch(
        f"{directory.name}: {name} is not what was written.", "Restore it from a backup."
    )
