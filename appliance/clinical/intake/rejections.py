"""Why an item of an export was not taken in."""

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """A fixed list, so that a reason can be counted and never holds text."""

    UNREADABLE = "unreadable"
    NOT_A_FILE = "not-a-file"
    LINK = "link"
    UNKNOWN_FORMAT = "unknown-format"
    NOT_UTF8 = "not-utf-8"
    MALFORMED = "malformed"
    UNKNOWN_FIELD = "unknown-field"
    MISSING_FIELD = "missing-field"
    BAD_DATE = "bad-date"
    EMPTY = "empty"
    NUL_BYTE = "nul-byte"
    TOO_LARGE = "too-large"
    DUPLICATE_ID = "duplicate-id"


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that was not taken in.

    Attributes:
        reason: From the fixed list.
        source: File and line; file names can hold a patient's name, hence out of repr.
    """

    reason: Reason
    source: str = field(repr=False)


class Refusal(Exception):
    """Raised while one item is read; becomes a `Rejected` before it leaves the room."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
