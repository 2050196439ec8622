"""Rows of CSV (RFC 4180), in whatever encoding, without ever holding more than a row."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import IO, Final, Protocol

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.formats.encoding import UTF_8, is_wrong_latin
from appliance.clinical.intake.formats.reading import FIELDS
from appliance.clinical.intake.rejections import Reason, Refusal

MAX_LINE_BYTES: Final = 2 * MAX_NOTE_BYTES
"""Longest line; a cell can have many."""

_WIDE: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_REQUIRED: Final = ("id", "text")
_DELIMITERS: Final = (",", ";", "\t")

Row = tuple[int, dict[str, object] | Refusal, str]
"""Line on which it ends, cells by column, and the encoding it was in."""


class _TooLong(Exception):
    """A line that is no line; the reader goes on with the next."""


class _ByLine(Protocol):
    def readline(self, size: int = -1, /) -> bytes: ...


class _Lines:
    """The lines of a file as text.

    A line that is no UTF-8 is read as the operator said. Bytes that fit neither come out as lone
    surrogates, which the fields' check refuses row by row; a strict decoder would give up on the
    rest of the file.
    """

    def __init__(self, file: _ByLine, otherwise: str | None) -> None:
        self._file = file
        self._otherwise = otherwise
        self._is_first = True
        self.encoding = UTF_8
        """Of the lines since it was last set."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        if len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := self._file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            raise _TooLong
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            return line.decode(UTF_8)
        except UnicodeDecodeError:
            pass
        if self._otherwise is None:
            return line.decode(UTF_8, "surrogateescape")
        text = line.decode(self._otherwise, "surrogateescape")
        if is_wrong_latin(text, self._otherwise):
            return line.decode(UTF_8, "surrogateescape")
        self.encoding = self._otherwise
        return text


def rows_of_csv(
    file: IO[bytes], columns: Mapping[str, str] | None, otherwise: str | None, delimiter: str = ","
) -> Iterator[Row]:
    """Every row below the header.

    Args:
        file: The table; UTF-16 and UTF-32 only with a byte order mark.
        columns: Field to the column that must be there; None where all must have our own names.
        otherwise: In what lines are that are no UTF-8, as the operator said.
        delimiter: What stands between cells, unless the header is none by it and one by another:
            office programs write what their country is used to.
    """
    lines = _Lines(_narrow(file), otherwise)
    before = csv.field_size_limit(MAX_NOTE_BYTES + 1)
    try:
        head = list(islice(lines, 1))
        used = delimiter_of(head, lambda header: _fit(header, columns), delimiter)
        reader = csv.reader(chain(head, lines), strict=True, delimiter=used)
        yield from _rows(reader, columns, lines)
    except _TooLong:
        yield 1, Refusal(Reason.TOO_LARGE), UTF_8
    finally:
        csv.field_size_limit(before)


def delimiter_of(
    head: Sequence[str], fit: Callable[[list[str]], tuple[int, ...]], usual: str = _DELIMITERS[0]
) -> str:
    """What stands between the cells of a table: a comma, a semicolon or a tab.

    Args:
        head: The lines in which the header is.
        fit: How well the header's cells are what is looked for.
        usual: What is tried first, and taken where nothing fits better.
    """

    def fitting(delimiter: str) -> tuple[int, ...]:
        # Not strict: a cell may go on in the next line, which is not at hand.
        header = _next_row(csv.reader(head, delimiter=delimiter))
        return fit(header) if isinstance(header, list) else ()

    # Of those alike the first.
    return max((usual, *_DELIMITERS), key=fitting)


def _fit(header: list[str], columns: Mapping[str, str] | None) -> tuple[bool, int]:
    """Whether it is one of ours; else how much of it is, to tell what is not."""
    ours = FIELDS if columns is None else columns.values()
    return _flaw(header, columns) is None, sum(name in ours for name in header)


def _narrow(file: IO[bytes]) -> _ByLine:
    head = file.read(4)
    file.seek(0)
    if not head.startswith(_WIDE):
        return file
    encoding = "utf-32" if head.startswith(_WIDE[:2]) else "utf-16"
    return _Narrowed(io.TextIOWrapper(file, encoding=encoding, newline=""))


class _Narrowed:
    """A text stream's lines in UTF-8; lone surrogates where the bytes were none of its encoding."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream

    def readline(self, size: int = -1, /) -> bytes:
        """One line, or as much of it as fits."""
        try:
            return self._stream.readline(size // 4).encode()
        except UnicodeError:
            # What follows can't be found again.
            pass
        raise Refusal(Reason.WRONG_ENCODING)


def _rows(
    reader: Iterator[list[str]], columns: Mapping[str, str] | None, lines: _Lines
) -> Iterator[Row]:
    header = _next_row(reader)
    if header is None:
        return
    flaw = header if isinstance(header, Refusal) else _flaw(header, columns)
    if isinstance(header, Refusal) or flaw is not None:
        assert flaw is not None
        yield 1, flaw, lines.encoding
        return
    number = getattr(reader, "line_num", 0)
    while True:
        lines.encoding = UTF_8
        row = _next_row(reader)
        if row is None:
            return
        before, number = number, getattr(reader, "line_num", 0)
        if isinstance(row, Refusal):
            # A stray quote swallows the lines after it: each of them is refused and counted.
            for line in range(min(before + 1, number), number + 1):
                yield line, row, lines.encoding
        elif len(row) != len(header):
            if row:
                yield number, Refusal(Reason.MALFORMED), lines.encoding
        else:
            # An empty cell is an absent value; CSV can't say it otherwise.
            cells: dict[str, object] = {
                name: cell for name, cell in zip(header, row, strict=True) if cell
            }
            yield number, cells, lines.encoding


def _flaw(header: list[str], columns: Mapping[str, str] | None) -> Refusal | None:
    """What is wrong with it, by our own name for a column, or by its number: never by its words."""
    for number, name in enumerate(header, start=1):
        if name in header[: number - 1]:
            return Refusal(Reason.MALFORMED, f"column {number}")
        if columns is None and name not in FIELDS:
            return Refusal(Reason.UNKNOWN_FIELD, f"column {number}")
    wanted = {name: name for name in _REQUIRED} if columns is None else columns
    missing = [field for field in FIELDS if field in wanted and wanted[field] not in header]
    return Refusal(Reason.MISSING_FIELD, missing[0]) if missing else None


def _next_row(reader: Iterator[list[str]]) -> list[str] | Refusal | None:
    try:
        return next(reader, None)
    except _TooLong:
        return Refusal(Reason.TOO_LARGE)
    except csv.Error as error:
        too_large = "field limit" in str(error)
        return Refusal(Reason.TOO_LARGE if too_large else Reason.MALFORMED)
