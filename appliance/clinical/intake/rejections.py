"""Why an item of an export was not taken in, and where it stands."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from appliance.records.notes import SourceNote


class Reason(StrEnum):
    """A fixed list, so that a reason can be counted and never holds text."""

    UNREADABLE = "unreadable"
    NOT_A_FILE = "not-a-file"
    LINK = "link"
    UNKNOWN_FORMAT = "unknown-format"
    NOT_UTF8 = "not-utf-8"
    WRONG_ENCODING = "wrong-encoding"
    UNKNOWN_ENCODING = "unknown-encoding"
    MALFORMED = "malformed"
    UNKNOWN_FIELD = "unknown-field"
    MISSING_FIELD = "missing-field"
    BAD_DATE = "bad-date"
    BAD_BIRTH_DATE = "impossible-birth-date"
    NO_IDENTIFIER = "no-identifier"
    EMPTY = "empty"
    NUL_BYTE = "nul-byte"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    TOO_COSTLY = "too-costly"
    ENTITIES = "document-type-declared"
    LOCKED = "locked"
    RICH_TEXT = "rich-text"
    NO_TEXT = "no-text-in-it"
    NO_NOTE = "no-note-in-it"
    NOT_INLINE = "attachment-elsewhere"
    WITHDRAWN = "withdrawn"
    FAILED = "could-not-be-read"
    DUPLICATE_ID = "duplicate-id"
    ERASED = "patient-erased"
    OUTLIVED = "past-retention"


UNNAMED: Final = frozenset({Reason.ERASED, Reason.OUTLIVED})
"""Of what is refused so nothing is kept, its place neither: a file's name can be a patient's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands: in numbers, which may be shown, and by a name, which may not.

    Attributes:
        path: Which of the paths that were named, from 1.
        file: Which file below it, in the order they are read, from 1; None where it is one.
        line: Of a table, from 1; of messages or a bundle, which of them; None where the whole file
            is the item.
        name: The file's path; it can hold a patient's name, hence out of repr.
        field: What is at fault: a field by our own name, or of a table "column N" of what is none
            of ours; never as the table calls it. "" where it is not one field.
    """

    path: int
    file: int | None
    line: int | None
    name: str = field(repr=False)
    field: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that was not taken in."""

    reason: Reason
    place: Place


class Refusal(Exception):
    """Raised while one item is read; becomes a `Rejected` before it leaves the room.

    Attributes:
        reason: Why.
        field: What is at fault, as `Place` has it.
    """

    def __init__(self, reason: Reason, field: str = "") -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.field = field


class Withdrawal(Refusal):
    """An item that takes a note back: none itself, and word for the vault."""

    def __init__(self, note: SourceNote) -> None:
        super().__init__(Reason.WITHDRAWN)
        self.note = note
