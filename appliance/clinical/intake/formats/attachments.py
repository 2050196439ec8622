"""A document inside a message: decoded from base64, then read as what it says it is."""

import base64
import binascii
import re
from typing import Final

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.formats.documents import document_of
from appliance.clinical.intake.formats.encoding import decode
from appliance.clinical.intake.formats.markup import text_of_html
from appliance.clinical.intake.formats.pdf import text_of_pdf
from appliance.clinical.intake.formats.reading import Reading
from appliance.clinical.intake.rejections import Reason, Refusal

MAX_DOCUMENT_BYTES: Final = 2 * MAX_NOTE_BYTES
"""Largest document taken out of a message, decoded."""

PLAIN: Final = "text/plain"
HTML: Final = ("text/html", "application/xhtml+xml")
PDF: Final = "application/pdf"
XML: Final = ("text/xml", "application/xml", "application/hl7-sda+xml", "application/hl7-cda+xml")
RTF: Final = ("application/rtf", "text/rtf", "application/x-rtf")
BEST_FIRST: Final = (PLAIN, *HTML, *XML, PDF)
"""Of a document in several formats, the one in which the least is lost on the way to text."""

_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)


def from_base64(data: str) -> bytes:
    """The bytes, of a size that a document has.

    Raises:
        Refusal: No base64 (RFC 4648), or too large.
    """
    if len(data) > MAX_DOCUMENT_BYTES * 4 // 3 + 1_000_000:
        raise Refusal(Reason.TOO_LARGE)
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        content = None
    if content is None:
        raise Refusal(Reason.MALFORMED)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise Refusal(Reason.TOO_LARGE)
    return content


def media_type(declared: str) -> str:
    """The bare type of "text/plain; charset=utf-8"."""
    return declared.partition(";")[0].strip().lower()


def text_of(content: bytes, declared: str, reading: Reading) -> tuple[str, str]:
    """The document's text, and the encoding it was in ("pdf" for a PDF).

    Args:
        content: Its bytes.
        declared: Its media type with parameters (RFC 2045), e.g. "text/plain; charset=utf-8".
        reading: What the operator declared.

    Raises:
        Refusal: Of a type that holds no text for us, or not what it says it is.
    """
    kind = media_type(declared)
    if kind in RTF:
        raise Refusal(Reason.RICH_TEXT, "text")
    if kind == PDF:
        return text_of_pdf(content), "pdf"
    if kind in XML:
        return document_of(content).text, "xml"
    if kind != PLAIN and kind not in HTML:
        raise Refusal(Reason.UNKNOWN_FORMAT)
    charset = _CHARSET.search(declared)
    text, encoding = decode(content, charset and charset[1], reading.encoding)
    return (text if kind == PLAIN else text_of_html(text)), encoding
