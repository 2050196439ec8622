"""FHIR R4: the notes in resources: DocumentReference and DiagnosticReport with attachments.

As a Bundle or a single resource (`.json`), or one resource a line (`.ndjson`, as FHIR Bulk Data
Access has it). Of a document in several formats the one is taken that loses least on the way to
text, of those that can be read; R4 says that all of them say the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any, Final

from appliance.clinical.intake.fields import check_text, make_note, take_back
from appliance.clinical.intake.formats.attachments import (
    BEST_FIRST,
    from_base64,
    media_type,
    text_of,
)
from appliance.clinical.intake.formats.bundle import ALONE, ENTRIES, URN, Around, Bundle
from appliance.clinical.intake.formats.json_stream import MAX_VALUE_BYTES, Elements, parse_object
from appliance.clinical.intake.formats.reading import Entry, Origin, Reading, attempt
from appliance.clinical.intake.formats.resources import (
    TYPE,
    at,
    is_text,
    list_at,
    split_reference,
    text_at,
)
from appliance.clinical.intake.rejections import Reason, Refusal, Withdrawal
from appliance.records.notes import Edition, SourceNote

# DocumentReference.status, document-reference-status; docStatus, composition-status;
# DiagnosticReport.status, diagnostic-report-status (hl7.org/fhir/R4/valueset-...).
_WITHDRAWN: Final = frozenset({"entered-in-error", "cancelled", "superseded"})
_KINDS: Final = frozenset({"DocumentReference", "DiagnosticReport"})
# Bundle.entry.request.method, http-verb.
_DELETE: Final = "DELETE"
# Bundle.type. R4 wants its newest version first (http.html#history): there the first one counts.
_NEWEST_FIRST: Final = "history"
_MAX_DIGITS: Final = 18
# Of a Binary that does not say what it is (RFC 2046, 4.5.1).
_ANY_BYTES: Final = "application/octet-stream"
# Of a document; more formats than these are one format many times.
_MOST_REFUSED: Final = 4


def read_fhir(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """Every resource of a Bundle, entry by entry; or the one resource that the file is."""
    elements = Elements(file, ENTRIES)
    with Bundle(file) as bundle:
        for number, element in enumerate(elements, start=1):
            entry = _of_entry(element, origin.reading, bundle)
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


def _of_entry(element: bytes | Refusal, reading: Reading, bundle: Bundle) -> SourceNote | Refusal:
    if isinstance(element, Refusal):
        return element

    def note() -> SourceNote:
        entry = parse_object(element)
        return note_of(_resource(entry), reading, Around(bundle, text_at(entry, "fullUrl")))

    return attempt(note)


def _resource(entry: Mapping[str, object]) -> Mapping[str, object]:
    resource = entry.get("resource")
    if isinstance(resource, dict):
        return resource
    path, own = split_reference(at(entry, "request", "url"))
    kind = path.rpartition("/")[2]
    if at(entry, "request", "method") == _DELETE and kind in _KINDS and own:
        # It names no patient: in a history it stands before the versions that it took back.
        take_back(f"{kind}/{own}", None)
    # Another request, or an answer without a body.
    raise Refusal(Reason.NO_NOTE)


def note_of(resource: Mapping[str, object], reading: Reading, around: Around = ALONE) -> SourceNote:
    """The note that a resource holds.

    Args:
        resource: In JSON.
        reading: What the operator declared.
        around: What other resources came with it.

    Raises:
        Refusal: Of another type, withdrawn, with its attachment elsewhere, or malformed.
    """
    kind = resource.get(TYPE)
    if kind == "DocumentReference":
        attachments = [at(item, "attachment") for item in list_at(resource, "content")]
        code, date = resource.get("type"), at(resource, "date")
    elif kind == "DiagnosticReport":
        attachments = list_at(resource, "presentedForm")
        code = resource.get("code")
        date = at(resource, "effectiveDateTime") or at(resource, "issued")
    else:
        raise Refusal(Reason.NO_NOTE)
    edition = _edition(resource)
    if _WITHDRAWN & {str(at(resource, "status")), str(at(resource, "docStatus"))}:
        take_back(f"{kind}/{_own_id(resource)}", _patient(resource, around), edition)
    text, encoding = _text(attachments, resource, reading, around)
    note = make_note(
        f"{kind}/{_identity(resource)}",
        _patient(resource, around),
        _name(code),
        _day(date),
        text,
        encoding,
    )
    return replace(note, is_message=True, edition=edition)


def _text(
    attachments: list[Any], resource: Mapping[str, object], reading: Reading, around: Around
) -> tuple[str, str]:
    # Of two of a kind the one that is at hand.
    ranked = sorted(attachments, key=lambda one: (_preference(one), not is_text(at(one, "data"))))
    refused: list[Refusal] = []
    for attachment in ranked:
        try:
            found = _read(attachment, reading, around)
        except Refusal as refusal:
            # A new one, as `attempt` makes: this one's frames hold text.
            refused.append(Refusal(refusal.reason, refusal.field))
            # One document is not to use up the time and the reads of those after it.
            if refusal.reason is Reason.TOO_COSTLY or len(refused) == _MOST_REFUSED:
                break
        else:
            if found is not None:
                return found
    if refused:
        # Of the one that was hoped for most. The conclusion alone would hide that words are lost.
        raise next((one for one in refused if one.reason is Reason.TOO_COSTLY), refused[0])
    conclusion = at(resource, "conclusion")
    if is_text(conclusion):
        return str(conclusion), "utf-8"
    # A link would have to be fetched, and this program reaches for nothing.
    raise Refusal(Reason.NOT_INLINE if attachments else Reason.MISSING_FIELD)


def _read(attachment: Any, reading: Reading, around: Around) -> tuple[str, str] | None:
    """Its text and the encoding that was in; None where it is elsewhere."""
    data, declared = at(attachment, "data"), at(attachment, "contentType")
    if not is_text(data):
        binary = around.binary(text_at(attachment, "url"))
        data, declared = at(binary, "data"), _declared(attachment, binary)
    if not is_text(data):
        return None
    if not isinstance(declared, str):
        raise Refusal(Reason.MISSING_FIELD)
    text, encoding = text_of(from_base64(data), declared, reading)
    check_text(text)
    return text, encoding


def _declared(attachment: Any, binary: Any) -> str | None:
    """What a Binary says it is; what points to it counts where that says the same and more."""
    outer, own = text_at(attachment, "contentType"), text_at(binary, "contentType")
    says_more = media_type(outer) == media_type(own) and ";" in outer
    if outer and (says_more or media_type(own) == _ANY_BYTES):
        return outer
    return own or outer or None


def _preference(attachment: Any) -> int:
    declared = at(attachment, "contentType")
    kind = media_type(declared) if isinstance(declared, str) else ""
    return BEST_FIRST.index(kind) if kind in BEST_FIRST else len(BEST_FIRST)


def _identity(resource: Mapping[str, object]) -> str:
    for found in (
        at(resource, "id"),
        at(resource, "masterIdentifier", "value"),
        at(resource, "identifier", 0, "value"),
    ):
        if is_text(found):
            return str(found)
    raise Refusal(Reason.MISSING_FIELD)


def _own_id(resource: Mapping[str, object]) -> str:
    """The server's own id: an identifier of somebody else's withdraws nothing."""
    found = at(resource, "id")
    if not is_text(found):
        raise Refusal(Reason.MISSING_FIELD)
    return str(found)


def _patient(resource: Mapping[str, object], around: Around) -> str | None:
    """The id in "Patient/ID", absolute or versioned; or the identifier's value.

    Of a `urn:uuid:` or URL what the Patient says that has this name in the same Bundle.

    Raises:
        Refusal: It points inside the resource, where a name of the place is no patient's id.
    """
    reference = text_at(resource, "subject", "reference")
    if reference.startswith("#"):
        raise Refusal(Reason.MALFORMED)
    if not reference:
        return text_at(resource, "subject", "identifier", "value") or None
    if ":" in reference and (known := around.patient(reference)):
        return known
    kind, identity = split_reference(reference)
    if not kind or kind.rpartition("/")[2] == "Patient":
        return identity.removeprefix(URN) or None
    return None


def _name(code: object) -> str:
    coding = at(code, "coding", 0)
    for found in (at(coding, "display"), at(code, "text"), at(coding, "code")):
        if is_text(found):
            return " ".join(str(found).split())[:100]
    return ""


def _edition(resource: Mapping[str, object]) -> Edition:
    """When its server changed it last, and which version it is there (R4, resource.html#Meta)."""
    version, updated = (
        text_at(resource, "meta", "versionId"),
        text_at(resource, "meta", "lastUpdated"),
    )
    is_number = version.isascii() and version.isdigit() and len(version) <= _MAX_DIGITS
    return Edition(_instant(updated), int(version) if is_number else None)


def _instant(written: str) -> str:
    """In UTC; "" of what is no instant, as one without a time zone is none."""
    try:
        when = datetime.fromisoformat(written)
        return (
            when.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")]
            if when.tzinfo
            else ""
        )
    except (ValueError, OverflowError):
        return ""


def _day(date: object) -> str:
    """Of an instant or a day the day; a year or a month alone is none (R4, dateTime)."""
    return date[:10] if isinstance(date, str) and len(date) >= len("YYYY-MM-DD") else ""
