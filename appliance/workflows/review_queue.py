"""Notes for a person to read: chosen, and put on a page that is sealed."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import is_finished
from appliance.artifacts.writing import write_atomically
from appliance.clinical.extraction.parts import FindingsCard
from appliance.clinical.extraction.reading import open_findings, read_quarantined, read_stamps
from appliance.clinical.reviewing.choosing import LeastSure, Sample, choose_unsure, draw, passage
from appliance.clinical.reviewing.folder import (
    PAGE,
    alone,
    digest_items,
    in_turn,
    is_review,
    read_queue,
    write_queue,
)
from appliance.clinical.reviewing.sealing import key_in_words, seal_page
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput, ManifestMismatch
from appliance.learning.adapters import read_adapter
from appliance.learning.tokens.bio import entity_types
from appliance.records.access import Verb
from appliance.records.cards import HeadKind
from appliance.records.identifiers import NoteId
from appliance.records.notes import Note
from appliance.records.progress import Progress
from appliance.records.reviews import Part, Queue, QueueItem
from appliance.records.spans import Span
from appliance.settings.names import check_name
from appliance.workflows.access import allow
from appliance.workflows.ingest import opened_vault
from appliance.workflows.report.notes_page import render_notes_page
from appliance.workflows.site import Site, open_site

# Letters before and after a passage that are shown beside it.
_AROUND: Final = 400
_NOTES_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class ReviewMade:
    """A queue that waits for a reader.

    Attributes:
        review: Its name.
        page: Where the page is, or would be.
        key: What opens the page; "" where nothing was written.
        random: Whole notes drawn by lot.
        unsure: Passages that the adapter was least sure of.
        patients: Whose notes these are.
        strata: Stratum to count of notes in it.
        left_out: Items that are not on the page: their notes were changed since.
        apart: Notes that were not chosen from, since their patients are in other reviews.
        is_dry_run: Whether nothing was written.
    """

    review: str
    page: Path
    key: str = field(repr=False)
    random: int
    unsure: int
    patients: int
    strata: dict[str, int]
    left_out: int = 0
    apart: int = 0
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        random: Notes to draw by lot: what estimates are made of.
        unsure: Passages that the adapter was least sure of, of other patients.
        seed: Of the lot.
        without: Names of reviews; nothing is chosen of the patients who are in one of them.
    """

    random: int = 50
    unsure: int = 100
    seed: int = 0
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Notes to be read.

    Attributes:
        owners: Note to whose it is, in the order in which they are read.
        sample: Those of them that were drawn by lot.
        least: Of the others, where the adapter was least sure.
        apart: Notes that were left out with the patients of other reviews.
    """

    owners: dict[NoteId, str]
    sample: Sample
    least: dict[NoteId, LeastSure]
    apart: int


def make_review(
    root: Path,
    name: str,
    *,
    out: str,
    reason: str,
    wish: Wish = Wish(),
    dry_run: bool = False,
    progress: Progress,
) -> ReviewMade:
    """A queue is at `SITE/reviews/OUT`, with a sealed page; the same call makes the page again.

    Args:
        root: The site.
        name: Of finished findings.
        out: Name of the review.
        reason: Why notes are read; kept in the ledger.
        wish: How much of what.
        dry_run: Choose only; no note is read.
        progress: Told of every note.

    Raises:
        BadInput: No such findings or other review, findings that do not say what they were made
            of, nothing to read, or another review has that name.
        Forbidden: Whoever runs this may not review, or not see text.
        ManifestMismatch: The findings are not what was written.
    """
    check_name(name, "findings", "the first argument")
    check_name(out, "a review", "--out")
    for one in wish.without:
        check_name(one, "a review", "--without")
    site = open_site(root)
    allow(site, Verb.REVIEW_FINDINGS)
    subject = " ".join(map(str, (name, out, wish.random, wish.unsure, wish.seed, *wish.without)))
    many = wish.random + wish.unsure
    allow(site, Verb.SHOW_TEXT, subject, with_second=not dry_run, notes=many)
    source, directory = site.paths.findings / name, site.paths.reviews / out
    card, _ = open_findings(source)
    with opened_vault(site) as vault:
        if is_review(directory):
            queue = read_queue(directory)
            _check_same(queue, card, wish)
            if dry_run:
                return _made(queue, directory, len(queue.items))
            return _show(site, vault, queue, reason, progress)
        chosen = _choose(vault, source, wish, _patients_of(site, wish.without))
        if dry_run:
            return ReviewMade(
                out,
                directory / PAGE,
                "",
                len(chosen.sample.drawn),
                len(chosen.least),
                len(set(chosen.owners.values())),
                chosen.sample.sizes,
                apart=chosen.apart,
                is_dry_run=True,
            )
        items = _items(vault, source, chosen, reason)
        queue = Queue(
            review=out,
            digest=digest_items(items, card.plan_digest, wish.seed),
            findings=name,
            plan_digest=card.plan_digest,
            adapter=card.adapter,
            adapter_digest=card.adapter_digest,
            labels=_labels(site, card),
            seed=wish.seed,
            random=wish.random,
            unsure=wish.unsure,
            strata=chosen.sample.sizes,
            items=items,
            reason=reason,
            made_at=site.clock.now().isoformat(timespec="seconds"),
            without=wish.without,
            apart=chosen.apart,
        )
        return _show(site, vault, queue, reason, progress)


def _check_same(queue: Queue, card: FindingsCard, wish: Wish) -> None:
    asked = queue.plan_digest, queue.random, queue.unsure, queue.seed, queue.without
    if asked != (card.plan_digest, wish.random, wish.unsure, wish.seed, wish.without):
        raise _taken(queue.review)


def _taken(name: str) -> BadInput:
    return BadInput(
        f"There is a review {name} already, of other findings or of another choice.",
        "Give another name with --out.",
    )


def _patients_of(site: Site, reviews: Sequence[str]) -> frozenset[str]:
    """Whose notes are in these reviews, read or not."""
    queues = [read_queue(site.paths.reviews / name) for name in reviews]
    return frozenset(item.owner for queue in queues for item in queue.items)


def _choose(vault: Vault, source: Path, wish: Wish, others: AbstractSet[str]) -> _Chosen:
    quarantined = read_quarantined(source)
    everyone = {
        note: str(owner or note)
        for note, owner in vault.owners_as_stamped(read_stamps(source)).items()
        if note not in quarantined
    }
    owners = {note: owner for note, owner in everyone.items() if owner not in others}
    apart = len(everyone) - len(owners)
    least = {
        note: min((LeastSure(one.score, one.start, one.end) for one in found), key=_by_score)
        for note, found in open_findings(source)[1]
        if note in owners
    }
    sample = draw(owners, least, wish.random, wish.seed)
    there = {kind for kind, size in sample.sizes.items() if size}
    if sample.drawn and {kind.value for kind in sample.drawn.values()} != there:
        raise BadInput(
            f"{wish.random} notes by lot are too few: they leave out some kind of notes.",
            "Ask for more with --random, or for none with --random 0.",
        )
    taken = {owners[note] for note in sample.drawn}
    passages = choose_unsure(owners, least, taken, wish.unsure, wish.seed)
    if not owners and apart:
        raise BadInput(
            "There is nothing to read: every patient is in the other reviews.",
            "Name fewer of them with --without.",
        )
    if not sample.drawn and not passages:
        raise BadInput(
            "There is nothing to read: no note is as it was when these findings were made.",
            "Extract again under another name, and review that.",
        )
    return _Chosen(
        {note: owners[note] for note in (*sample.drawn, *passages)},
        sample,
        {note: least[note] for note in passages},
        apart,
    )


def _by_score(one: LeastSure) -> tuple[float, int]:
    return one.score, one.start


def _items(vault: Vault, source: Path, chosen: _Chosen, reason: str) -> tuple[QueueItem, ...]:
    """What is to be read of each note; the notes are opened to see where sentences end."""
    spans: dict[NoteId, tuple[Span, ...]] = {
        note: tuple(sorted({Span(one.start, one.end, one.label) for one in found}))
        for note, found in open_findings(source)[1]
        if note in chosen.owners
    }
    items: list[QueueItem] = []
    stamps = vault.stamps_of(list(chosen.owners))
    for note in _read(vault, list(chosen.owners), reason):
        found = spans.get(note.note_id, ())
        places = [(span.start, span.end) for span in found]
        if any(end > len(note.text) for _, end in places):
            raise ManifestMismatch(
                f"{note.note_id} is shorter than what was found in it.",
                "Extract again under another name, and review that.",
            )
        unsure = chosen.least.get(note.note_id)
        start, end = 0, len(note.text)
        if unsure is not None:
            start, end = passage(note.text, (unsure.start, unsure.end), places)
        stratum = "" if unsure is not None else chosen.sample.drawn[note.note_id].value
        items.append(
            QueueItem(
                item_id=f"i{len(items) + 1:05d}",
                note_id=note.note_id,
                stamp=stamps[note.note_id].hex(),
                owner=chosen.owners[note.note_id],
                part=Part.RANDOM if unsure is None else Part.UNSURE,
                stratum=stratum,
                start=start,
                end=end,
                found=tuple(span for span in found if start <= span.start and span.end <= end),
            )
        )
    return tuple(items)


def _labels(site: Site, card: FindingsCard) -> tuple[str, ...]:
    """The adapter's entity types; where it is gone, or one of relations, those that were found."""
    directory = site.paths.adapters / card.adapter
    if is_finished(directory):
        adapter, digest = read_adapter(directory)
        if digest == card.adapter_digest and adapter.kind is HeadKind.ENTITIES:
            return entity_types(adapter.labels)
    return tuple(sorted(card.labels))


def _show(site: Site, vault: Vault, queue: Queue, reason: str, progress: Progress) -> ReviewMade:
    """The page is there, and after it the queue."""
    directory = site.paths.reviews / queue.review
    there = vault.unchanged(dict(item.stamped for item in queue.items))
    items = [item for item in queue.items if item.note_id in there]
    progress.begin("Sealing notes", len(items))
    shown: dict[NoteId, Mapping[str, Any]] = {}
    for item, note in zip(
        items, _read(vault, [item.note_id for item in items], reason), strict=True
    ):
        shown[note.note_id] = _shown(item, note)
        progress.advance()
    key = vault.secret(f"review {queue.digest}")
    site.paths.reviews.mkdir(mode=0o700, exist_ok=True)
    with in_turn(site.paths.run), alone(directory):
        if is_review(directory) and read_queue(directory).digest != queue.digest:
            raise _taken(queue.review)
        queue = _without_erased(vault, queue)
        pages = [shown[item.note_id] for item in queue.items if item.note_id in shown]
        if not pages:
            raise BadInput(
                f"There is nothing to read in review {queue.review}: no note is as it was.",
                "Extract again under another name, and review that.",
            )
        document = {"items": pages, "labels": queue.labels}
        page = render_notes_page(queue, seal_page(document, queue.digest, key))
        write_atomically(directory / PAGE, page.encode())
        write_queue(directory, queue)
    progress.end(f"{len(pages)} to read")
    made = _made(queue, directory, len(pages), key_in_words(key))
    site.ledger.record(
        "findings.review-made",
        {
            "review": queue.review,
            "findings": queue.findings,
            "plan_digest": queue.plan_digest,
            "queue_digest": queue.digest,
            "random": made.random,
            "unsure": made.unsure,
            "apart": made.apart,
            "reason": reason,
        },
    )
    return made


def _without_erased(vault: Vault, queue: Queue) -> Queue:
    """What is left where patients were erased while their notes were read for the page.

    To be asked in turn with erasures: see `in_turn`.
    """
    left = vault.stamps_of([item.note_id for item in queue.items])
    return replace(queue, items=tuple(item for item in queue.items if item.note_id in left))


def _made(queue: Queue, directory: Path, shown: int, key: str = "") -> ReviewMade:
    return ReviewMade(
        queue.review,
        directory / PAGE,
        key,
        sum(item.part is Part.RANDOM for item in queue.items),
        sum(item.part is Part.UNSURE for item in queue.items),
        len({item.owner for item in queue.items}),
        queue.strata,
        len(queue.items) - shown,
        queue.apart,
        is_dry_run=not key,
    )


def _shown(item: QueueItem, note: Note) -> Mapping[str, Any]:
    return {
        "id": item.item_id,
        "before": note.text[max(0, item.start - _AROUND) : item.start],
        "text": note.text[item.start : item.end],
        "after": note.text[item.end : item.end + _AROUND],
        "spans": [
            [span.start - item.start, span.end - item.start, span.label] for span in item.found
        ],
    }


def _read(vault: Vault, note_ids: Sequence[NoteId], reason: str) -> Iterator[Note]:
    for start in range(0, len(note_ids), _NOTES_AT_ONCE):
        yield from vault.read_identified(note_ids[start : start + _NOTES_AT_ONCE], reason)
