"""How a match of a pattern can begin, and what must stand in it: worked out from its syntax.

Every answer errs towards "it can": what is not understood here could be anything. So a search that
is spared because of such an answer would have found nothing. Sets of characters are integers: one
bit for each of ASCII; one for all other characters, which every set has; and one for the edges of
the text.

The tree of a pattern is that of the standard library's own compiler (`re._parser`). It is private:
were its names to change, patterns would not be understood, and searches take longer to find the
same.
"""

import math
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

OTHER: Final = 128
"""Stands for every character that is not ASCII."""
EDGE: Final = 129
"""Stands for what is before and after the text."""
CHARACTERS: Final = 130
ANYTHING: Final = (1 << CHARACTERS) - 1
DEPTH: Final = 3
"""How many characters of a match are told."""

_OTHER: Final = 1 << OTHER
_EDGE: Final = 1 << EDGE
_READ_FLAGS: Final = re.IGNORECASE | re.VERBOSE
# More ways to begin than this say nothing.
_MANY: Final = 2_000
_NAMED_GROUP: Final = re.compile(r"\(\?P<\w+>")
_BACK_REFERENCE: Final = re.compile(r"\(\?P=\w+\)")
# How often, in a thousand, a character stands in notes; roughly, for nothing but speed hangs on it.
_USUAL: Final = {
    " ": 170,
    **dict.fromkeys("etaoinsrhldcu", 50),
    **dict.fromkeys("bfgjkmpqvwxyz.,\n", 15),
}
_UNUSUAL: Final = 2


class Beginning(NamedTuple):
    """One way to begin.

    Attributes:
        before: What may stand before it.
        characters: What its first characters may be, `DEPTH` of them at most.
        after: What may follow them.
    """

    before: int
    characters: tuple[int, ...]
    after: int


Beginnings = frozenset[Beginning]
_EMPTY: Final = frozenset({Beginning(ANYTHING, (), ANYTHING)})
_UNKNOWN: Final = frozenset({Beginning(ANYTHING, (ANYTHING,) * DEPTH, ANYTHING)})


class Shape(NamedTuple):
    """What every match of a pattern has.

    Attributes:
        start: How it begins.
        within: Of each of these sets, one stands at some place in it.
        digits: So many characters in a row are digits, or not ASCII.
        unbroken: So many in a row are no blanks, or not ASCII.
    """

    start: Beginnings
    within: tuple[Beginnings, ...]
    digits: int
    unbroken: int


class _One(NamedTuple):
    """One character out of a set."""

    characters: int


class _Seam(NamedTuple):
    """No character, but a condition: pairs of what stands before and what after."""

    sides: tuple[tuple[int, int], ...]


class _Either(NamedTuple):
    """One of several ways."""

    ways: tuple["_Row", ...]


class _Repeat(NamedTuple):
    """The same several times; without `body` anything at all."""

    least: int
    most: int
    body: "_Row"


class _Blur(NamedTuple):
    """Something that is not understood."""


_Part = _One | _Seam | _Either | _Repeat | _Blur
_Row = tuple[_Part, ...]


@lru_cache
def read_shape(pattern: str, flags: int) -> Shape:
    r"""What every match of a pattern has.

    >>> read_shape(r"\d{3}-\d{4}", 0).digits
    4
    """
    try:
        # Names may come twice in a pattern, which the standard library does not allow.
        plain = _BACK_REFERENCE.sub(r"(?:[\\s\\S]*)", _NAMED_GROUP.sub("(?:", pattern))
        parser: Any = re._parser  # type: ignore[attr-defined]  # noqa: SLF001
        row = _read(parser.parse(plain, flags & _READ_FLAGS), bool(flags & re.IGNORECASE))
    except (re.error, AttributeError, ValueError):
        return Shape(_UNKNOWN, (), 0, 0)
    runs = (_longest_run(row, kind) for kind in (_DIGITS, _UNBROKEN))
    return Shape(_begin(row), tuple(_find_within(row)), *runs)


def _read(items: Iterable[tuple[Any, Any]], caseless: bool) -> _Row:
    """The compiler's tree in the terms of this module."""
    return tuple(_read_one(str(code), argument, caseless) for code, argument in items)


def _read_one(code: str, argument: Any, caseless: bool) -> _Part:  # noqa: PLR0911 - a table
    match code:
        case "LITERAL" | "NOT_LITERAL" | "IN" | "ANY":
            return _One(_close(_characters(code, argument), caseless=caseless))
        case "BRANCH":
            return _Either(tuple(_read(way, caseless) for way in argument[1]))
        case "SUBPATTERN":
            _, added, removed, body = argument
            caseless = (caseless or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
            return _Either((_read(body, caseless),))
        case "ATOMIC_GROUP":
            return _Either((_read(argument, caseless),))
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, body = argument
            return _Repeat(int(least), int(most), _read(body, caseless))
        case "AT":
            return _Seam(_BOUNDARY if str(argument) == "AT_BOUNDARY" else _NO_CONDITION)
        case "ASSERT" | "ASSERT_NOT":
            return _read_condition(argument, caseless, is_so=code == "ASSERT")
        case _:
            return _Blur()


def _read_condition(argument: tuple[int, Any], caseless: bool, *, is_so: bool) -> _Seam:
    """What is looked at ahead or behind; more than one character of it is not."""
    side, body = argument
    row = _read(body, caseless)
    if is_so and side > 0:
        return _Seam(tuple((ANYTHING, _first(one)) for one in _begin(row)))
    if not is_so and len(row) == 1 and isinstance(row[0], _One):
        # Case is left out: a smaller set forbids less.
        code, argument = next(iter(body))
        allowed = ANYTHING & ~_characters(str(code), argument) | _OTHER
        return _Seam(((ANYTHING, allowed) if side > 0 else (allowed, ANYTHING),))
    return _Seam(_NO_CONDITION)


def _characters(code: str, argument: Any) -> int:
    """The set that one item of the tree stands for, as its letters are written."""
    match code:
        case "ANY":
            return ANYTHING & ~_EDGE
        case "LITERAL":
            return 1 << min(int(argument), OTHER)
        case "NOT_LITERAL":
            return ANYTHING & ~_EDGE & ~(1 << min(int(argument), OTHER))
        case "RANGE":
            return sum(1 << at for at in range(min(argument[0], OTHER), min(argument[1], 127) + 1))
        case "CATEGORY":
            return _CATEGORIES[str(argument)]
    is_negated = str(argument[0][0]) == "NEGATE"
    held = 0
    for kind, value in argument[is_negated:]:
        held |= _characters(str(kind), value)
    return ANYTHING & ~_EDGE & ~held if is_negated else held


def _close(characters: int, *, caseless: bool) -> int:
    """With the other case of each letter, and everything that is not ASCII."""
    if caseless:
        small, capital = characters >> ord("a") & _ALPHABET, characters >> ord("A") & _ALPHABET
        characters |= small << ord("A") | capital << ord("a")
    return characters | _OTHER


def _set(pattern: str) -> int:
    return sum(1 << at for at in range(OTHER) if re.fullmatch(pattern, chr(at))) | _OTHER


_ALPHABET: Final = (1 << 26) - 1
_DIGITS: Final = _set(r"\d")
_WORDS: Final = _set(r"\w")
_UNBROKEN: Final = _set(r"\S")
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": _DIGITS,
    "CATEGORY_NOT_DIGIT": _set(r"\D"),
    "CATEGORY_WORD": _WORDS,
    "CATEGORY_NOT_WORD": _set(r"\W"),
    "CATEGORY_SPACE": _set(r"\s"),
    "CATEGORY_NOT_SPACE": _set(r"\S"),
}
_NO_CONDITION: Final = ((ANYTHING, ANYTHING),)
_BOUNDARY: Final = (
    (_set(r"\W") | _EDGE, _WORDS),
    (_WORDS, _set(r"\W") | _EDGE),
)


def _begin(row: _Row) -> Beginnings:
    """How a match of the row can begin."""
    begun = _EMPTY
    for part in row:
        if all(len(one.characters) == DEPTH for one in begun):
            break
        begun = _join(begun, _begin_part(part))
    return begun


def _begin_part(part: _Part) -> Beginnings:
    match part:
        case _One(characters):
            return frozenset({Beginning(ANYTHING, (characters,), ANYTHING)})
        case _Seam(sides):
            return frozenset(Beginning(before, (), after) for before, after in sides)
        case _Either(ways):
            return frozenset(one for way in ways for one in _begin(way))
        case _Repeat(least, most, body):
            return _begin_repeat(least, most, _begin(body))
        case _:
            return _UNKNOWN


def _begin_repeat(least: int, most: int, once: Beginnings) -> Beginnings:
    begun, all_ways = _EMPTY, frozenset[Beginning]()
    for times in range(min(most, DEPTH) + 1):
        all_ways |= begun if times >= least else frozenset()
        begun = _join(begun, once)
    # Of more rounds no more characters are told.
    return all_ways | (begun if most > DEPTH or least > DEPTH else frozenset())


def _join(first: Beginnings, second: Beginnings) -> Beginnings:
    """What begins as the one and goes on as the other."""
    joined = {one for one in first if len(one.characters) == DEPTH}
    for one in first - joined:
        joined.update(filter(None, (_join_two(one, two) for two in second)))
    return frozenset(joined) if len(joined) <= _MANY else _UNKNOWN


def _join_two(one: Beginning, two: Beginning) -> Beginning | None:
    if not one.characters:
        before, characters = one.before & two.before, two.characters
    else:
        # A seam within says something about both its sides.
        last = one.characters[-1] & two.before
        before, characters = one.before, (*one.characters[:-1], last, *two.characters)
    after = two.after if two.characters else one.after & two.after
    if two.characters:
        at = len(one.characters)
        characters = (*characters[:at], characters[at] & one.after, *characters[at + 1 :])
    is_possible = before and after and all(characters)
    return Beginning(before, characters[:DEPTH], after) if is_possible else None


def _first(one: Beginning) -> int:
    return one.characters[0] if one.characters else one.after


def _find_within(row: _Row) -> Iterator[Beginnings]:
    """The two rarest things that must stand somewhere in a match."""
    found: list[Beginnings] = []
    rest = _EMPTY
    for part in reversed(tuple(_flatten(row))):
        rest = _join(_begin_part(part), rest)
        found.append(rest)
        if isinstance(part, _Either):
            rarest = [next(_find_within(way), _UNKNOWN) for way in part.ways]
            found.append(frozenset(one for each in rarest for one in each))
    yield from sorted(dict.fromkeys(found), key=frequency)[:2]


def _flatten(row: _Row) -> Iterator[_Part]:
    """The parts that every match has, one after the other; and what may be left out of it."""
    for part in row:
        match part:
            case _Either((only,)):
                yield from _flatten(only)
            case _Repeat(least, most, body) if least > 0:
                yield from _flatten(body)
                yield _Repeat(least - 1, most - 1, body)
            case _:
                yield part


def frequency(begun: Beginnings) -> float:
    """About how often, in as many places, something begins so; more than 1 where it often does."""
    return sum(math.prod(map(_share, one.characters)) for one in begun)


@cache
def _share(characters: int) -> float:
    usual = (_USUAL.get(chr(at), _UNUSUAL) for at in range(OTHER) if characters >> at & 1)
    return min(1.0, sum(usual) / 1000)


def _longest_run(row: _Row, kind: int) -> int:
    """How many characters of one kind every match has in a row, at least."""
    longest = current = 0
    for length in _runs(row, kind):
        current = current + length if length else 0
        longest = max(longest, current)
    return longest


def _runs(row: _Row, kind: int) -> Iterator[int]:
    """For each part in turn how many of that kind it is, 0 where it need not be any."""
    for part in row:
        match part:
            case _One(characters):
                yield int(not characters & ~kind)
            case _Seam():
                pass
            case _Either((only,)):
                yield from _runs(only, kind)
            case _Repeat(least, _, (_One(characters),)) if not characters & ~kind:
                yield least
            case _:
                yield 0
