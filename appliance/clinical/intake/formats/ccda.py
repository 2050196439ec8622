"""C-CDA: one document, one note; its body may be another document."""

from collections.abc import Iterator
from typing import IO

from appliance.clinical.intake.fields import make_note
from appliance.clinical.intake.formats.attachments import PLAIN, XML, from_base64, text_of
from appliance.clinical.intake.formats.documents import MAX_BYTES, Document, document_of
from appliance.clinical.intake.formats.reading import Entry, Origin, attempt
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote


def read_ccda(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """The document as one note."""
    content = file.read(MAX_BYTES + 1)
    yield None, attempt(lambda: _note(document_of(content), origin))


def _note(document: Document, origin: Origin) -> SourceNote:
    text, encoding = document.text, "xml"
    if not text and document.body:
        text, encoding = _body(document, origin)
    return make_note(
        document.source_id or origin.identity,
        document.patient,
        document.kind[:100],
        document.date,
        text,
        encoding,
    )


def _body(document: Document, origin: Origin) -> tuple[str, str]:
    if not document.is_base64:
        if document.body_type != PLAIN:
            raise Refusal(Reason.UNKNOWN_FORMAT)
        return document.body, "xml"
    if document.body_type in XML:
        # A document inside a document inside a document has no end.
        raise Refusal(Reason.TOO_DEEP)
    return text_of(from_base64(document.body), document.body_type, origin.reading)
