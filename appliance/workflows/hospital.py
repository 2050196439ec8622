"""Writes the invented hospital as the files a real one would export, beside its gold."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from appliance.artifacts.writing import check_absent, disk_errors, write_atomically
from appliance.invented.hospital import InventedHospital, invent
from appliance.records.gold import GoldDocument
from appliance.records.notes import SourceNote, SourcePatient


def export_hospital(
    directory: Path, hospital: InventedHospital | None = None, *, dry_run: bool = False
) -> Mapping[str, int]:
    """The directory holds notes, registry and gold of the invented hospital.

    Args:
        directory: Made if it is missing.
        hospital: Which one; the default hospital if left out.
        dry_run: Only say what would be written.

    Returns:
        File name to count of records.

    Raises:
        NoSpace: The disk is full.
        BadInput: The directory can't be written, or has a file of one of these names.
    """
    made = hospital or invent()
    files = {
        "notes.jsonl": (_lines(map(_note, made.notes)), len(made.notes)),
        "patients.csv": (_table(made.patients), len(made.patients)),
        "gold.jsonl": (_lines(map(_gold, made.gold)), len(made.gold)),
        "relations-gold.jsonl": (
            _lines(map(_gold, made.relation_gold)),
            len(made.relation_gold),
        ),
        "identifiers-gold.jsonl": (
            _lines(map(_gold, made.identifier_gold)),
            len(made.identifier_gold),
        ),
    }
    for name in files:
        check_absent(directory / name)
    counts = {name: count for name, (_, count) in files.items()}
    if dry_run:
        return counts
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in files.items():
        write_atomically(directory / name, content.encode())
    return counts


def _lines(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _note(note: SourceNote) -> Mapping[str, object]:
    return {
        "id": note.source_id,
        "text": note.text,
        "patient": note.patient_source_id,
        "kind": note.kind,
        "date": note.written_on,
    }


def _gold(document: GoldDocument) -> Mapping[str, object]:
    row: dict[str, object] = {
        "id": document.document_id,
        "text": document.text,
        "spans": [
            {"start": span.start, "end": span.end, "label": span.label} for span in document.spans
        ],
    }
    if document.relations:
        row["relations"] = [
            {"head": pair.head, "tail": pair.tail, "label": pair.label}
            for pair in document.relations
        ]
    return row


def _table(patients: Sequence[SourcePatient]) -> str:
    """One row per patient, one column per kind, "|" between several values of one."""
    kinds = list(dict.fromkeys(i.kind for patient in patients for i in patient.identifiers))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["patient", *(kind.replace("-", "_") for kind in kinds)])
    for patient in patients:
        values: dict[str, list[str]] = {kind: [] for kind in kinds}
        for identifier in patient.identifiers:
            values[identifier.kind].append(identifier.value)
        writer.writerow([patient.source_id, *("|".join(values[kind]) for kind in kinds)])
    return out.getvalue()
