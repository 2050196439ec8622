"""Findings off the disk again, part by part, every byte checked before the first is given."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from appliance.clinical.extraction.formats import OutputFormat, decode
from appliance.clinical.extraction.parts import QUARANTINE, STAMPS, FindingsCard, read_card
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.findings import Finding
from appliance.records.identifiers import NoteId


def open_findings(directory: Path) -> tuple[FindingsCard, Iterator[tuple[NoteId, list[Finding]]]]:
    """The card, and each note with its findings, both sorted; one part is held at a time.

    Raises:
        ManifestMismatch: Not finished, or not what was written.
    """
    card = read_card(directory)
    return card, _notes(directory, OutputFormat(card.format))


def read_quarantined(directory: Path) -> frozenset[NoteId]:
    """The notes that gave no answer."""
    lines = (directory / QUARANTINE).read_text(encoding="ascii").splitlines()
    return frozenset(NoteId(json.loads(line)["note_id"]) for line in lines)


def read_stamps(directory: Path) -> bytes:
    """Which notes were read, and which version of each: see `Vault.stamps`.

    Raises:
        BadInput: An older version wrote the findings, and does not say.
    """
    path = directory / STAMPS
    stamps = path.read_bytes() if path.is_file() else b""
    if not stamps:
        raise BadInput(
            f"The findings {directory.name} do not say which notes they were made of.",
            "Extract again under another name.",
        )
    return stamps


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
