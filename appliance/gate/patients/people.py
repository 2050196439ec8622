"""Names of registered people in a text: given beside family name, one letter of either wrong."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from appliance.gate.hashed.hashing import Hasher, to_hashes
from appliance.gate.hashed.table import HashTable
from appliance.gate.patients.names import MIN_FUZZY, PARTICLES, roots, slips
from appliance.gate.patients.views import Unit, disguised, runs_of

_TITLE: Final = re.compile(r"(?:\b(?:mr|mrs|ms|miss|mx|patient|pt))\.?\s{1,2}$", re.IGNORECASE)
# In capitals "MS" is a disease.
_MISTER: Final = re.compile(r"\b(?:[Mm](?:rs?|iss|x|s)|M[RX]S?)\.?\s{1,2}$")
_CUE: Final = re.compile(
    r"\b(?:mr|mrs|ms|miss|mx|patient|pt|names?|named|called|dob|born|mrn|ssn)\b[\W_]*(?:is|was|name|initials)?[\W_]*$",
    re.IGNORECASE,
)
_LETTERED: Final = re.compile(
    r"(?:vitamin|hepatitis|type|grade|class|group|stage|factor|protein|influenza|virus|category|panel|figure|part|arm)\s$",
    re.IGNORECASE,
)
_BEFORE: Final = 24
# Between given and family name stand a middle name, an initial, the key of a column.
_REACH: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]+")
_MIN_JOINED: Final = 7
_REMEMBERED: Final = 1 << 18
_NEITHER: Final = (False, False)


class Evidence(NamedTuple):
    """A stretch that the index knows.

    Attributes:
        start: First code point.
        end: One past the last.
        is_sure: Whether it counts without a second identifier beside it.
        kind: What it is, by the tag of its form: "n" a name, "c" a code, "p" a place, ...
    """

    start: int
    end: int
    is_sure: bool
    kind: str = "n"


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two words that are one person's if the index has the pair."""

    first: Unit
    second: Unit
    exact: Unit
    is_fuzzy: bool
    hashes: tuple[int, int]


class People:
    """Finds names of the registry.

    Args:
        hasher: Of the site's key.
        table: The index.
    """

    def __init__(self, hasher: Hasher, table: HashTable) -> None:
        self._hasher = hasher
        self._table = table
        self._parts = _Parts(hasher, table)

    def find(self, text: str, words: list[Unit]) -> Iterator[Evidence]:
        """Every name of the text, its words given."""
        has_case = any(map(str.islower, text)) and any(map(str.isupper, text))
        joined = list(runs_of(words))
        known_as = [unit._replace(word=root) for unit in words for root in roots(unit.word)]
        views = list(disguised(text, words))
        units = [*words, *joined, *known_as]
        self._parts.learn({unit.word for view in (units, *views) for unit in view})
        yield from self._pairs(text, units, has_case, exact_only=False)
        for view in views:
            yield from self._pairs(text, view, has_case, exact_only=True)
        yield from self._in_one_run("j|", [*words, *joined])
        yield from self._in_one_run("u|", words)
        initials = [
            unit
            for unit in words
            if len(unit.word) == 1
            and (unit.is_capital or not has_case)
            # The ending of "patient's" in capitals is none.
            and text[unit.start - 1 : unit.start] != "'"
        ]
        yield from self._with_initial(text, initials, [*words, *joined])

    def _pairs(
        self, text: str, units: list[Unit], has_case: bool, *, exact_only: bool
    ) -> Iterator[Evidence]:
        given, family = self._parts.choose(units)
        if not given and not family:
            return
        for unit in family:
            before = text[max(0, unit.start - _BEFORE) : unit.start]
            title = _MISTER if unit.is_ordinary else _TITLE
            if len(unit.word) > 2 and title.search(before):  # noqa: PLR2004
                is_sure = not unit.is_ordinary or (unit.is_capital and has_case)
                yield Evidence(unit.start, unit.end, is_sure)
        near = _Neighbours(units)
        pairs = [
            pair
            for one, others, tags in ((given, family, "gf"), (family, given, "fg"))
            for unit in one
            for pair in self._around(unit, near, set(others), tags, has_case, exact_only)
        ]
        if not pairs:
            return
        hashes = self._hasher.pairs(
            to_hashes([pair.hashes[0] for pair in pairs]),
            to_hashes([pair.hashes[1] for pair in pairs]),
        )
        for pair, is_known in zip(pairs, self._table.contains(hashes), strict=True):
            if is_known:
                start = min(pair.first.start, pair.second.start)
                end = max(pair.first.end, pair.second.end)
                yield Evidence(start, end, _is_sure(text, pair, has_case))

    def _around(
        self,
        unit: Unit,
        near: "_Neighbours",
        others: set[Unit],
        tags: str,
        has_case: bool,
        exact_only: bool,
    ) -> Iterator[_Pair]:
        """Pairs of a known word with those around it; `tags` says which of the two is given."""
        word = self._hasher.word
        own = word(f"{tags[0]}|{unit.word}")
        for other, gap in near.of(unit):
            if other in others:
                # The same pair comes again from the other side.
                forms: tuple[str, ...] = (other.word,) if tags == "gf" else ()
            elif exact_only or gap > 1 or not _may_be_slip(unit, other, has_case):
                forms = ()
            else:
                forms = slips(other.word)
            for form in forms:
                theirs = word(f"{tags[1]}|{form}")
                hashes = (own, theirs) if tags == "gf" else (theirs, own)
                yield _Pair(unit, other, unit, other not in others, hashes)

    def _in_one_run(self, tag: str, units: list[Unit]) -> Iterator[Evidence]:
        """Names in one run, also with blanks in odd places, and names of users."""
        long = [unit for unit in units if len(unit.word) >= _MIN_JOINED and not unit.is_ordinary]
        hashes = to_hashes([self._hasher.word(tag + unit.word) for unit in long])
        for unit, is_known in zip(long, self._table.contains(hashes), strict=True):
            if is_known:
                yield Evidence(unit.start, unit.end, is_sure=True)

    def _with_initial(
        self, text: str, initials: list[Unit], units: list[Unit]
    ) -> Iterator[Evidence]:
        """An initial beside a family name: "Z. Quackenbush"."""
        places = {unit.first: unit for unit in initials}
        found = [
            (initial, unit)
            for unit in units
            for initial in (places.get(unit.first - 1), places.get(unit.last + 1))
            if initial is not None and len(unit.word) > 1 and _is_beside(text, initial, unit)
        ]
        hashes = to_hashes([self._hasher.word(f"i|{one.word}{two.word}") for one, two in found])
        for (one, two), is_known in zip(found, self._table.contains(hashes), strict=True):
            if is_known:
                start = min(one.start, two.start)
                is_sure = not two.is_ordinary or _has_cue(text, start) or _is_signed(text, one, two)
                yield Evidence(start, max(one.end, two.end), is_sure)


class _Parts:
    """Which words are given and family names of the registry; looked up once for each word."""

    def __init__(self, hasher: Hasher, table: HashTable) -> None:
        self._hasher = hasher
        self._table = table
        self._known: dict[str, tuple[bool, bool]] = {}

    def learn(self, words: Iterable[str]) -> None:
        """From now on these words can be chosen from."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        # A letter alone is no name but an initial.
        fresh = [word for word in words if len(word) > 1 and word not in self._known]
        found = self._table.contains(
            self._hasher.many(tag + word for tag in ("G|", "F|") for word in fresh)
        ).tolist()
        both = zip(found[: len(fresh)], found[len(fresh) :], strict=True)
        self._known.update(zip(fresh, both, strict=True))

    def choose(self, units: list[Unit]) -> tuple[list[Unit], list[Unit]]:
        """Those units that are given names, and those that are family names."""
        known = [(unit, self._known.get(unit.word, _NEITHER)) for unit in units]
        return (
            [unit for unit, (is_given, _) in known if is_given],
            [unit for unit, (_, is_family) in known if is_family],
        )


class _Neighbours:
    """Which units stand within reach of which."""

    def __init__(self, units: list[Unit]) -> None:
        self._by_first: dict[int, list[Unit]] = defaultdict(list)
        self._by_last: dict[int, list[Unit]] = defaultdict(list)
        for unit in units:
            self._by_first[unit.first].append(unit)
            self._by_last[unit.last].append(unit)

    def of(self, unit: Unit) -> Iterator[tuple[Unit, int]]:
        """Pairs (neighbour, count of words between)."""
        for gap in range(_REACH + 1):
            for other in self._by_first.get(unit.last + 1 + gap, ()):
                yield other, gap
            for other in self._by_last.get(unit.first - 1 - gap, ()):
                yield other, gap


def _may_be_slip(unit: Unit, other: Unit, has_case: bool) -> bool:
    """Whether the word beside a known one may be a name with a letter wrong."""
    if len(other.word) < MIN_FUZZY - 1 or (unit.is_ordinary and has_case and not unit.is_capital):
        return False
    return not other.is_ordinary or (other.is_capital and has_case)


def _is_sure(text: str, pair: _Pair, has_case: bool) -> bool:
    """Whether two words of this kind, so written, name somebody; see the module's tests."""
    one, two = pair.first, pair.second
    ordinary = [unit for unit in (one, two) if unit.is_ordinary]
    between = _WORD.findall(text, min(one.end, two.end), max(one.start, two.start))
    gap = sum(len(word) > 1 and word.lower() not in PARTICLES for word in between)
    is_written = has_case and all(unit.is_capital for unit in (one, two))
    if pair.is_fuzzy and ordinary:
        return is_written and gap == 0
    if not ordinary or text[min(one.end, two.end) : max(one.start, two.start)] in {"_", "."}:
        return True
    if len(ordinary) == 1:
        return gap <= 1 and (is_written or not has_case)
    return gap <= 1 and (is_written or _has_cue(text, min(one.start, two.start)))


def _has_cue(text: str, start: int) -> bool:
    return bool(_CUE.search(text[max(0, start - _BEFORE) : start]))


def _is_signed(text: str, one: Unit, two: Unit) -> bool:
    """Written as an initial is: "D. Long", but not in "vitamin D. Long-term"."""
    is_written = one.is_capital and two.is_capital and text[one.end : one.end + 1] == "."
    before = text[max(0, one.start - _BEFORE) : one.start]
    return is_written and not _LETTERED.search(before)


def _is_beside(text: str, one: Unit, two: Unit) -> bool:
    return not text[min(one.end, two.end) : max(one.start, two.start)].strip(" .,")
