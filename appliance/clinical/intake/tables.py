"""Rows of JSONL and CSV files, one at a time, each with its line and fields or its refusal."""

import csv
import io
import json
from collections.abc import Iterator
from typing import IO, Final

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.rejections import Reason, Refusal

Row = tuple[int, dict[str, object] | Refusal]

# JSON may write one code point in six bytes (\uXXXX), and there are other fields.
_MAX_LINE_BYTES: Final = 6 * MAX_NOTE_BYTES + 100_000
_COLUMNS: Final = frozenset({"id", "text", "patient", "kind", "date"})


def read_jsonl(file: IO[bytes]) -> Iterator[Row]:
    """Line number (1-based) and fields of every line that is not blank."""
    number = 0
    while line := file.readline(_MAX_LINE_BYTES):
        number += 1
        if len(line) >= _MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
            yield number, Refusal(Reason.TOO_LARGE)
        elif line.strip():
            yield number, _parse(line)


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _parse(line: bytes) -> dict[str, object] | Refusal:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Refusal(Reason.NOT_UTF8)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return Refusal(Reason.MALFORMED)
    return fields if isinstance(fields, dict) else Refusal(Reason.MALFORMED)


def read_csv(file: IO[bytes]) -> Iterator[Row]:
    """Line number (1-based, of the row's end) and fields of every row below the header."""
    # Bytes that are not UTF-8 come out as lone surrogates, which the fields' check refuses row
    # by row; a strict decoder would give up on the rest of the file.
    stream = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    before = csv.field_size_limit(MAX_NOTE_BYTES + 1)
    try:
        yield from _rows(csv.reader(stream, strict=True))
    finally:
        csv.field_size_limit(before)
        stream.detach()


def _rows(reader: Iterator[list[str]]) -> Iterator[Row]:
    header = _next_row(reader)
    if header is None:
        return
    if isinstance(header, Refusal) or not {"id", "text"} <= set(header) <= _COLUMNS:
        yield 1, header if isinstance(header, Refusal) else Refusal(Reason.UNKNOWN_FIELD)
        return
    number = getattr(reader, "line_num", 0)
    while (row := _next_row(reader)) is not None:
        before, number = number, getattr(reader, "line_num", 0)
        if isinstance(row, Refusal):
            # A stray quote swallows the lines after it: each of them is refused and counted.
            for line in range(min(before + 1, number), number + 1):
                yield line, row
        elif len(row) != len(header):
            if row:
                yield number, Refusal(Reason.MALFORMED)
        else:
            # An empty cell is an absent value; CSV can't say it otherwise.
            yield number, {name: cell for name, cell in zip(header, row, strict=True) if cell}


def _next_row(reader: Iterator[list[str]]) -> list[str] | Refusal | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        too_large = "field limit" in str(error)
        return Refusal(Reason.TOO_LARGE if too_large else Reason.MALFORMED)
