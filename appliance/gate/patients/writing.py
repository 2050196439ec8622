# ruff: noqa: SIM905 - word lists read best whole
"""Making the index: what each identifier of the registry is stored under."""

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from appliance.gate.hashed.hashing import Hasher, Hashes
from appliance.gate.hashed.table import HashTable, distinct, write_table
from appliance.gate.normalisation import normalise
from appliance.gate.patients.codes import code_forms, phone_forms, street_forms
from appliance.gate.patients.dates import find_days
from appliance.gate.patients.names import (
    MIN_FUZZY,
    family_forms,
    given_forms,
    roots,
    slips,
    split_name,
)
from appliance.records.notes import PatientIdentifier

USE: Final = b"patients"
_CHUNK: Final = 1 << 22
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
    """
    entries = _Entries(Hasher(key, USE))
    count = sum(entries.add_patient(identifiers) for identifiers in patients)
    write_table(path, HashTable(distinct(entries.finish())), key)
    return count


class _Entries:
    """Hashes of words and of pairs of words, gathered and computed by the million."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher
        self._slips: dict[str, array[int]] = {}
        self._words = array("Q")
        self._first = array("Q")
        self._second = array("Q")
        self._done: list[Hashes] = []

    def add_patient(self, identifiers: Sequence[PatientIdentifier]) -> int:
        """One patient's identifiers are in; how many gave an entry."""
        given = [_plain(item.value) for item in identifiers if item.kind in _GIVEN]
        family = [_plain(item.value) for item in identifiers if item.kind in _FAMILY]
        for first in given:
            for last in family:
                self._add_name(f"{first} {last}")
        count = sum(self._add(item.kind, _plain(item.value)) for item in identifiers)
        if len(self._first) > _CHUNK or len(self._words) > _CHUNK:
            self._flush()
        return count

    def finish(self) -> Hashes:
        """All hashes, unsorted."""
        self._flush()
        done, self._done = self._done, []
        return np.concatenate(done)

    def _add(self, kind: str, value: str) -> bool:
        before = len(self._words)
        match _group(kind):
            case "part":
                return bool(value)
            case "person":
                self._add_name(value)
            case "day":
                self._words.extend(self._hasher.word(f"d|{day}") for _, _, day in find_days(value))
            case "place":
                self._add_words("p|", filter(None, ["".join(split_name(value))]))
            case "zip":
                self._add_words("z|", filter(None, [value.strip()[:_ZIP_DIGITS].lower()]))
            case "phone":
                self._add_words("c|", phone_forms(value))
            case "street":
                self._add_words("a|", street_forms(value))
                self._add_words("c|", code_forms(value))
            case _:
                self._add_words("c|", code_forms(value))
        return len(self._words) > before

    def _add_words(self, tag: str, forms: Iterable[str]) -> None:
        once = self._hasher.once
        for form in forms:
            self._words.append(once(tag + form))

    def _add_name(self, value: str) -> None:
        words = split_name(value)
        if len(words) < 2:  # noqa: PLR2004 - half of all family names are words
            return
        hashed, add = self._hasher.word, self._words.append
        families = family_forms(words, value)
        for given in given_forms(words, value):
            add(hashed(f"G|{given}"))
            for family in families:
                self._add_pair(given, family)
        if len(words) > 2:  # noqa: PLR2004 - people who go by their middle name
            for middle in (words[1], *roots(words[1])):
                add(hashed(f"G|{middle}"))
                self._first.append(hashed(f"g|{middle}"))
                self._second.append(hashed(f"f|{words[-1]}"))
        for family in families:
            add(hashed(f"F|{family}"))
            add(self._hasher.word(f"i|{words[0][0]}{family}"))
        self._add_words("j|", _joined(words))
        first, last = words[0][0], words[-1]
        if len(last) >= _USER_NAME:
            self._add_words("u|", (first + last, last + first))

    def _add_pair(self, given: str, family: str) -> None:
        """The pair, and the pair with one letter of either wrong."""
        first, second = self._with_slips("g|", given), self._with_slips("f|", family)
        self._first.extend(first[:1] * len(second))
        self._second.extend(second)
        if len(given) >= MIN_FUZZY:
            self._first.extend(first[1:])
            self._second.extend(second[:1] * (len(first) - 1))

    def _with_slips(self, tag: str, word: str) -> "array[int]":
        known = self._slips.get(tag + word)
        if known is None:
            known = array("Q", [self._hasher.once(tag + slip) for slip in slips(word)])
            self._slips[tag + word] = known
        return known

    def _flush(self) -> None:
        first, second = (
            np.frombuffer(side, np.uint64) if side else np.zeros(0, np.uint64)
            for side in (self._first, self._second)
        )
        words = np.frombuffer(self._words, np.uint64) if self._words else first[:0]
        self._done.append(distinct(np.concatenate([self._hasher.pairs(first, second), words])))
        self._words, self._first, self._second = array("Q"), array("Q"), array("Q")


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


def _joined(words: tuple[str, ...]) -> set[str]:
    """The name in one run, in both orders."""
    first, last = words[0], words[-1]
    whole = "".join(words)
    return {whole, last + "".join(words[:-1]), first + last, last + first}


def _plain(value: str) -> str:
    return value if value.isascii() else normalise(value).text
