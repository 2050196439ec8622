"""Findings without some of their notes: an erasure goes through everything that was made of them.

The findings are written anew beside themselves and take their own place. Killed at any moment,
either the old ones stand there or the new ones, or the next run puts the new ones there.
"""

import json
import shutil
from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import is_finished, write_manifest
from appliance.artifacts.writing import disk_errors, sync_directory, write_atomically
from appliance.clinical.extraction.formats import OutputFormat, rows_without
from appliance.clinical.extraction.parts import (
    CARD,
    KIND,
    QUARANTINE,
    STAMPS,
    FindingsCard,
    count_findings,
    read_card,
)
from appliance.clinical.extraction.reading import part_paths, relation_paths
from appliance.records.identifiers import NoteId

_NEW: Final = ".{}.scrubbed"
_OLD: Final = ".{}.replaced"


def count_of(directory: Path, note_ids: AbstractSet[NoteId]) -> int:
    """Count of findings of these notes in the directory; nothing is changed.

    Raises:
        ManifestMismatch: The findings are not what was written.
    """
    return _count(directory, OutputFormat(read_card(directory).format), note_ids)


def scrub(directory: Path, note_ids: AbstractSet[NoteId]) -> int:
    """No finding of these notes is in the directory, nor their quarantine; the count of findings.

    Raises:
        ManifestMismatch: The findings are not what was written; nothing was changed.
        NoSpace: The disk is full; the old findings stand as they were.
    """
    card = read_card(directory)
    kept = _quarantined(directory, note_ids)
    removed = _count(directory, OutputFormat(card.format), note_ids)
    if not removed and len(kept) == sum(card.quarantined.values()):
        return 0
    new = _beside(directory, _NEW)
    with disk_errors(new):
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
    _write(directory, new, card, note_ids, kept)
    _exchange(directory, new)
    return removed


def recover(parent: Path) -> None:
    """What a scrubbing that was killed left in a folder of findings is finished or gone."""
    for new in sorted(parent.glob(_NEW.format("*"))):
        directory = parent / new.name.removeprefix(".").removesuffix(".scrubbed")
        if is_finished(new):
            _exchange(directory, new)
        else:
            shutil.rmtree(new)
    for old in parent.glob(_OLD.format("*")):
        shutil.rmtree(old)


def discard_drafts(parent: Path) -> int:
    """Extractions that were never finished are gone, with what they had found; their count."""
    drafts = list(parent.glob(".*.partial"))
    for draft in drafts:
        shutil.rmtree(draft)
    return len(drafts)


def _count(directory: Path, output: OutputFormat, note_ids: AbstractSet[NoteId]) -> int:
    # Relations are between findings: where none of these goes, none of those does.
    return sum(
        rows_without(path.read_bytes(), output, note_ids)[2]
        for path in part_paths(directory, output)
    )


def _write(
    directory: Path,
    new: Path,
    card: FindingsCard,
    note_ids: AbstractSet[NoteId],
    kept: dict[str, str],
) -> None:
    output = OutputFormat(card.format)
    counts = count_findings([])
    notes = 0
    for path in part_paths(directory, output):
        content, rows, _ = rows_without(path.read_bytes(), output, note_ids)
        write_atomically(new / path.name, content)
        for name, counter in _count_rows(rows).items():
            counts[name].update(counter)
        notes += len({row["note_id"] for row in rows})
    relations: Counter[str] = Counter()
    for path in relation_paths(directory, output):
        content, rows, _ = rows_without(path.read_bytes(), output, note_ids)
        write_atomically(new / path.name, content)
        relations.update(row["label"] for row in rows)
    lines = [json.dumps({"note_id": key, "reason": kept[key]}) + "\n" for key in sorted(kept)]
    write_atomically(new / QUARANTINE, "".join(lines).encode())
    if (directory / STAMPS).is_file():
        # A stamp of a note that is gone stands for nothing.
        write_atomically(new / STAMPS, (directory / STAMPS).read_bytes())
    reasons = sorted(set(kept.values()))
    fresh = replace(
        card,
        notes_with_findings=notes,
        findings=counts["labels"].total(),
        quarantined={one: list(kept.values()).count(one) for one in reasons},
        labels=dict(sorted(counts["labels"].items())),
        assertions=dict(sorted(counts["assertions"].items())),
        sections=dict(sorted(counts["sections"].items())),
        linked=dict(sorted(counts["linked"].items())),
        relations=dict(sorted(relations.items())),
    )
    body = json.dumps(asdict(fresh), indent=1, sort_keys=True) + "\n"
    write_atomically(new / CARD, body.encode())
    write_manifest(new, KIND)


def _count_rows(rows: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """As `count_findings`, of rows that an older version may have written with fewer columns."""
    return {
        "labels": Counter(row["label"] for row in rows),
        "assertions": Counter(cue["kind"] for row in rows for cue in row.get("cues") or ()),
        "sections": Counter(row["section"] for row in rows if row.get("section")),
        "linked": Counter(row["concept_reason"] for row in rows if row.get("concept_reason")),
    }


def _quarantined(directory: Path, note_ids: AbstractSet[NoteId]) -> dict[str, str]:
    lines = (directory / QUARANTINE).read_text(encoding="ascii").splitlines()
    entries = map(json.loads, lines)
    return {one["note_id"]: one["reason"] for one in entries if one["note_id"] not in note_ids}


def _exchange(directory: Path, new: Path) -> None:
    old = _beside(directory, _OLD)
    with disk_errors(directory):
        if directory.exists():
            directory.rename(old)
        new.rename(directory)
        sync_directory(directory.parent)
        shutil.rmtree(old, ignore_errors=True)


def _beside(directory: Path, pattern: str) -> Path:
    return directory.with_name(pattern.format(directory.name))
