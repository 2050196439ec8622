"""Numbers, codes and addresses in one canonical form, for the registry and for texts alike."""

import re
from collections.abc import Iterator
from typing import Final

from appliance.gate.patients.dates import find_at_numbers, number_starts

# A shorter number stands in too many places that have nothing to do with a patient.
_MIN_DIGITS: Final = 5
_MIN_LETTERS: Final = 5
_MIN_MIXED: Final = 3
_NATIONAL: Final = 10
_DIGIT: Final = re.compile(r"\d")
_ALNUM: Final = re.compile(r"[^\W_]+")
_SCHEME: Final = re.compile(r"^(?:h(?:tt|xx)ps?:?/{0,2})?(?:www\.)?", re.IGNORECASE)
_ENDING: Final = re.compile(r"\.[A-Za-z]{2,4}$")
_TYPES: Final = {
    "street": "st", "road": "rd", "avenue": "ave", "av": "ave", "boulevard": "blvd", "drive": "dr",
    "lane": "ln", "court": "ct", "place": "pl", "terrace": "ter", "square": "sq", "highway": "hwy",
    "parkway": "pkwy", "circle": "cir", "close": "cl", "north": "n", "south": "s", "east": "e",
    "west": "w", "saint": "st", "trail": "trl", "county": "co", "apartment": "apt", "mount": "mt",
}  # fmt: skip
_ADDRESS: Final = re.compile(r"(?<![^\W_])(\d{1,6})[A-Za-z]?(?![^\W_])")
_STREET_WORD: Final = re.compile(r"[^\W_]+(?:['.][^\W_]+)*")
_NEXT_LINE: Final = re.compile(r"[,;\n]")
_STREET_WORDS: Final = 5


def canonical(value: str) -> str | None:
    """Letters and digits in a row, small, without leading noughts; None where they tell nothing.

    >>> canonical("MR-00 4417"), canonical("0012 34567"), canonical("12-3")
    ('mr004417', '1234567', None)
    """
    joined = (value if value.isalnum() else "".join(_ALNUM.findall(value))).lower()
    if joined.isdecimal():
        bare = joined.lstrip("0")
        joined = bare if len(bare) >= _MIN_DIGITS else joined
        return joined if len(joined) >= _MIN_DIGITS else None
    digits = len(_DIGIT.findall(joined))
    is_telling = digits >= _MIN_DIGITS or len(joined) >= _MIN_LETTERS + digits
    # A number plate: three letters and four digits.
    is_mixed = digits >= _MIN_MIXED and len(joined) > _MIN_DIGITS
    return joined if is_telling or is_mixed else None


def code_forms(value: str) -> Iterator[str]:
    """The canonical forms under which a number, code, address on the net or file is known."""
    forms = [value]
    if "." in value or "/" in value:
        forms += [_SCHEME.sub("", value), _ENDING.sub("", value)]
    for written in dict.fromkeys(forms):
        form = canonical(written)
        if form is not None:
            yield form


def phone_forms(value: str) -> Iterator[str]:
    """A telephone number with and without the country before it."""
    form = canonical(value)
    if form is not None:
        yield form
        if len(form) > _NATIONAL:
            yield form[-_NATIONAL:]


def street_forms(value: str) -> Iterator[str]:
    """House number and street of an address, with the words for street in full and in short."""
    line = _NEXT_LINE.split(value, maxsplit=1)[0]
    words = [_plain_word(word) for word in _STREET_WORD.findall(line)]
    if len(words) > 1 and words[0].isdecimal():
        yield "".join(words)
        yield "".join(_TYPES.get(word, word) for word in words)


def find_streets(text: str) -> Iterator[tuple[int, int, str]]:
    """Triples (start, end, form) of every number with one to five words after it."""
    for match in find_at_numbers(_ADDRESS, text, number_starts(text)):
        joined = match[1]
        end = match.end()
        for _ in range(_STREET_WORDS):
            word = _STREET_WORD.search(text, end, end + 40)
            if word is None or word.start() - end > 3:  # noqa: PLR2004 - a blank, a comma
                break
            plain = _plain_word(word.group())
            joined += _TYPES.get(plain, plain)
            end = word.end()
            yield match.start(), end, joined


def _plain_word(word: str) -> str:
    return (word if word.isalnum() else "".join(_ALNUM.findall(word))).lower()
