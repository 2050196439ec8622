"""A clinical document of HL7 (CDA R2), read by a parser that knows no document type.

HL7 CDA R2, 4.2.1.3: what a section's `text` says is what the author attests; coded entries repeat
it. A document type declaration is refused before it is read, and with it every entity.
"""

from dataclasses import dataclass, field
from typing import Final
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.formats.dates import day_of_hl7
from appliance.clinical.intake.formats.markup import MAX_DEPTH, Lines
from appliance.clinical.intake.rejections import Reason, Refusal

MAX_BYTES: Final = 4 * MAX_NOTE_BYTES
"""Largest document read; the coded part of a C-CDA is some times as long as its text."""

_NAMESPACE: Final = "{urn:hl7-org:v3}"
_ROOT: Final = "ClinicalDocument"
_CHUNK: Final = 65_536
_BLOCKS: Final = frozenset({"paragraph", "list", "item", "table", "tr", "br", "caption", "thead"})
_CELLS: Final = frozenset({"td", "th"})
_DATE_DIGITS: Final = 8


@dataclass(slots=True)
class Document:
    """What a C-CDA says.

    Attributes:
        source_id: Root and extension of its id, "" where it has none.
        patient: Extension of the first id of the record's target, or None.
        kind: Name of its code.
        date: ISO 8601 date, or "".
        text: Titles and narrative, section by section; "" where the body is another document.
        body: That other document, as it stands there.
        body_type: Its media type.
        is_base64: Whether `body` is base64.
    """

    source_id: str = field(default="", repr=False)
    patient: str | None = field(default=None, repr=False)
    kind: str = ""
    date: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    body_type: str = "text/plain"
    is_base64: bool = False


def document_of(content: bytes) -> Document:
    """What the document says.

    Raises:
        Refusal: No C-CDA, with a document type declaration, too deep, or too large.
    """
    if len(content) > MAX_BYTES:
        raise Refusal(Reason.TOO_LARGE)
    target = _Target()
    reason = None
    try:
        parser = DefusedXMLParser(target=target, forbid_dtd=True)
        for start in range(0, len(content), _CHUNK):
            parser.feed(content[start : start + _CHUNK])
        parser.close()
    except DefusedXmlException:
        reason = Reason.ENTITIES
    except Refusal as refusal:
        reason = refusal.reason
    except (ExpatError, SyntaxError, ValueError, LookupError):
        reason = Reason.MALFORMED
    # Outside the handler: the parser's errors quote what they broke on.
    if reason is not None:
        raise Refusal(reason)
    return target.document()


class _Target:
    """Takes the parser's events; keeps a path of names, and text only where text is wanted."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._found = Document()
        self._lines = Lines()
        self._other: list[str] = []
        # Depth of the outermost element whose words are kept; 0 while none is open.
        self._reading = 0
        self._is_other = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.removeprefix(_NAMESPACE)
        if not self._path and name != _ROOT:
            raise Refusal(Reason.UNKNOWN_FORMAT)
        self._path.append(name)
        if len(self._path) > MAX_DEPTH:
            raise Refusal(Reason.TOO_DEEP)
        if self._reading:
            self._layout(name)
        elif name in {"title", "text"} and self._parent() == "section":
            self._lines.end_line()
            self._reading = len(self._path)
        elif name == "text" and self._parent() == "nonXMLBody":
            self._reading, self._is_other = len(self._path), True
            self._found.body_type = attributes.get("mediaType", "text/plain")
            self._found.is_base64 = attributes.get("representation") == "B64"
        else:
            self._head(attributes)

    def end(self, tag: str) -> None:
        del tag
        name = self._path[-1]
        if self._reading == len(self._path):
            self._reading, self._is_other = 0, False
            self._lines.end_line()
        elif self._reading and name in _BLOCKS:
            self._lines.end_line()
        self._path.pop()

    def data(self, words: str) -> None:
        if self._is_other:
            self._other.append(words)
        elif self._reading:
            self._lines.add(words)

    def close(self) -> None:
        """All was read."""

    def document(self) -> Document:
        """What was read."""
        self._found.text = self._lines.text()
        self._found.body = "".join(self._other)
        return self._found

    def _parent(self) -> str:
        return self._path[-2] if len(self._path) > 1 else ""

    def _layout(self, name: str) -> None:
        if name in _BLOCKS:
            self._lines.end_line()
        elif name in _CELLS:
            self._lines.next_cell()

    def _head(self, attributes: dict[str, str]) -> None:
        at, found = self._path[1:], self._found
        if at == ["id"] and not found.source_id:
            parts = (attributes.get("root", ""), attributes.get("extension", ""))
            found.source_id = "^".join(part for part in parts if part)
        elif at == ["code"]:
            found.kind = attributes.get("displayName", "") or attributes.get("code", "")
        elif at == ["effectiveTime"]:
            found.date = day_of_hl7(attributes.get("value", ""))
        elif at == ["recordTarget", "patientRole", "id"] and found.patient is None:
            found.patient = attributes.get("extension") or attributes.get("root")
