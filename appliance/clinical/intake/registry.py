"""The hospital's registry of patients: every identifier by which one could be recognised.

CSV: a column `patient` with the id, every other column a kind of identifier, "|" between several
values of one; between cells a comma, a semicolon or a tab. JSONL: the same names, with a string or
a list of strings. A file that is no such table is refused as a whole. A row that can't be right is
handed out as refused, and the caller must say so aloud: a patient left out in silence would be a
patient whom the gate can't see.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Final

from appliance.clinical.intake.birthdates import is_possible_birth_date
from appliance.clinical.intake.formats.csv_rows import delimiter_of
from appliance.clinical.intake.rejections import Place, Reason, Rejected
from appliance.errors import BadInput
from appliance.records.notes import PatientIdentifier, SourcePatient

_ID: Final = "patient"
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_SEPARATOR: Final = "|"
BIRTH_DATE: Final = "birth-date"
"""The kind under which a date of birth is kept."""
# What else a registry's columns are called; the gate looks for a kind in the forms of that kind.
_ALIASES: Final = {
    "dob": BIRTH_DATE,
    "birthdate": BIRTH_DATE,
    "date-of-birth": BIRTH_DATE,
    "birthday": BIRTH_DATE,
    "patient-name": "name",
    "full-name": "name",
    "medical-record-number": "mrn",
    "social-security-number": "ssn",
    "telephone": "phone",
    "phone-number": "phone",
    "mobile": "phone",
    "e-mail": "email",
    "email-address": "email",
}
_TEXT: Final = "text"
_MAX_CHARACTERS: Final = 500
"""Longest identifier taken; a longer one is prose."""
_NEXT: Final = "Mend that line and import the registry again."
_HELP: Final = "Give a .csv with the column `patient`, or .jsonl with the field `patient`."


def read_registry(path: Path, today: date) -> Iterator[SourcePatient | Rejected]:
    """Every patient of the registry, in file order, or why a row is not taken.

    Args:
        path: The file.
        today: Nobody is born later.

    Raises:
        BadInput: Unreadable, empty, not UTF-8, or a malformed line; names the line.
    """
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path} is neither CSV nor JSONL.", _HELP)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _patients(reader(file), path, today)
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Convert it and import it again.") from None
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Name a file that this user may read."
        ) from None


def _patients(
    rows: Iterator[tuple[int, Mapping[str, object] | None]], path: Path, today: date
) -> Iterator[SourcePatient | Rejected]:
    found = False
    for number, row in rows:
        patient = _patient(row) if row is not None else None
        if patient is None:
            raise BadInput(f"{path}, line {number}: not a patient and identifiers.", _NEXT)
        found = True
        reason = _fault(patient, today)
        yield patient if reason is None else Rejected(reason, Place(1, None, number, str(path)))
    if not found:
        raise BadInput(f"{path} names no patient.", _HELP)


def _fault(patient: SourcePatient, today: date) -> Reason | None:
    if not patient.identifiers:
        return Reason.NO_IDENTIFIER
    births = (item.value for item in patient.identifiers if item.kind == BIRTH_DATE)
    if all(is_possible_birth_date(value, today) for value in births):
        return None
    return Reason.BAD_BIRTH_DATE


def _csv_rows(file: io.TextIOWrapper) -> Iterator[tuple[int, Mapping[str, object] | None]]:
    head = file.readline()
    try:
        used = delimiter_of([head], lambda header: (_ID in header,))
        reader = csv.reader(chain([head] if head else [], file), strict=True, delimiter=used)
        header = next(reader, None)
        if header is None or _ID not in header or len(set(header)) != len(header):
            raise BadInput(
                f"{file.name} has no header: no column `patient`, or one that is twice.", _HELP
            )
        for row in reader:
            if row:
                fits = len(row) == len(header)
                yield reader.line_num, _split(header, row) if fits else None
    except csv.Error:
        yield reader.line_num, None


def _split(header: list[str], row: list[str]) -> Mapping[str, object]:
    return {
        name: cell if name == _ID else cell.split(_SEPARATOR)
        for name, cell in zip(header, row, strict=True)
    }


def _jsonl_rows(file: io.TextIOWrapper) -> Iterator[tuple[int, Mapping[str, object] | None]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield number, row if isinstance(row, dict) else None


def _patient(row: Mapping[str, object]) -> SourcePatient | None:
    source_id = row.get(_ID)
    if isinstance(source_id, int) and not isinstance(source_id, bool):
        source_id = str(source_id)
    if not isinstance(source_id, str) or not source_id.strip():
        return None
    identifiers: list[PatientIdentifier] = []
    for name, value in row.items():
        if name == _ID:
            continue
        written = name.strip().lower().replace("_", "-").replace(" ", "-")
        kind = _ALIASES.get(written, written)
        values = _values(value)
        if values is None or not _KIND.fullmatch(kind):
            return None
        if kind == _TEXT or any(len(text) > _MAX_CHARACTERS for text in values):
            # An export of notes: its texts must not become what the gate looks for.
            return None
        identifiers += [PatientIdentifier(kind, text) for text in values]
    return SourcePatient(source_id.strip(), tuple(identifiers))


def _values(value: object) -> list[str] | None:
    """The values of one field, trimmed, without empty ones; None where it is no such thing."""
    given = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int) or item is None for item in given):
        return None
    texts = [str(item).strip() for item in given if item is not None]
    return [text for text in texts if text]
