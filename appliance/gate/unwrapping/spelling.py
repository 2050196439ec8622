# ruff: noqa: E501, SIM905 - word lists read best whole
"""Words and numbers that are taken apart or spelled: "Z e b", "four four one", "Zulu Echo"."""

import re
from collections import Counter
from typing import Final

from appliance.gate import lexicon
from appliance.gate.normalisation import Reading
from appliance.gate.unwrapping.rewriting import drop, replace

_SEPARATOR: Final = r"[\W_]"
_SPACED: Final = re.compile(rf"(?<![^\W_])[^\W_](?:{_SEPARATOR}{{1,8}}[^\W_](?![^\W_])){{3,}}")
_USUAL_SHARE: Final = 0.6
_GAP: Final = re.compile(rf"{_SEPARATOR}+")
_HYPHENATED: Final = re.compile(r"(?<=[^\s])-[ ]*\r?\n[ ]*(?=[^\s])")
_BROKEN_NUMBER: Final = re.compile(r"(?<=\d)[ ]*[\\-]?[ ]*\r?\n[ ]*(?=\d)")
_DIGITS: Final = dict(
    zip(
        "zero oh one two three four five six seven eight nine niner nought null".split(),
        "00123456789900",
        strict=True,
    )
)
_DIGIT: Final = rf"(?:{'|'.join(_DIGITS)}|\d)"
_REPEATED: Final = r"(?:(?:double|triple)[ -]+)?"
_SPELLED: Final = re.compile(
    rf"(?<!\w){_REPEATED}{_DIGIT}(?:[\s,./-]{{1,3}}(?:(?:dash|hyphen|slash|dot|point)[\s,./-]+)?{_REPEATED}{_DIGIT}){{3,}}(?!\w)",
    re.IGNORECASE,
)
_SIGNS: Final = {"dash": "-", "hyphen": "-", "minus": "-", "slash": "/", "dot": ".", "point": "."}
_SIGN_WORD: Final = re.compile(rf"(?<=\d) ({'|'.join(_SIGNS)}) (?=\d)", re.IGNORECASE)
_TEENS: Final = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_UNITS: Final = "one two three four five six seven eight nine".split()
_MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
_MONTH: Final = rf"(?:{'|'.join(_MONTHS)})"
_TWO: Final = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_UNITS)}))?|{'|'.join(_TEENS)}|(?:oh|o)[ -](?:{'|'.join(_UNITS)}))"
_YEAR: Final = re.compile(
    rf"(?<!\w)(?:(nineteen|twenty)[ -](?:hundred[ -](?:and[ -])?)?({_TWO})|two[ -]thousand(?:[ -](?:and[ -])?({_TWO}|{'|'.join(_UNITS)}))?)(?!\w)",
    re.IGNORECASE,
)
_ORDINALS: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third "
    "twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
_ORDINAL_WORD: Final = "|".join(word.replace("-", "[ -]") for word in reversed(_ORDINALS))
_DAY: Final = re.compile(
    rf"(?:(?<={' '}))(?:{_ORDINAL_WORD})(?=(?: of)? {_MONTH})|(?<= )(?:{_ORDINAL_WORD})(?=,? (?:nineteen|twenty|two|\d))",
    re.IGNORECASE,
)
_NATO: Final = (
    "alfa alpha bravo charlie delta echo foxtrot golf hotel india juliett juliet kilo lima mike november oscar "
    "papa quebec romeo sierra tango uniform victor whiskey whisky xray x-ray yankee zulu"
).split()
_NATO_WORD: Final = rf"(?:{'|'.join(_NATO)}|{'|'.join(_DIGITS)}|\d)"
_NATO_RUN: Final = re.compile(
    rf"(?<!\w){_NATO_WORD}(?:[\s,./-]{{1,3}}{_NATO_WORD}){{3,}}(?!\w)", re.IGNORECASE
)
_NATO_PART: Final = re.compile(r"x-ray|[a-z]+|\d", re.IGNORECASE)
_MORSE: Final = dict(
    zip(
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        "abcdefghijklmnopqrstuvwxyz0123456789",
        strict=True,
    )
)
_MORSE_RUN: Final = re.compile(r"(?<![\w.-])[.-]{1,5}(?: {1,3}/? {0,3}[.-]{1,5}){3,}(?![\w.-])")
_OBFUSCATED: Final = re.compile(
    r"\s*[\[({<]\s*(?:dot|at|@|\.)\s*[\])}>]\s*|(?<=\w)\s+dot\s+(?=\w)|(?<=\w)\s+at\s+(?=[\w-]+(?:\.|\s+dot\s+)\w)",
    re.IGNORECASE,
)
_ORDINAL: Final = re.compile(r"\d+(?:st|nd|rd|th|s)", re.IGNORECASE)
_LEET: Final = str.maketrans("013457809@$!|+", "oieastbogasilt")
_LEET_WORD: Final = re.compile(
    r"(?<![\w@$!|+])(?=[A-Za-z]{0,23}[0-9@$!|+])[A-Za-z0-9@$!|+]{4,24}(?![\w@$!|+])"
)


def join_spaced(reading: Reading) -> Reading:
    """The reading with letters and digits put together that stand apart, line ends too."""
    text = reading.text
    reading = replace(reading, _SPACED, lambda match: _joined(match.group()))
    if "\n" in text:
        reading = drop(drop(reading, _HYPHENATED), _BROKEN_NUMBER)
    if "dot" in text.lower() or "[" in text or "(" in text:
        reading = replace(reading, _OBFUSCATED, lambda match: _point(match.group()))
    return reading


def read_spelled(reading: Reading) -> Reading:
    """The reading with digits for spelled digits and years, letters for spelling alphabets."""
    # Counting words first is far cheaper than a search for a run of them.
    lower = reading.text.lower()
    if any(word in lower for word in _DIGITS):
        reading = replace(reading, _SPELLED, lambda match: _digits(match.group()))
    if any(month in lower for month in _MONTHS):
        reading = replace(reading, _DAY, lambda match: _ordinal(match.group()))
        reading = replace(reading, _YEAR, _year)
    if sum(word in lower for word in _NATO) > 1:
        reading = replace(reading, _NATO_RUN, lambda match: _alphabet(match.group()))
    if any(sign in lower for sign in ("..", ".-", "-.", "--")):
        reading = replace(reading, _MORSE_RUN, lambda match: _morse(match.group()))
    return replace(reading, _SIGN_WORD, lambda match: _SIGNS[match[1].lower()])


def read_leet(reading: Reading) -> Reading:
    """The reading with letters for the digits and signs that stand for them within words."""
    return replace(reading, _LEET_WORD, lambda match: _unleeted(match.group()))


def unleet(word: str) -> str | None:
    """The word or name that digits and signs disguise; None where there is none.

    >>> unleet("p4t13nt"), unleet("B12"), unleet("patient")
    ('patient', None, None)
    """
    if word.isalpha() or sum(map(str.isalpha, word)) < 2:  # noqa: PLR2004 - a letter is no word
        return None
    if lexicon.is_known_word(word) or _ORDINAL.fullmatch(word):
        return None
    for plain in leet_forms(word):
        is_name = plain in lexicon.given_names() or plain in lexicon.family_names()
        if is_name or lexicon.is_known_word(plain):
            return plain
    return None


def leet_forms(word: str) -> tuple[str, ...]:
    """What a word with digits and signs for letters may mean, "1" once as i and once as l."""
    lower = word.lower()
    return tuple(dict.fromkeys((lower.translate(_LEET), lower.replace("1", "l").translate(_LEET))))


def _unleeted(written: str) -> str | None:
    plain = unleet(written)
    return plain.title() if plain and not written[0].islower() else plain


def _joined(written: str) -> str | None:
    """What is put between all characters goes, and what they were stays: "1 0 . 8" is "10.8".

    Else the commonest gap goes, what else stands between stays: "1.2 x 0.8 x 0.5" has none.
    """
    gaps = Counter(_GAP.findall(written))
    least = min(gaps, key=len)
    inner = {gap: gap[len(least) : -len(least)] for gap in gaps if gap != least}
    if all(sign and gap == f"{least}{sign}{least}" for gap, sign in inner.items()):
        return _GAP.sub(lambda match: inner.get(match.group(), ""), written)
    usual = min(gaps, key=lambda gap: (-gaps[gap], len(gap)))
    if gaps[usual] < _USUAL_SHARE * gaps.total():
        return None

    def close(match: re.Match[str]) -> str:
        gap = match.group()
        return "" if gap == usual else gap.replace(usual, "") or " "

    return _GAP.sub(close, written)


def _digits(written: str) -> str:
    result = ""
    times = 1
    for word in re.findall(r"[a-z]+|\d", written.lower()):
        if word in {"double", "triple"}:
            times = 2 if word == "double" else 3
        elif word in _DIGITS or word.isdigit():
            result += _DIGITS.get(word, word) * times
            times = 1
        else:
            result += "." if word in {"dot", "point"} else "/" if word == "slash" else "-"
    return result


def _two(written: str) -> int:
    words = written.lower().replace("-", " ").split()
    value = 0
    for word in words:
        if word in _TENS:
            value += 10 * (_TENS.index(word) + 2)
        elif word in _TEENS:
            value += _TEENS.index(word) + 10
        elif word in _UNITS:
            value += _UNITS.index(word) + 1
    return value


def _year(match: re.Match[str]) -> str:
    if match[1] is None:
        return str(2000 + _two(match[3] or ""))
    return str((1900 if match[1].lower() == "nineteen" else 2000) + _two(match[2]))


def _ordinal(written: str) -> str:
    return str(_ORDINALS.index(written.lower().replace(" ", "-")) + 1)


def _alphabet(written: str) -> str:
    words = re.split(r"\s*[/,;]\s*", written.lower())
    # Names are spelled, and a name is written with a capital.
    return " ".join("".join(map(_letter, _NATO_PART.findall(word))) for word in words).title()


def _letter(part: str) -> str:
    return part if part.isdigit() else _DIGITS.get(part, part[0])


def _morse(written: str) -> str:
    words = re.split(r" {2,}|/", written)
    return " ".join(
        "".join(_MORSE.get(sign, "?") for sign in word.split()) for word in words
    ).title()


def _point(written: str) -> str:
    return "@" if "at" in written.lower() or "@" in written else "."
