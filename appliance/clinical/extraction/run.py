"""All notes through an adapter, in workers, into findings: restartable and always the same."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import is_finished
from appliance.clinical.extraction.labelling import GONE, REASON, to_finding
from appliance.clinical.extraction.pairing import to_relation
from appliance.clinical.extraction.parts import (
    Draft,
    FindingsCard,
    PartContent,
    Plan,
    opened_draft,
    publish,
    read_card,
)
from appliance.errors import ApplianceError, BadInput
from appliance.records.events import Recorder
from appliance.records.identifiers import NoteId
from appliance.records.progress import Progress

NOTES_PER_PART: Final = 2048
"""What is lost at most when everything is killed: the part at hand."""


Record = dict[str, object]
RunBlocks = Callable[[Sequence[Sequence[str]]], Iterator[list[Record]]]
"""Labels blocks of ids, somewhere: one list of `NoteLabelling`'s records per block, in order."""


def extract(
    run_blocks: RunBlocks,
    note_ids: Sequence[NoteId],
    destination: Path,
    plan: Plan,
    *,
    recorder: Recorder,
    policy_digest: str,
    made_at: str,
    progress: Progress,
    stamps: bytes = b"",
) -> FindingsCard:
    """Findings of every note are at `destination`, or the note is in its quarantine.

    Run again after whatever stopped it, it goes on after the last part that was finished. The
    parts' bytes depend on the plan alone, not on the number of workers or of runs.

    Args:
        run_blocks: Where the work is done.
        note_ids: Sorted; as many as the plan says.
        destination: `SITE/findings/NAME`.
        plan: What is to be extracted.
        recorder: Told of the read before it happens.
        policy_digest: For the card.
        made_at: For the card.
        progress: Told of every block.
        stamps: Of these notes as they are now (`Vault.stamps`); findings without them can't be
            reviewed.

    Raises:
        BadInput: There are no notes, or other findings under that name.
        ApplianceError: A worker failed for more than single notes.
        NoSpace: The disk is full.
    """
    done = find_finished(destination, plan)
    if done is not None:
        return done
    with opened_draft(destination, plan) as draft:
        draft.keep_notes(note_ids, stamps)
        parts = _parts(note_ids, plan)
        left = [number for number in range(len(parts)) if not draft.is_part_done(number)]
        progress.begin("Extracting", len(note_ids))
        progress.advance(len(note_ids) - sum(len(parts[number]) for number in left))
        if left:
            count = sum(len(parts[number]) for number in left)
            recorder.record("vault.read", {"count": count, "reason": REASON})
            _fill(run_blocks, {number: parts[number] for number in left}, draft, plan, progress)
        card = draft.finish(len(parts), policy_digest, made_at, stamps)
    progress.end(f"{card.findings} findings in {card.notes_with_findings} of {card.notes} notes")
    return card


def find_finished(destination: Path, plan: Plan) -> FindingsCard | None:
    """The card of this very extraction if it is done already; None where it is to be done.

    One that was stopped just before it got its name gets it now.

    Raises:
        BadInput: See `check_free`.
    """
    publish(destination)
    return check_free(destination, plan)


def check_free(destination: Path, plan: Plan) -> FindingsCard | None:
    """As `find_finished`, but nothing is written.

    Raises:
        BadInput: There are no notes, or something else under that name.
    """
    if not plan.notes:
        raise BadInput("The vault holds no notes.", "Run `appliance notes import` first.")
    if not destination.exists():
        return None
    if not is_finished(destination):
        raise BadInput(
            f"Something that is no finished extraction stands at {destination}.",
            "Move it away, or name others with --out.",
        )
    card = read_card(destination)
    if card.plan_digest == plan.digest:
        return card
    raise BadInput(
        f"There are findings {destination.name!r} already, of other notes or another adapter.",
        "Name others with --out, or remove that directory.",
    )


def _parts(note_ids: Sequence[NoteId], plan: Plan) -> list[Sequence[NoteId]]:
    size = plan.notes_per_part
    return [note_ids[start : start + size] for start in range(0, len(note_ids), size)]


def _fill(
    run_blocks: RunBlocks,
    parts: dict[int, Sequence[NoteId]],
    draft: Draft,
    plan: Plan,
    progress: Progress,
) -> None:
    size = plan.notes_per_block
    blocks = {
        number: [part[start : start + size] for start in range(0, len(part), size)]
        for number, part in parts.items()
    }
    answers = run_blocks([block for part in blocks.values() for block in part])
    for number, part in blocks.items():
        records = list(_counted(islice(answers, len(part)), progress))
        if [record["note"] for record in records] != list(parts[number]):
            raise ApplianceError(f"A worker did not answer for every note of part {number}.")
        content = _sort_out(records)
        failed = {note: why for note, why in content.quarantined.items() if why != GONE}
        if failed and len(content.quarantined) == len(parts[number]):
            _refuse_all_failed(failed)
        draft.write_part(number, content)


def _counted(answers: Iterable[list[Any]], progress: Progress) -> Iterator[dict[str, Any]]:
    for records in answers:
        progress.advance(len(records))
        yield from records


def _sort_out(records: Sequence[dict[str, Any]]) -> PartContent:
    """What was found, in order, and the notes that gave nothing because they failed."""
    pairs: Counter[str] = Counter()
    for record in records:
        pairs.update(record.get("pairs", {}))
    return PartContent(
        sorted(to_finding(one["note"], span) for one in records for span in one.get("spans", ())),
        {record["note"]: record["poison"] for record in records if "poison" in record},
        sorted(
            to_relation(one["note"], plain) for one in records for plain in one.get("relations", ())
        ),
        pairs,
    )


def _refuse_all_failed(quarantined: Mapping[NoteId, str]) -> None:
    # When nothing works it is not the notes: quarantining millions would look like success.
    kinds = ", ".join(sorted(set(quarantined.values())))
    raise ApplianceError(
        f"Every one of {len(quarantined)} notes failed: {kinds}.",
        "Check the adapter with `appliance evaluate`; finished parts are kept.",
    )
