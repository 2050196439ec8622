"""What in a text could be a number, code, day, address or place of the registry."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from appliance.gate.patients.codes import canonical, find_streets
from appliance.gate.patients.dates import find_at_numbers, find_days, number_starts
from appliance.gate.patients.names import is_ordinary
from appliance.gate.patients.views import ROT13, Unit

_ATOM: Final = re.compile(r"[^\W\d_]+|\d+")
_CHUNK: Final = re.compile(r"(?=\S{8})\S*[@/.:_=]\S*")
_MAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_FIVE: Final = re.compile(r"(?<![\d.,-])(\d{5})(?:-\d{4})?(?![\d,]|\.\d)")
_STATE: Final = re.compile(
    r"(?:\b[A-Z]{2}|\bzip(?: ?code)?|\bpostal(?: ?code)?)[\s.:,#]{0,4}$", re.IGNORECASE
)
_CUE: Final = re.compile(
    r"(?:mrn|m\.r\.n|record|chart|acct|account|number|num|no|nr|id|ident\w*|ssn|social\w*|security|phone|tel\w*|cell|mobile|fax|call\w*|text|dial|plan|member|policy|licen[cs]e|plate|vin|serial|device|patient|pt|ref\w*|case|#)[\W_]{0,3}(?:is|was|of|no|number|id)?[\W_]{0,3}$",
    re.IGNORECASE,
)
_NET_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_GROUPED: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_DATE_DIGITS: Final = 8
# A blank somewhere within a day that is written with signs.
_BROKEN_DAY: Final = re.compile(r"(?=.*\d[./-]\d)[\d ./-]+")
_MAX_ATOMS: Final = 20
_MAX_JOINED: Final = 24
_LONG_WORD: Final = 8
_MAX_GAP: Final = 3
# Below this, numbers that merely stand beside each other make up a registered one too often.
_SURE_DIGITS: Final = 7
_CERTAIN_DIGITS: Final = 9
_BEFORE: Final = 28
_PLACE_WORDS: Final = 3


class Candidate(NamedTuple):
    """A stretch that is an identifier if the index has its form; a tuple, for there are many.

    Attributes:
        start: First code point.
        end: One past the last.
        form: Tag and canonical form.
    """

    start: int
    end: int
    form: str


def is_sure(text: str, candidate: Candidate) -> bool:
    """Whether a candidate that the index has counts without a second identifier beside it."""
    start, end, form = candidate
    before = text[max(0, start - _BEFORE) : start]
    if form.startswith("p|"):
        words = _ATOM.findall(text[start:end])
        is_odd = not all(is_ordinary(word.lower()) for word in words)
        return is_odd or (len(words) > 1 and all(word[0].isupper() for word in words))
    if form.startswith("z|"):
        return bool(_STATE.search(before))
    return (
        form.startswith(("d|", "a|")) or _stands_alone(text[start:end]) or bool(_CUE.search(before))
    )


def find_candidates(text: str, words: list[Unit]) -> Iterator[Candidate]:
    """Every candidate of the text, its words given."""
    yield from _places(words)
    yield from _chunks(text)
    starts = number_starts(text)
    if not starts:
        return
    yield from _codes(text)
    for start, end, day in find_days(text):
        yield Candidate(start, end, f"d|{day}")
    for start, end, day in find_days(text[::-1]):
        yield Candidate(len(text) - end, len(text) - start, f"d|{day}")
    for start, end, street in find_streets(text):
        yield Candidate(start, end, f"a|{street}")
    for match in find_at_numbers(_FIVE, text, starts):
        yield Candidate(*match.span(), f"z|{match[1]}")


def _places(words: list[Unit]) -> Iterator[Candidate]:
    """Up to three words beginning with a capital or with one that means nothing by itself."""
    for at, unit in enumerate(words):
        if unit.is_ordinary and not unit.is_capital:
            continue
        joined = ""
        for last in range(at, min(at + _PLACE_WORDS, len(words))):
            other = words[last]
            if last > at and other.start - words[last - 1].end > _MAX_GAP:
                break
            joined += other.word
            yield Candidate(unit.start, other.end, f"p|{joined}")


def _chunks(text: str) -> Iterator[Candidate]:
    """Addresses of mail and web, user and file names: no blank within, perhaps no digit."""
    if "@" in text:
        for mail in _MAIL.finditer(text):
            yield Candidate(*mail.span(), f"c|{canonical(mail.group())}")
    for chunk in _CHUNK.finditer(text):
        atoms = list(_ATOM.finditer(text, *chunk.span()))
        for at in range(min(len(atoms), _MAX_ATOMS)):
            for last in atoms[at:][-2:]:
                form = canonical(text[atoms[at].start() : last.end()])
                if form is not None:
                    yield Candidate(atoms[at].start(), last.end(), f"c|{form}")


def _codes(text: str) -> Iterator[Candidate]:
    """Runs of digits, with letters before, between and after, forwards and backwards."""
    atoms = [_Atom(match) for match in _ATOM.finditer(text)]
    near = {by for at, atom in enumerate(atoms) if atom.is_number for by in (at - 2, at - 1, at)}
    for at in sorted(near):
        if at >= 0:
            yield from _codes_from(text, atoms[at : at + _MAX_ATOMS])


class _Atom:
    """Letters or digits in a row."""

    __slots__ = ("end", "is_long", "is_number", "start", "word")

    def __init__(self, match: re.Match[str]) -> None:
        self.start, self.end = match.span()
        self.word = match.group()
        self.is_number = self.word.isdecimal()
        self.is_long = (
            len(self.word) > _LONG_WORD and self.word.isalpha() and not self.word.isupper()
        )


def _codes_from(text: str, atoms: list[_Atom]) -> Iterator[Candidate]:
    """Every code that begins with the first of the atoms."""
    start = end = atoms[0].start
    joined = ""
    has_number, has_letter = False, False
    for atom in atoms:
        gap = text[end : atom.start]
        if joined and (len(gap) > _MAX_GAP or (atom.is_long and gap.isspace())):
            return
        joined += atom.word
        end = atom.end
        if len(joined) > _MAX_JOINED:
            return
        has_number = has_number or atom.is_number
        has_letter = has_letter or not atom.is_number
        # Streets too, with blanks in odd places.
        if has_letter and atoms[0].is_number:
            yield Candidate(start, end, f"a|{joined.lower()}")
        if len(joined) == _DATE_DIGITS and _BROKEN_DAY.fullmatch(text, start, end):
            yield from (Candidate(start, end, f"d|{day}") for _, _, day in find_days(joined))
        form = canonical(joined) if has_number else None
        if form is not None:
            yield Candidate(start, end, f"c|{form}")
            yield Candidate(start, end, f"c|{canonical(joined[::-1])}")
            if has_letter:
                yield Candidate(start, end, f"c|{canonical(joined.translate(ROT13))}")


def _stands_alone(written: str) -> bool:
    """One number or code, or parts of it with one and the same sign between them."""
    gaps = [written[a.end() : b.start()] for a, b in pairwise(_ATOM.finditer(written))]
    between = {gap.strip("()") or gap for gap in gaps if gap}
    if not between:
        return True
    digits = sum(map(str.isdecimal, written))
    if _NET_ADDRESS.fullmatch(written):
        return True
    if digits >= _CERTAIN_DIGITS:
        return True
    limit = _SURE_DIGITS + bool(_GROUPED.fullmatch(written))
    if len(between) == 1 and digits >= limit:
        return True
    words = [word for word in _ATOM.findall(written) if word.isalpha()]
    # "the 2015" is on somebody's number plate; "kgm 5097" means nothing else.
    is_code = "".join(words).isupper() or not any(is_ordinary(word.lower()) for word in words)
    return bool(words) and (is_code or not any(" " in gap for gap in gaps))
