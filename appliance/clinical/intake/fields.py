"""The fields of one note as a stranger wrote them, checked and turned into a `SourceNote`."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from appliance.clinical.intake.rejections import Reason, Refusal, Withdrawal
from appliance.records.notes import NO_EDITION, Edition, SourceNote, withdrawal_of

MAX_NOTE_BYTES: Final = 10_000_000
"""Longest note taken in, in bytes of UTF-8; a longer one is an export gone wrong."""

MAX_ID_CHARACTERS: Final = 500
"""Longest id of a note or a patient; a path is one too."""

# RTF 1.9.1, "Header". Letters are written `\'e9` there, and words cut by commands: a name would be
# found by nobody, and a finding stand where no reader sees it. Anywhere: texts are put together.
_RTF: Final = re.compile(r"\{\\rtf(?:[0-9]|\\)")


def _id_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[str, BeforeValidator(_id_text), Field(min_length=1, max_length=MAX_ID_CHARACTERS)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    id: Id
    text: str
    patient: Id | None = None
    kind: Annotated[str, Field(max_length=100, pattern=r"^[^\n\r\x00]*$")] = ""
    date: Annotated[str, Field(max_length=40)] = ""


_REASONS: Final = {"extra_forbidden": Reason.UNKNOWN_FIELD, "missing": Reason.MISSING_FIELD}


def note_from_fields(fields: Mapping[str, object], encoding: str = "utf-8") -> SourceNote:
    """The note that an export's row describes: id, text, and optionally patient, kind and date.

    Raises:
        Refusal: With the reason; nothing of the row is in it.
    """
    try:
        parsed = _Fields.model_validate(dict(fields))
    except (ValidationError, ValueError) as error:
        refusal = _refusal(error)
    else:
        if parsed.date and not _is_date(parsed.date):
            raise Refusal(Reason.BAD_DATE, "date")
        return make_note(parsed.id, parsed.patient, parsed.kind, parsed.date, parsed.text, encoding)
    # Outside the handler: pydantic's error still holds the input, and must not be its context.
    raise refusal


def make_note(
    source_id: str,
    patient: str | None,
    kind: str,
    written_on: str,
    text: str,
    encoding: str = "utf-8",
) -> SourceNote:
    """A note whose text can be read and whose date is a date.

    Raises:
        Refusal: As `check_text`; or with an id or date that is none.
    """
    for value in (source_id, patient or "", kind):
        _check_characters(value)
    check_text(text)
    if not source_id or max(len(source_id), len(patient or "")) > MAX_ID_CHARACTERS:
        raise Refusal(Reason.MALFORMED)
    if written_on and not _is_date(written_on):
        raise Refusal(Reason.BAD_DATE)
    normalised = text.replace("\r\n", "\n").replace("\r", "\n")
    return SourceNote(source_id, patient, kind.strip(), written_on[:10], normalised, encoding)


def check_text(text: str) -> None:
    """A note can have these words.

    Raises:
        Refusal: Empty, too large, with NUL bytes, not UTF-8, or rich text, whatever it says it is.
    """
    _check_characters(text)
    if _RTF.search(text):
        raise Refusal(Reason.RICH_TEXT, "text")
    if len(text) > MAX_NOTE_BYTES or len(text.encode()) > MAX_NOTE_BYTES:
        raise Refusal(Reason.TOO_LARGE)
    if not text.strip():
        raise Refusal(Reason.EMPTY)


def _check_characters(value: str) -> None:
    if not _is_utf8(value):
        raise Refusal(Reason.NOT_UTF8)
    if "\x00" in value:
        raise Refusal(Reason.NUL_BYTE)


def take_back(source_id: str, patient: str | None, edition: Edition = NO_EDITION) -> NoReturn:
    """Nothing is returned: what the item says is that the note of that id is withdrawn.

    Raises:
        Withdrawal: It names the note.
        Refusal: It names none by an id that can be one: nothing is withdrawn by it.
    """
    # By the rules of any note's id.
    make_note(source_id, patient, "", "", "withdrawn")
    raise Withdrawal(withdrawal_of(source_id, patient, edition))


def _refusal(error: Exception) -> Refusal:
    """With the field at fault, if it is one of ours: a stranger's name for one can be anything."""
    if not isinstance(error, ValidationError):
        return Refusal(Reason.MALFORMED)
    found = [
        (_REASONS.get(complaint["type"], Reason.MALFORMED), str(complaint["loc"][0]))
        for complaint in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    reason, field = min(found, key=lambda one: one[0] is Reason.MALFORMED)
    return Refusal(reason, field if field in _Fields.model_fields else "")


def _is_utf8(value: str) -> bool:
    """Whether it holds no lone surrogate, as broken bytes and broken JSON escapes leave behind."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return len(value) == len("YYYY-MM-DD") or value[10] in "T "
