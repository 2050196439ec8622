"""Whether a registry's date of birth can be one."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

# Nobody alive or lately dead was born earlier; the patient index knows no earlier year either.
_FIRST: Final = date(1880, 1, 1)
# Clocks run in UTC, and a child can be born in a hospital whose day has begun already.
_GRACE: Final = timedelta(days=1)
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-./])(\d{1,2})\2(\d{1,2})(?:[T ].*)?")
_RUN_TOGETHER: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{2,6})?")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-./])(\d{1,2})\2(\d{4}|\d{2})")
_PART: Final = re.compile(r"(\d{4})(?:-(?:0[1-9]|1[0-2]))?")
_CENTURIES: Final = (1900, 2000)


def is_possible_birth_date(value: str, today: date) -> bool:
    """Whether somebody can have been born on that day.

    A value with letters ("unknown", "3 Feb 1950") is not judged, and a year or a month alone is
    no day to judge. Of day and month, either may come first.

    >>> is_possible_birth_date("1950-02-30", date(2026, 1, 1))
    False
    """
    text = value.strip()
    if not _YEAR_FIRST.fullmatch(text) and any(character.isalpha() for character in text):
        return True
    if match := _PART.fullmatch(text):
        return _FIRST.year <= int(match[1]) <= today.year
    return any(_FIRST <= day <= today + _GRACE for day in _readings(text))


def _readings(text: str) -> Iterator[date]:
    """Every day that can be meant."""
    if match := _YEAR_FIRST.fullmatch(text):
        yield from _days(match[1], match[3], match[4])
    elif match := _RUN_TOGETHER.fullmatch(text):
        yield from _days(match[1], match[2], match[3])
    elif match := _YEAR_LAST.fullmatch(text):
        yield from _days(match[4], match[1], match[3])
        yield from _days(match[4], match[3], match[1])


def _days(year: str, month: str, day: str) -> Iterator[date]:
    given = int(year)
    years = [given] if len(year) > len("50") else [given + century for century in _CENTURIES]
    for one in years:
        try:
            yield date(one, int(month), int(day))
        except ValueError:
            continue
