"""Inputs of a scan: files, or the lines of files, and where each of them stands."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from appliance.errors import BadInput

STDIN: Final = Path("-")
_ALL: Final = -1


@dataclass(frozen=True, slots=True)
class InputText:
    """One text to inspect."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an input stands.

    Attributes:
        source: Number of the source, from 0.
        start: First byte.
        size: Count of bytes; below 0 for all.
    """

    source: int
    start: int
    size: int


def read_inputs(sources: Sequence[Path], stdin: BinaryIO, *, jsonl: bool) -> Iterator[InputText]:
    """The inputs of all sources, in order.

    Args:
        sources: Files; `STDIN` reads `stdin`, as does no file at all.
        stdin: Bytes of standard input.
        jsonl: Each line of each source is one input with "id" and "text"; else each source is one.

    Raises:
        BadInput: A source can't be read, is not UTF-8, or has a malformed line.
    """
    return (one for _, one in locate_inputs(sources, stdin, jsonl=jsonl))


def locate_inputs(
    sources: Sequence[Path], stdin: BinaryIO, *, jsonl: bool
) -> Iterator[tuple[Place, InputText]]:
    """The same, each with its place."""
    for number, source in enumerate(sources or (STDIN,)):
        if jsonl:
            yield from _read_lines(source, stdin, number)
        else:
            name = str(source) if source == STDIN else source.name
            text = _decode(_read_bytes(source, stdin), source)
            yield Place(number, 0, _ALL), InputText(name, text)


def read_at(source: Path, place: Place, *, jsonl: bool) -> str:
    """The text of the input at `place`, read again.

    Raises:
        BadInput: The source can't be read any more, or something else stands there.
    """
    try:
        with _open(source) as file:
            file.seek(place.start)
            text = _decode(file.read(place.size), source)
    except OSError as error:
        raise _unreadable(source, error) from None
    return _parse_line(text, source, 0).text if jsonl else text


def _read_lines(
    source: Path, stdin: BinaryIO, source_number: int
) -> Iterator[tuple[Place, InputText]]:
    lines = stdin if source == STDIN else _open(source)
    start = 0
    try:
        for number, line in enumerate(lines, start=1):
            text = _decode(line, source, number)
            if text.strip():
                place = Place(source_number, start, len(line))
                yield place, _parse_line(text, source, number)
            start += len(line)
    except OSError as error:
        raise _unreadable(source, error) from None
    finally:
        if source != STDIN:
            lines.close()


def _parse_line(line: str, source: Path, number: int) -> InputText:
    try:
        row = json.loads(line)
        return InputText(str(row["id"]), _as_text(row["text"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        where = f", line {number}" if number else ""
        raise BadInput(
            f'{source}{where}: not a JSON object with "id" and "text".',
            "Mend that line; what came before it was inspected.",
        ) from None


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _decode(content: bytes, source: Path, number: int = 0) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        where = f", line {number}" if number else ""
        raise BadInput(
            f"{source}{where} is not UTF-8.", "Convert it, e.g. with iconv, and scan it again."
        ) from None


def _read_bytes(source: Path, stdin: BinaryIO) -> bytes:
    if source == STDIN:
        return stdin.read()
    with _open(source) as file:
        return file.read()


def _unreadable(source: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{source} can't be read: {error.strerror}.", "Name a file that this user may read."
    )


def _open(source: Path) -> BinaryIO:
    try:
        return source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from None
