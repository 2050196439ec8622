"""Days as HL7 writes them."""

from typing import Final

_DIGITS: Final = 8


def day_of_hl7(stamp: str) -> str:
    """The day of a time stamp (YYYYMMDD..., HL7 v2.5 chapter 2.A.22), as ISO 8601; "" without one.

    >>> day_of_hl7("20260314081500+0100")
    '2026-03-14'
    """
    digits = stamp[:_DIGITS]
    if len(digits) < _DIGITS or not (digits.isascii() and digits.isdigit()):
        return ""
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
