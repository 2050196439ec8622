"""A text as words that may be names: as written, put together, and as a disguise would have it."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from appliance.gate.lexicon import family_names, given_names, is_known_word
from appliance.gate.patients.names import PARTICLES, is_ordinary
from appliance.gate.unwrapping.spelling import leet_forms

_WORD: Final = re.compile(r"[^\W\d_]+")
_LEET: Final = re.compile(r"[A-Za-z0-9@$!|+]{3,24}")
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS: Final = _ALPHABET.upper()
ROT13: Final = str.maketrans(
    _ALPHABET + _CAPITALS,
    _ALPHABET[13:] + _ALPHABET[:13] + _CAPITALS[13:] + _CAPITALS[:13],
)
_ATBASH: Final = str.maketrans(_ALPHABET + _CAPITALS, _ALPHABET[::-1] + _CAPITALS[::-1])
_APART: Final = re.compile(r"\S+")
_TELLING: Final = 5
_RUN: Final = 5
_LONGEST: Final = 30
_GAP: Final = 3


class Unit(NamedTuple):
    """One word, or several neighbours read as one; a tuple, for there are hundreds in a text.

    Attributes:
        first: Place of its first word among the words of the text.
        last: Place of its last.
        start: First code point.
        end: One past the last.
        word: In small letters.
        is_ordinary: Whether texts that name nobody have it.
        is_capital: Whether it is written with a capital.
    """

    first: int
    last: int
    start: int
    end: int
    word: str
    is_ordinary: bool
    is_capital: bool


def words_of(text: str) -> list[Unit]:
    """The words of a text, in order."""
    words = []
    for place, match in enumerate(_WORD.finditer(text)):
        written = match.group()
        start, end = match.span()
        word = written.lower()
        is_capital = not written.islower()
        words.append(Unit(place, place, start, end, word, is_ordinary(word), is_capital))
    return words


def runs_of(words: list[Unit]) -> Iterator[Unit]:
    """Up to five neighbours as one word, where at least one of them means nothing by itself."""
    for at, unit in enumerate(words):
        # Two ordinary words do not begin a name that was taken apart.
        is_plain = unit.is_ordinary and unit.word not in PARTICLES
        if is_plain and (at + 1 == len(words) or words[at + 1].is_ordinary):
            continue
        joined, is_odd = unit.word, not unit.is_ordinary
        for last in range(at + 1, min(at + _RUN, len(words))):
            other = words[last]
            joined += other.word
            is_odd = is_odd or not other.is_ordinary
            if other.start - words[last - 1].end > _GAP or len(joined) > _LONGEST:
                break
            if is_odd:
                is_capital = unit.is_capital or other.is_capital
                yield Unit(unit.first, last, unit.start, other.end, joined, False, is_capital)


def disguised(text: str, words: list[Unit]) -> Iterator[list[Unit]]:
    """The words as each disguise would have them, where that leaves any."""
    odd = [unit for unit in words if not unit.is_ordinary and len(unit.word) > 2]  # noqa: PLR2004
    for change in _DISGUISES:
        yield [_changed(unit, word) for unit in odd if (word := change(unit.word))]
    places = {unit.first for unit in odd}
    pairs = [unit for unit in odd if places & (_around(unit.first) - {unit.first})]
    for change in _SHIFTS if pairs else ():
        yield [_changed(unit, change(unit.word)) for unit in pairs]
    yield from _camels(text)
    if any(map(str.isdigit, text)) or any(sign in text for sign in "@$!|"):
        yield from _leet(text)


def undisguised(text: str, words: list[Unit]) -> Iterator[str]:
    """The whole text without a disguise, for each that some odd word of it makes likely."""
    odd = [unit.word for unit in words if not unit.is_ordinary and len(unit.word) >= _TELLING]
    for change, change_all in _WHOLE:
        if any(_is_listed(change(word)) for word in odd):
            yield change_all(text)


def _is_listed(word: str) -> bool:
    return is_known_word(word) or word in given_names().clear or word in family_names().clear


def _around(place: int) -> set[int]:
    return set(range(place - _GAP, place + _GAP + 1))


def _camels(text: str) -> Iterator[list[Unit]]:
    """Words that begin within words: "ZebulonQuackenbush"."""
    parts = [
        (word.start() + part.start(), part.group())
        for word in _WORD.finditer(text)
        if not (word.group().islower() or word.group().istitle() or word.group().isupper())
        for part in _CAMEL.finditer(word.group())
    ]
    yield [
        Unit(place, place, start, start + len(part), part.lower(), is_ordinary(part.lower()), True)
        for place, (start, part) in enumerate(parts)
    ]


def _leet(text: str) -> Iterator[list[Unit]]:
    """Words with digits for letters, and their neighbours; "1" as i, then as l."""
    words = [match for match in _LEET.finditer(text) if any(map(str.isalpha, match.group()))]
    mixed = {at for at, match in enumerate(words) if not match.group().isalpha()}
    near = sorted({at + by for at in mixed for by in (-1, 0, 1)} & set(range(len(words))))
    forms = [leet_forms(words[at].group()) for at in near]
    for which in (0, -1):
        yield [
            Unit(at, at, *words[at].span(), read[which], False, True)
            for at, read in zip(near, forms, strict=True)
        ]


def _changed(unit: Unit, word: str) -> Unit:
    return Unit(unit.first, unit.last, unit.start, unit.end, word, is_ordinary(word), True)


def _undoubled(word: str) -> str:
    """The word of which every letter is written twice, or three times; "" for any other."""
    for times in (2, 3):
        letters = word[::times]
        if "".join(letter * times for letter in letters) == word:
            return letters
    return ""


def _shift(by: int) -> Callable[[str], str]:
    table = str.maketrans(_ALPHABET, _ALPHABET[by:] + _ALPHABET[:by])
    return lambda word: word.translate(table)


# Rot13 has its own view; one unknown word beside another is needed for the rarer shifts.
_SHIFTS: Final = tuple(_shift(by) for by in range(1, 26) if by != 13)  # noqa: PLR2004


def _reversed_words(text: str) -> str:
    return _APART.sub(lambda match: match.group()[::-1], text)


# Each with the text as a whole undisguised: order may change, length never does.
_DISGUISES: Final[tuple[Callable[[str], str], ...]] = (
    lambda word: word[::-1],
    lambda word: word.translate(ROT13),
    lambda word: word.translate(_ATBASH),
    _undoubled,
)
_WHOLE: Final[tuple[tuple[Callable[[str], str], Callable[[str], str]], ...]] = (
    (_DISGUISES[0], lambda text: text[::-1]),
    (_DISGUISES[0], _reversed_words),
    (_DISGUISES[1], _DISGUISES[1]),
    (_DISGUISES[2], _DISGUISES[2]),
)
