"""Findings off the disk again, part by part, every byte checked before the first is given."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from appliance.clinical.extraction.formats import OutputFormat, decode, decode_relations
from appliance.clinical.extraction.parts import QUARANTINE, STAMPS, FindingsCard, read_card
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.findings import Finding, RelationFinding
from appliance.records.identifiers import NoteId

_Found = TypeVar("_Found", Finding, RelationFinding)


def open_findings(directory: Path) -> tuple[FindingsCard, Iterator[tuple[NoteId, list[Finding]]]]:
    """The card, and each note with its findings, both sorted; one part is held at a time.

    Raises:
        ManifestMismatch: Not finished, or not what was written.
    """
    card = read_card(directory)
    output = OutputFormat(card.format)
    return card, _by_note(part_paths(directory, output), output, decode)


def open_relations(directory: Path) -> Iterator[tuple[NoteId, list[RelationFinding]]]:
    """Each note of which relations were found, with these, both sorted.

    Their ends are findings of the same note.

    Raises:
        ManifestMismatch: Not finished, or not what was written.
    """
    output = OutputFormat(read_card(directory).format)
    return _by_note(relation_paths(directory, output), output, decode_relations)


def read_quarantined(directory: Path) -> frozenset[NoteId]:
    """The notes that gave no answer."""
    lines = (directory / QUARANTINE).read_text(encoding="ascii").splitlines()
    return frozenset(NoteId(json.loads(line)["note_id"]) for line in lines)


def read_stamps(directory: Path) -> bytes:
    """Which notes were read, and which version of each: see `Vault.stamps`.

    Raises:
        BadInput: An older version wrote the findings, and does not say.
    """
    if not has_stamps(directory):
        raise BadInput(
            f"The findings {directory.name} do not say which notes they were made of.",
            "Extract again under another name.",
        )
    return (directory / STAMPS).read_bytes()


def has_stamps(directory: Path) -> bool:
    """Whether the findings say which notes they were made of."""
    return (directory / STAMPS).is_file() and (directory / STAMPS).stat().st_size > 0


def part_paths(directory: Path, output: OutputFormat) -> list[Path]:
    """The parts of an extraction, in order."""
    return sorted(directory.glob(f"part-*.{output}"))


def relation_paths(directory: Path, output: OutputFormat) -> list[Path]:
    """Their relations, in order; none where no pairs were judged."""
    return sorted(directory.glob(f"relations-*.{output}"))


def _by_note(
    paths: Sequence[Path],
    output: OutputFormat,
    read: Callable[[bytes, OutputFormat], list[_Found]],
) -> Iterator[tuple[NoteId, list[_Found]]]:
    for path in paths:
        try:
            found = read(path.read_bytes(), output)
        except (KeyError, TypeError, ValueError):
            raise ManifestMismatch(
                f"{path.parent.name}: {path.name} has other columns: an older version wrote it.",
                "Extract again under another name.",
            ) from None
        for note_id, group in groupby(found, key=lambda one: one.note_id):
            yield note_id, list(group)
