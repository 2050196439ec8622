# ruff: noqa: SIM905 - word lists read best whole
"""Making the index: what each identifier of the registry is stored under."""

from array import array
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.gate.hashed.hashing import Hasher, Hashes
from appliance.gate.hashed.table import HashTable, distinct, write_table
from appliance.gate.normalisation import normalise
from appliance.gate.patients.codes import code_forms, phone_forms, street_forms
from appliance.gate.patients.dates import find_days
from appliance.gate.patients.hashing import Identifier, hash_patients
from appliance.gate.patients.names import (
    family_forms,
    given_forms,
    roots,
    slips,
    split_name,
)
from appliance.records.notes import PatientIdentifier

USE: Final = b"patients"
_CHUNK: Final = 1 << 22
# About as many pairs as that.
_NAMES: Final = 1 << 18
# Strings take more room than hashes.
_FORMS: Final = 1 << 17
_REMEMBERED: Final = 1 << 16
_GIVEN: Final = frozenset({"given", "given-name", "first-name", "nickname", "preferred-name"})
_FAMILY: Final = frozenset({"family", "family-name", "last-name", "surname", "maiden-name"})
_PEOPLE: Final = frozenset(
    "name relative alias contact guardian mother father spouse partner next-of-kin".split()
)
_PLACES: Final = frozenset({"city", "town", "village", "municipality", "county"})
_ZIP_DIGITS: Final = 5
# "jlong" is too near to a word.
_USER_NAME: Final = 6


def write_index(path: Path, patients: Iterable[Sequence[PatientIdentifier]], key: bytes) -> int:
    """The index in `path` knows these patients' identifiers, and only these.

    Args:
        path: The file.
        patients: The identifiers of each patient.
        key: 32 bytes.

    Returns:
        How many identifiers gave at least one entry.

    Raises:
        NoSpace: The disk is full; the index is as it was.
        DetectorFailed: A process that helped with a large registry was ended; as it was, too.
    """
    counts, parts = zip(*hash_patients(patients, key, Entries), strict=True)
    write_table(path, HashTable(distinct(np.concatenate(parts))), key)
    return sum(counts)


class Entries:
    """Hashes of words and of pairs of words, gathered and computed by the million.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._hasher = Hasher(key, USE)
        self._words = array("Q")
        self._forms: list[str] = []
        self._initials: set[str] = set()
        # Each name once, its hash before those of what slips leave of it.
        self._numbers: dict[str, int] = {}
        self._starts = array("Q")
        self._slips = array("Q")
        # By number.
        self._given = array("Q")
        self._family = array("Q")
        # By hash.
        self._first = array("Q")
        self._second = array("Q")
        self._done: list[Hashes] = []

    def add_patient(self, identifiers: Sequence[Identifier]) -> int:
        """One patient's identifiers are in; how many gave an entry."""
        given = [_plain(value) for kind, value in identifiers if kind in _GIVEN]
        family = [_plain(value) for kind, value in identifiers if kind in _FAMILY]
        for first in given:
            for last in family:
                self._add_name(f"{first} {last}")
        count = sum(self._add(kind, _plain(value)) for kind, value in identifiers)
        if len(self._forms) > _FORMS:
            self._hash_forms()
        if len(self._given) > _NAMES or len(self._words) > _CHUNK:
            self._flush()
        return count

    def finish(self) -> Hashes:
        """All hashes since the last time, unsorted."""
        self._flush()
        done, self._done = self._done, []
        return np.concatenate(done)

    def _add(self, kind: str, value: str) -> bool:
        before = len(self._words) + len(self._forms)
        match _group(kind):
            case "part":
                return bool(value)
            case "person":
                self._add_name(value)
            case "day":
                self._add_words("d|", _days(value))
            case "place":
                self._add_words("p|", _place(value))
            case "zip":
                self._add_words("z|", filter(None, [value.strip()[:_ZIP_DIGITS].lower()]))
            case "phone":
                self._add_words("c|", phone_forms(value))
            case "street":
                self._add_words("a|", street_forms(value))
                self._add_words("c|", code_forms(value))
            case _:
                self._add_words("c|", code_forms(value))
        return len(self._words) + len(self._forms) > before

    def _add_words(self, tag: str, forms: Iterable[str]) -> None:
        self._forms += [tag + form for form in forms]

    def _add_name(self, value: str) -> None:
        words = split_name(value)
        if len(words) < 2:  # noqa: PLR2004 - half of all family names are words
            return
        families = family_forms(words, value)
        for given in given_forms(words, value):
            for family in families:
                self._given.append(self._part("g|", "G|", given))
                self._family.append(self._part("f|", "F|", family))
        if len(words) > 2:  # noqa: PLR2004 - people who go by their middle name
            for middle in (words[1], *roots(words[1])):
                self._add_words("G|", [middle])
                self._first.append(self._hasher.word(f"g|{middle}"))
                self._second.append(self._hasher.word(f"f|{words[-1]}"))
        for family in families:
            initial = words[0][0] + family
            if initial not in self._initials:
                self._initials.add(initial)
                self._add_words("i|", [initial])
        self._add_words("j|", _joined(words))
        first, last = words[0][0], words[-1]
        if len(last) >= _USER_NAME:
            self._add_words("u|", (first + last, last + first))

    def _part(self, tag: str, own_tag: str, word: str) -> int:
        """The number of a given or family name; new ones are hashed, with a letter wrong too."""
        number = self._numbers.get(tag + word)
        if number is None:
            number = self._numbers[tag + word] = len(self._starts)
            self._starts.append(len(self._slips))
            self._slips.extend(self._hasher.once(tag + slip) for slip in slips(word))
            self._add_words(own_tag, [word])
        return number

    def _pairs(self) -> tuple[Hashes, Hashes]:
        """Each given beside its family name, and again with one letter of either wrong."""
        flat = _to_array(self._slips)
        starts = _to_array(self._starts).astype(np.intp)
        counts = np.diff(starts, append=len(flat))
        given, family = (_to_array(side).astype(np.intp) for side in (self._given, self._family))
        return (
            np.concatenate(
                [
                    np.repeat(flat[starts[given]], counts[family]),
                    flat[_ranges(starts[given] + 1, counts[given] - 1)],
                    _to_array(self._first),
                ]
            ),
            np.concatenate(
                [
                    flat[_ranges(starts[family], counts[family])],
                    np.repeat(flat[starts[family]], counts[given] - 1),
                    _to_array(self._second),
                ]
            ),
        )

    def _hash_forms(self) -> None:
        self._words.frombytes(self._hasher.many(self._forms).tobytes())
        self._forms = []

    def _flush(self) -> None:
        self._hash_forms()
        pairs = self._hasher.pairs(*self._pairs())
        self._done.append(distinct(np.concatenate([pairs, _to_array(self._words)])))
        for part in (self._words, self._first, self._second, self._given, self._family):
            del part[:]


def _to_array(values: "array[int]") -> Hashes:
    return np.frombuffer(values.tobytes(), np.uint64)


def _ranges(starts: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The numbers from each start on, as many as its count says, one range after the other."""
    ends = np.cumsum(counts)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    return within + np.repeat(starts, counts)


@cache
def _group(kind: str) -> str:
    """What the registry's word for an identifier means here."""
    if kind in _GIVEN or kind in _FAMILY:
        return "part"
    groups = {
        "person": kind in _PEOPLE or kind.endswith("name"),
        "day": kind.endswith("date") or kind in {"dob", "birthday", "born"},
        "place": kind in _PLACES,
        "zip": kind in {"zip", "postcode", "postal-code", "zip-code"},
        "phone": "phone" in kind or kind in {"fax", "mobile"},
        "street": "address" in kind or "street" in kind,
    }
    return next((group for group, is_so in groups.items() if is_so), "code")


# A registry has as many days and places as there are, not as many as patients.
@lru_cache(_REMEMBERED)
def _days(value: str) -> tuple[str, ...]:
    return tuple(day for _, _, day in find_days(value))


@lru_cache(_REMEMBERED)
def _place(value: str) -> tuple[str, ...]:
    return tuple(filter(None, ["".join(split_name(value))]))


def _joined(words: tuple[str, ...]) -> set[str]:
    """The name in one run, in both orders."""
    first, last = words[0], words[-1]
    whole = "".join(words)
    return {whole, last + "".join(words[:-1]), first + last, last + first}


def _plain(value: str) -> str:
    return value if value.isascii() else normalise(value).text
