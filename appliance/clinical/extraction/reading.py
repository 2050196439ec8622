"""Findings off the disk again, part by part, every byte checked before the first is given."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from appliance.clinical.extraction.formats import OutputFormat, decode
from appliance.clinical.extraction.parts import FindingsCard, read_card
from appliance.errors import ManifestMismatch
from appliance.records.findings import Finding
from appliance.records.identifiers import NoteId


def open_findings(directory: Path) -> tuple[FindingsCard, Iterator[tuple[NoteId, list[Finding]]]]:
    """The card, and each note with its findings, both sorted; one part is held at a time.

    Raises:
        ManifestMismatch: Not finished, or not what was written.
    """
    card = read_card(directory)
    return card, _notes(directory, OutputFormat(card.format))


def part_paths(directory: Path, output: OutputFormat) -> list[Path]:
    """The parts of an extraction, in order."""
    return sorted(directory.glob(f"part-*.{output}"))


def _notes(directory: Path, output: OutputFormat) -> Iterator[tuple[NoteId, list[Finding]]]:
    for path in part_paths(directory, output):
        try:
            findings = decode(path.read_bytes(), output)
        except (KeyError, TypeError, ValueError):
            raise ManifestMismatch(
                f"{directory.name}: {path.name} has other columns: an older version wrote it.",
                "Extract again under another name.",
            ) from None
        for note_id, group in groupby(findings, key=lambda finding: finding.note_id):
            yield note_id, list(group)
