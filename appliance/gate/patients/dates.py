# ruff: noqa: SIM905 - patterns read best whole
"""Days as people write them, each as one ISO date."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

_NAMES: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_ROMAN: Final = "i ii iii iv v vi vii viii ix x xi xii".split()
_NAME: Final = r"(jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,6}"
_GAP: Final = r"[\s.,/_-]{0,3}"
_DAY: Final = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"'?(\d{4}|\d{2})"
_MIN_YEAR, _MAX_YEAR = 1880, 2200
_YEAR_DIGITS: Final = 4
_DAY_MONTH_YEAR: Final = re.compile(
    rf"(?<!\d){_DAY}{_GAP}(?:(?:day )?of\s)?{_GAP}{_NAME}{_GAP}(?:of\s)?{_YEAR}(?!\d)",
    re.IGNORECASE,
)
_MONTH_DAY_YEAR: Final = re.compile(
    rf"(?<![a-z]){_NAME}{_GAP}(?:the\s)?{_DAY}[\s.,/_-]{{1,3}}(?:of\s)?{_YEAR}(?!\d)", re.IGNORECASE
)
_YEAR_MONTH_DAY: Final = re.compile(
    rf"(?<!\d)(\d{{4}}){_GAP}{_NAME}{_GAP}{_DAY}(?!\d)", re.IGNORECASE
)
_NUMBERS: Final = re.compile(
    r"(?<!\d)(\d{1,4})\s?([/.,_\s-])\s?(\d{1,2}|[ivx]{1,4})\s?([/.,_\s-])\s?(\d{4}|\d{1,2})(?!\d)",
    re.IGNORECASE,
)
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_COMPACT: Final = re.compile(r"(?<!\d)(\d{8})(?!\d)")
_DIGITS: Final = re.compile(r"\d+")
_BIRTH_CUES: Final = ("dob", "d.o.b", "born", "birth")
_SHORT_BIRTH: Final = re.compile(
    r"(?:dob|d\.o\.b\.?|born|birth\w*)\W{0,4}(?:date|day|on|of|is)?\W{0,4}(\d{6})(?!\d)",
    re.IGNORECASE,
)


def find_days(text: str) -> Iterator[tuple[int, int, str]]:
    """Triples (start, end, ISO date) of whole days; one for each way to read an ambiguous one.

    >>> [day for _, _, day in find_days("born 3/4/1957")]
    ['1957-03-04', '1957-04-03']
    """
    if _ISO.fullmatch(text):
        yield from ((0, len(text), day) for day in _days([text[:4]], [text[5:7]], [text[8:]]))
        return
    starts = number_starts(text)
    if not starts:
        return
    lower = text.lower()
    if any(name in lower for name in _NAMES):
        yield from _find_named(text, starts)
    for match in find_at_numbers(_NUMBERS, text, starts):
        yield from _spans(match, _of_numbers(match))
    for match in find_at_numbers(_COMPACT, text, starts):
        digits = match[1]
        yield from _spans(match, _days([digits[:4]], [digits[4:6]], [digits[6:]]))
        yield from _spans(match, _either(digits[:2], digits[2:4], digits[4:]))
    for match in _SHORT_BIRTH.finditer(text) if any(cue in lower for cue in _BIRTH_CUES) else ():
        first, second, third = match[1][:2], match[1][2:4], match[1][4:]
        yield from _spans(match, _either(first, second, third))
        yield from _spans(match, _days([first], [second], [third]))


def number_starts(text: str) -> list[int]:
    """Where numbers begin."""
    return [match.start() for match in _DIGITS.finditer(text)]


def find_at_numbers(
    pattern: re.Pattern[str], text: str, starts: Iterable[int]
) -> Iterator[re.Match[str]]:
    """The matches of a pattern that begins, always, where a number does; several times as fast."""
    done = 0
    for start in starts:
        match = pattern.match(text, start) if start >= done else None
        if match is not None:
            yield match
            done = match.end()


def _find_named(text: str, starts: list[int]) -> Iterator[tuple[int, int, str]]:
    """Days whose month has a name."""
    for match in find_at_numbers(_DAY_MONTH_YEAR, text, starts):
        yield from _spans(match, _days([match[3]], [_month(match[2])], [match[1]]))
    for match in _MONTH_DAY_YEAR.finditer(text):
        yield from _spans(match, _days([match[3]], [_month(match[1])], [match[2]]))
    for match in find_at_numbers(_YEAR_MONTH_DAY, text, starts):
        yield from _spans(match, _days([match[1]], [_month(match[2])], [match[3]]))


def _of_numbers(match: re.Match[str]) -> Iterator[str]:
    first, gap, second, other_gap, last = match.groups()
    month = str(_ROMAN.index(second.lower()) + 1) if second.lower() in _ROMAN else second
    if len(first) == _YEAR_DIGITS and gap == other_gap:
        yield from _days([first], [month], [last])
        yield from _days([first], [last], [month])
    elif len(last) == _YEAR_DIGITS or (gap in "/.-" and gap == other_gap):
        # Two digits for a year, between blanks or other signs, are a row of numbers.
        yield from _either(first, month, last)
        if len(last) != _YEAR_DIGITS:
            yield from _days([first], [month], [last])


def _either(first: str, second: str, year: str) -> Iterator[str]:
    yield from _days([year], [first], [second])
    yield from _days([year], [second], [first])


def _days(years: Iterable[str], months: Iterable[str], days: Iterable[str]) -> Iterator[str]:
    for year, month, day in zip(years, months, days, strict=True):
        if not (month.isdecimal() and day.isdecimal()) or len(year) not in {2, _YEAR_DIGITS}:
            continue
        full = [int(year)] if len(year) == _YEAR_DIGITS else [1900 + int(year), 2000 + int(year)]
        for number in full:
            if _MIN_YEAR <= number <= _MAX_YEAR and _is_day(number, int(month), int(day)):
                yield f"{number:04}-{int(month):02}-{int(day):02}"


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _month(name: str) -> str:
    return str(_NAMES.index(name[:3].lower()) + 1)


def _spans(match: re.Match[str], days: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    for day in dict.fromkeys(days):
        yield match.start(), match.end(), day
