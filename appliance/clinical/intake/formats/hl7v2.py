"""HL7 v2: the notes in MDM and ORU messages, by a parser of its own.

A message is segments, a segment fields, a field repetitions of components (HL7 v2.5, chapter 2).
Segments end with a carriage return; files also come with line feeds and in the frames of MLLP.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from appliance.clinical.intake.formats.attachments import MAX_DOCUMENT_BYTES
from appliance.clinical.intake.formats.encoding import decode, known_encoding
from appliance.clinical.intake.rejections import Reason, Refusal

MAX_SEGMENT_BYTES: Final = 2 * MAX_DOCUMENT_BYTES
MAX_MESSAGE_BYTES: Final = 2 * MAX_DOCUMENT_BYTES
MAX_SEGMENTS: Final = 100_000
_CHUNK: Final = 65_536
_ENDS: Final = re.compile(rb"[\r\n\x0b\x1c]+")
# HL7 table 0211; a character set that is not here is refused, not guessed.
_CHARSETS: Final = {
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "ISO IR6": "ascii",
    "ISO IR87": "iso2022_jp",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
    "GB 18030-2000": "gb18030",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
}
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_OFTEN_EMPTY: Final = frozenset({"EVN", "NTE", "ORC", "PD1", "PV1", "PV2"})
_DROPPED: Final = frozenset({"H", "N"})
_BREAKS: Final = (".br", ".sp", ".ce", ".in", ".ti", ".fi", ".nf", ".sk")


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that a message says it is cut by (MSH-1, MSH-2)."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


class Segment:
    """One segment of a message.

    Args:
        name: Three letters.
        fields: From field 1 on; of MSH, field 1 is the separator itself.
        by: What cuts them further.
    """

    def __init__(self, name: str, fields: list[str], by: Separators) -> None:
        self.name = name
        self._fields = fields
        self._by = by

    def raw(self, number: int) -> str:
        """Field `number` (from 1) as it stands there; "" where it is absent."""
        return self._fields[number - 1] if 0 < number <= len(self._fields) else ""

    def whole(self, number: int) -> str:
        """The first repetition of a field, its components together, unescaped."""
        return self._plain(self.raw(number).split(self._by.repetition, 1)[0]).strip()

    def part(self, number: int, component: int) -> str:
        """A component (from 1) of the first repetition, unescaped."""
        parts = self.raw(number).split(self._by.repetition, 1)[0].split(self._by.component)
        return self._plain(parts[component - 1]).strip() if component <= len(parts) else ""

    def repetitions(self, number: int) -> list[list[str]]:
        """The components of each repetition of a field, unescaped."""
        return [
            [self._plain(part).strip() for part in one.split(self._by.component)]
            for one in self.raw(number).split(self._by.repetition)
        ]

    def lines(self, number: int) -> str:
        """A field's repetitions as lines of text, unescaped."""
        return "\n".join(map(self._plain, self.raw(number).split(self._by.repetition)))

    def _plain(self, value: str) -> str:
        return unescape(value, self._by)


@dataclass(frozen=True, slots=True)
class Message:
    """A message, cut into segments.

    Attributes:
        segments: MSH first.
        encoding: In what its bytes were.
    """

    segments: tuple[Segment, ...]
    encoding: str

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]


def split_messages(file: IO[bytes]) -> Iterator[list[bytes] | Refusal]:
    """Every message as its segments' bytes; what is too large is refused and passed over."""
    message: list[bytes] = []
    size, is_refused = 0, False
    for segment in _without_mark(_segments(file)):
        if isinstance(segment, bytes) and segment.startswith(b"MSH"):
            if message:
                yield message
            message, size, is_refused = [], 0, False
        elif not message and not is_refused:
            # Batch headers and trailers (FHS, BHS, BTS, FTS) hold no note; all else is lost words.
            if isinstance(segment, Refusal) or segment[:3] not in {b"FHS", b"BHS"}:
                is_refused = True
                yield segment if isinstance(segment, Refusal) else Refusal(Reason.MALFORMED)
            continue
        if is_refused:
            continue
        size += MAX_MESSAGE_BYTES + 1 if isinstance(segment, Refusal) else len(segment)
        if size > MAX_MESSAGE_BYTES or len(message) >= MAX_SEGMENTS:
            message, is_refused = [], True
            yield Refusal(Reason.TOO_LARGE)
        elif isinstance(segment, bytes) and segment[:3] not in {b"BTS", b"FTS"}:
            message.append(segment)
    if message:
        yield message


def _without_mark(segments: Iterator[bytes | Refusal]) -> Iterator[bytes | Refusal]:
    """The same without the mark of byte order that Windows puts before a file's first."""
    for first in segments:
        yield first.removeprefix(BOM_UTF8) if isinstance(first, bytes) else first
        break
    yield from segments


def _segments(file: IO[bytes]) -> Iterator[bytes | Refusal]:
    held: list[bytes] = []
    size, is_too_long = 0, False
    while chunk := file.read(_CHUNK):
        # Only what is new is cut: cutting it all again would take the square of the time.
        *whole, rest = _ENDS.split(chunk)
        for piece in whole:
            segment = b"".join([*held, piece])
            if segment.strip() and not is_too_long:
                yield segment
            held, size, is_too_long = [], 0, False
        size += len(rest)
        if is_too_long:
            continue
        held.append(rest)
        if size > MAX_SEGMENT_BYTES:
            held, is_too_long = [], True
            yield Refusal(Reason.TOO_LARGE)
    segment = b"".join(held)
    if segment.strip():
        yield segment


def parse(segments: list[bytes], otherwise: str | None) -> Message:
    """The message, in text.

    Args:
        segments: MSH first.
        otherwise: The operator's encoding, for a message that declares none and is no UTF-8.

    Raises:
        Refusal: A header that is none, a line that is no segment, or bytes that are not in the
            encoding declared.
    """
    head = segments[0]
    if len(head) < len(b"MSH|^~\\&") or head[3:4].isalnum():
        raise Refusal(Reason.MALFORMED)
    declared = _charset(head)
    content, encoding = decode(b"\r".join(segments), declared, otherwise)
    lines = content.split("\r")
    marks = lines[0][3:8]
    if len(set(marks)) < len("|^~\\&") or any(mark.isalnum() for mark in marks):
        raise Refusal(Reason.MALFORMED)
    by = Separators(*marks)
    # A line break inside a field, which the standard forbids: what follows it would be lost.
    if not all(_is_segment(line, by) for line in lines):
        raise Refusal(Reason.MALFORMED)
    return Message(tuple(_segment(line, by) for line in lines), encoding)


def _is_segment(line: str, by: Separators) -> bool:
    name, mark, _ = line.partition(by.field)
    name = name.strip()
    # Without a field it can be a word of a text that was broken: "MRI".
    return _NAME.fullmatch(name) is not None and (bool(mark) or name in _OFTEN_EMPTY)


def _segment(line: str, by: Separators) -> Segment:
    name, _, rest = line.partition(by.field)
    fields = rest.split(by.field)
    if name == "MSH":
        fields = [by.field, *fields]
    return Segment(name.strip(), fields, by)


def _charset(head: bytes) -> str | None:
    fields = head.split(head[3:4])
    declared = fields[17].decode("ascii", "replace").strip() if len(fields) > 17 else ""  # noqa: PLR2004 - MSH-18
    if not declared:
        return None
    # Repetitions switch sets inside a value; that is refused rather than read wrongly.
    name = _CHARSETS.get(declared.upper())
    if name is None:
        raise Refusal(Reason.UNKNOWN_ENCODING)
    return known_encoding(name)


def unescape(value: str, by: Separators) -> str:
    r"""The value with its escapes resolved (chapter 2.7).

    >>> unescape("5\\S\\3 \\T\\ more\\.br\\next", Separators("|", "^", "~", "\\", "&"))
    '5^3 & more\nnext'
    """
    if by.escape not in value:
        return value
    marks = {
        "F": by.field,
        "S": by.component,
        "R": by.repetition,
        "E": by.escape,
        "T": by.subcomponent,
    }
    mark = re.escape(by.escape)
    escaped = re.compile(rf"{mark}([^{mark}\r\n]{{0,200}}){mark}")
    return escaped.sub(lambda match: _unescaped(match, marks), value)


def _unescaped(match: re.Match[str], marks: dict[str, str]) -> str:
    code = match[1]
    if code in marks:
        return marks[code]
    if code in _DROPPED:
        return ""
    if code.startswith(_BREAKS):
        return "\n"
    if code.startswith("X"):
        try:
            return bytes.fromhex(code[1:]).decode("ascii").replace("\r", "\n")
        except ValueError:
            return match[0]
    # Switches of character sets and a site's own escapes: left as they stand, nothing is lost.
    return match[0]
