"""Findings off the disk again, part by part, every byte checked before the first is given."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from appliance.clinical.extraction.formats import OutputFormat, decode, decode_relations
from appliance.clinical.extraction.parts import FindingsCard, read_card
from appliance.errors import ManifestMismatch
from appliance.records.findings import Finding, RelationFinding
from appliance.records.identifiers import NoteId


def open_findings(directory: Path) -> tuple[FindingsCard, Iterator[tuple[NoteId, list[Finding]]]]:
    """The card, and each note with its findings, both sorted; one part is held at a time.

    Raises:
        ManifestMismatch: Not finished, or not what was written.
    """
    card = read_card(directory)
    return card, _notes(directory, OutputFormat(card.format))


def open_relations(directory: Path) -> Iterator[tuple[NoteId, list[RelationFinding]]]:
    """Each note of which relations were found, with these, both sorted.

    Their ends are findings of the same note.

    Raises:
        ManifestMismatch: Not finished, or not what was written.
    """
    output = OutputFormat(read_card(directory).format)
    for path in relation_paths(directory, output):
        try:
            relations = decode_relations(path.read_bytes(), output)
        except (KeyError, TypeError, ValueError):
            raise _other_columns(directory, path) from None
        for note_id, group in groupby(relations, key=lambda relation: relation.note_id):
            yield note_id, list(group)


def part_paths(directory: Path, output: OutputFormat) -> list[Path]:
    """The parts of an extraction, in order."""
    return sorted(directory.glob(f"part-*.{output}"))


def relation_paths(directory: Path, output: OutputFormat) -> list[Path]:
    """Their relations, in order; none where no pairs were judged."""
    return sorted(directory.glob(f"relations-*.{output}"))


def _notes(directory: Path, output: OutputFormat) -> Iterator[tuple[NoteId, list[Finding]]]:
    for path in part_paths(directory, output):
        try:
            findings = decode(path.read_bytes(), output)
        except (KeyError, TypeError, ValueError):
            raise _other_columns(directory, path) from None
        for note_id, group in groupby(findings, key=lambda finding: finding.note_id):
            yield note_id, list(group)


def _other_columns(directory: Path, path: Path) -> ManifestMismatch:
    return ManifestMismatch(
        f"{directory.name}: {path.name} has other columns: an older version wrote it.",
        "Extract again under another name.",
    )
