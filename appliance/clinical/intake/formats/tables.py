"""Rows of JSONL, CSV and Parquet, one at a time, each with its line and its note or refusal."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import partial
from typing import IO, Any, Final

from appliance.clinical.intake.fields import note_from_fields
from appliance.clinical.intake.formats.csv_rows import rows_of_csv
from appliance.clinical.intake.formats.fhir import note_of
from appliance.clinical.intake.formats.json_stream import MAX_VALUE_BYTES, parse_object
from appliance.clinical.intake.formats.reading import Entry, Origin, Reading, attempt
from appliance.clinical.intake.formats.resources import TYPE
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote

_ROWS_AT_ONCE: Final = 64
_WITH_DOTS: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
# Unpacked; what claims more is a bomb, or is to be written in more row groups.
_MAX_ROW_GROUP_BYTES: Final = 1_000_000_000
# A cell that many rows share is written once, and unpacked for each: one of a few megabytes, of a
# thousand rows, is a bomb that claims a few megabytes. So few rows are unpacked at a time that they
# fit if each has the largest cell there can be; and a file may hold so many times what it claims.
_MAX_AT_ONCE_BYTES: Final = 512_000_000
_MAX_TIMES: Final = 100
_FREE_BYTES: Final = 1_000_000_000


def read_jsonl(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """Every line that is not blank, by its number; a FHIR resource or a note's fields."""
    number = 0
    while line := file.readline(MAX_VALUE_BYTES):
        number += 1
        if len(line) >= MAX_VALUE_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
            yield number, Refusal(Reason.TOO_LARGE)
        elif line.strip():
            yield number, attempt(partial(_of_line, line, origin.reading))


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(MAX_VALUE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _of_line(line: bytes, reading: Reading) -> SourceNote:
    fields = parse_object(line)
    if TYPE in fields:
        return note_of(fields, reading)
    return note_of_row(fields, reading)


def read_csv(file: IO[bytes], origin: Origin, delimiter: str = ",") -> Iterator[Entry]:
    """Every row below the header, by the number of the line on which it ends."""
    reading = origin.reading
    for number, row, encoding in rows_of_csv(file, reading.columns, reading.encoding, delimiter):
        if isinstance(row, Refusal):
            yield number, row
        else:
            yield number, attempt(partial(note_of_row, row, reading, encoding))


def read_tsv(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """The same, with tabs between cells."""
    return read_csv(file, origin, "\t")


def read_parquet(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """Every row, by its number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    reason = None
    try:
        table = pq.ParquetFile(file)
        for group in range(table.num_row_groups):
            if table.metadata.row_group(group).total_byte_size > _MAX_ROW_GROUP_BYTES:
                raise Refusal(Reason.TOO_LARGE)
        wanted = _wanted(table.schema_arrow.names, origin.reading)
        at_once, left = _limits(table.metadata)
        for batch in table.iter_batches(batch_size=at_once, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                fields = {key: _plain(value) for key, value in row.items() if value is not None}
                left -= sum(len(value) for value in fields.values() if isinstance(value, str))
                if left < 0:
                    raise Refusal(Reason.TOO_LARGE)
                yield number, attempt(partial(note_of_row, fields, origin.reading))
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        reason = Reason.MALFORMED
    if reason is not None:
        raise Refusal(reason)


def _limits(metadata: Any) -> tuple[int, int]:
    """How many rows may be unpacked at a time, and how many characters in all."""
    # Of whole groups: what pyarrow says of a damaged column ends the process.
    claimed = [
        metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)
    ]
    at_once = max(1, min(_ROWS_AT_ONCE, _MAX_AT_ONCE_BYTES // max((1, *claimed))))
    return at_once, max(_FREE_BYTES, _MAX_TIMES * sum(claimed))


def _wanted(names: list[str], reading: Reading) -> list[str]:
    if reading.columns is None:
        return names
    for field, column in reading.columns.items():
        if column not in names:
            raise Refusal(Reason.MISSING_FIELD, field)
    return list(dict.fromkeys(reading.columns.values()))


def _plain(value: object) -> object:
    # A datetime is a date too; both say the day first.
    return value.isoformat() if isinstance(value, date) else value


def note_of_row(row: Mapping[str, object], reading: Reading, encoding: str = "utf-8") -> SourceNote:
    """The note that a row describes, by our names or by those that the operator gave.

    Raises:
        Refusal: With the reason.
    """
    fields = dict(row)
    if reading.columns is not None:
        fields = {field: row[column] for field, column in reading.columns.items() if column in row}
    written = fields.get("date")
    if isinstance(written, str) and written:
        fields["date"] = _day(written, reading.date_format)
    return note_from_fields(fields, encoding)


def _day(written: str, date_format: str) -> str:
    if not date_format:
        # With dots between, the day stands first everywhere; with strokes it depends on where.
        day = _WITH_DOTS.fullmatch(written.strip())
        return f"{day[3]}-{day[2]}-{day[1]}" if day else written
    try:
        # Only the day is kept, so the time zone does not matter.
        return datetime.strptime(written.strip(), date_format).date().isoformat()  # noqa: DTZ007
    except ValueError:
        pass
    raise Refusal(Reason.BAD_DATE, "date")
