"""FHIR R4: the notes in resources: DocumentReference and DiagnosticReport with attachments.

As a Bundle or a single resource (`.json`), or one resource a line (`.ndjson`, as FHIR Bulk Data
Access has it). Of a document in several formats the one is taken that loses least on the way to
text; R4 says that all of them say the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Any, Final

from appliance.clinical.intake.fields import make_note, take_back
from appliance.clinical.intake.formats.attachments import (
    BEST_FIRST,
    from_base64,
    media_type,
    text_of,
)
from appliance.clinical.intake.formats.json_stream import MAX_VALUE_BYTES, Elements, parse_object
from appliance.clinical.intake.formats.reading import Entry, Origin, Reading, attempt
from appliance.clinical.intake.rejections import Reason, Refusal, Withdrawal
from appliance.records.notes import SourceNote

TYPE: Final = "resourceType"
"""The key by which a JSON object says that it is a resource."""

# DocumentReference.status, document-reference-status; docStatus, composition-status;
# DiagnosticReport.status, diagnostic-report-status (hl7.org/fhir/R4/valueset-...).
_WITHDRAWN: Final = frozenset({"entered-in-error", "cancelled"})
_KINDS: Final = frozenset({"DocumentReference", "DiagnosticReport"})
# Bundle.entry.request.method, http-verb.
_DELETE: Final = "DELETE"
_ENTRIES: Final = "entry"
# Bundle.type. R4 wants its newest version first (http.html#history): there the first one counts.
_NEWEST_FIRST: Final = "history"


def read_fhir(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """Every resource of a Bundle, entry by entry; or the one resource that the file is."""
    elements = Elements(file, _ENTRIES)
    for number, element in enumerate(elements, start=1):
        entry = _of_entry(element, origin.reading)
        if elements.kind == _NEWEST_FIRST:
            entry = _of_history(entry)
        yield number if elements.has_array else None, entry
        if not elements.has_array:
            return
    if elements.has_array:
        return
    file.seek(0)
    content = file.read(MAX_VALUE_BYTES + 1)
    yield None, attempt(lambda: note_of(parse_object(content), origin.reading))


def _of_history(entry: SourceNote | Refusal) -> SourceNote | Refusal:
    """An older version, should the id have come before; a newer one, where nothing has."""
    if isinstance(entry, Withdrawal):
        return Withdrawal(replace(entry.note, is_message=False))
    return entry if isinstance(entry, Refusal) else replace(entry, is_message=False)


def _of_entry(element: bytes | Refusal, reading: Reading) -> SourceNote | Refusal:
    if isinstance(element, Refusal):
        return element
    return attempt(lambda: note_of(_resource(parse_object(element)), reading))


def _resource(entry: Mapping[str, object]) -> Mapping[str, object]:
    resource = entry.get("resource")
    if isinstance(resource, dict):
        return resource
    path, own = _split(_at(entry, "request", "url"))
    kind = path.rpartition("/")[2]
    if _at(entry, "request", "method") == _DELETE and kind in _KINDS and own:
        # It names no patient: in a history it stands before the versions that it took back.
        take_back(f"{kind}/{own}", None)
    # Another request, or an answer without a body.
    raise Refusal(Reason.NO_NOTE)


def note_of(resource: Mapping[str, object], reading: Reading) -> SourceNote:
    """The note that a resource holds.

    Raises:
        Refusal: Of another type, withdrawn, with its attachment elsewhere, or malformed.
    """
    kind = resource.get(TYPE)
    if kind == "DocumentReference":
        attachments = [_at(item, "attachment") for item in _list(resource, "content")]
        code, date = resource.get("type"), _at(resource, "date")
    elif kind == "DiagnosticReport":
        attachments = _list(resource, "presentedForm")
        code = resource.get("code")
        date = _at(resource, "effectiveDateTime") or _at(resource, "issued")
    else:
        raise Refusal(Reason.NO_NOTE)
    if _WITHDRAWN & {str(_at(resource, "status")), str(_at(resource, "docStatus"))}:
        take_back(f"{kind}/{_own_id(resource)}", _patient(resource))
    text, encoding = _text(attachments, resource, reading)
    note = make_note(
        f"{kind}/{_identity(resource)}",
        _patient(resource),
        _name(code),
        _day(date),
        text,
        encoding,
    )
    return replace(note, is_message=True)


def _text(
    attachments: list[Any], resource: Mapping[str, object], reading: Reading
) -> tuple[str, str]:
    inline = [item for item in attachments if _is_text(_at(item, "data"))]
    if not inline:
        conclusion = _at(resource, "conclusion")
        if _is_text(conclusion):
            return str(conclusion), "utf-8"
        # A link would have to be fetched, and this program reaches for nothing.
        raise Refusal(Reason.NOT_INLINE if attachments else Reason.MISSING_FIELD)
    best = min(inline, key=_preference)
    declared = _at(best, "contentType")
    if not isinstance(declared, str):
        raise Refusal(Reason.MISSING_FIELD)
    return text_of(from_base64(_at(best, "data")), declared, reading)


def _preference(attachment: Any) -> int:
    declared = _at(attachment, "contentType")
    kind = media_type(declared) if isinstance(declared, str) else ""
    return BEST_FIRST.index(kind) if kind in BEST_FIRST else len(BEST_FIRST)


def _identity(resource: Mapping[str, object]) -> str:
    for found in (
        _at(resource, "id"),
        _at(resource, "masterIdentifier", "value"),
        _at(resource, "identifier", 0, "value"),
    ):
        if _is_text(found):
            return str(found)
    raise Refusal(Reason.MISSING_FIELD)


def _own_id(resource: Mapping[str, object]) -> str:
    """The server's own id: an identifier of somebody else's withdraws nothing."""
    found = _at(resource, "id")
    if not _is_text(found):
        raise Refusal(Reason.MISSING_FIELD)
    return str(found)


def _patient(resource: Mapping[str, object]) -> str | None:
    """The id in "Patient/ID", absolute or versioned; or the identifier's value.

    Raises:
        Refusal: It points inside the resource, where a name of the place is no patient's id.
    """
    reference = _at(resource, "subject", "reference")
    if _is_text(reference) and str(reference).startswith("#"):
        raise Refusal(Reason.MALFORMED)
    if _is_text(reference):
        kind, identity = _split(reference)
        if not kind or kind.rpartition("/")[2] == "Patient":
            return identity.removeprefix("urn:uuid:") or None
        return None
    value = _at(resource, "subject", "identifier", "value")
    return str(value) if _is_text(value) else None


def _split(reference: object) -> tuple[str, str]:
    """What stands before the id in "TYPE/ID", absolute or versioned, and the id."""
    path, _, own = str(reference).partition("/_history/")[0].rpartition("/")
    return path, own


def _name(code: object) -> str:
    coding = _at(code, "coding", 0)
    for found in (_at(coding, "display"), _at(code, "text"), _at(coding, "code")):
        if _is_text(found):
            return " ".join(str(found).split())[:100]
    return ""


def _day(date: object) -> str:
    """Of an instant or a day the day; a year or a month alone is none (R4, dateTime)."""
    return date[:10] if isinstance(date, str) and len(date) >= len("YYYY-MM-DD") else ""


def _list(resource: Mapping[str, object], key: str) -> list[Any]:
    value = resource.get(key)
    return value if isinstance(value, list) else []


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _at(value: Any, *path: str | int) -> Any:
    """What stands at the path, or None where the way ends."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
