"""From a finding's words to a concept of the hospital's vocabulary, or to none and why.

Exact names first, case and punctuation aside. Otherwise the nearest name by edit distance over
sorted words (rapidfuzz's token_sort_ratio), if it is near enough and no other concept is as near.
A code that is wrong is worse than none.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.records.findings import Link, LinkReason

NEAR_ENOUGH: Final = 0.95
"""Least similarity of a concept that is not named exactly.

By `bench_linking` on MeSH: at 0.95 two of 626 names of concepts that the vocabulary lacks are
linked, at 0.90 forty were; of 425 synonyms that it lacks 372 are, 371 of them rightly.
"""

MARGIN: Final = 0.02
"""By how much the next concept must be further away."""

# A short name with one letter changed is another name.
_SHORTEST_NEAR: Final = 6
_REMEMBERED: Final = 100_000
_NEIGHBOURS: Final = 8
_LONGEST_MARK: Final = 2
_ROMAN: Final = re.compile(r"[ivx]+[a-e]?")
_CONCEPT: Final = (
    "concept",
    "concept_id",
    "id",
    "code",
    "mesh_id",
    "doid",
    "hpo_id",
    "drugbank_id",
)
_NAME: Final = "name"
_SYNONYMS: Final = "synonyms"
_NOT_PLAIN: Final = re.compile(r"[\W_]+")
_HELP: Final = "Give a .tsv or .csv with the columns concept and name, and perhaps synonyms (a|b)."


def plain(words: str) -> str:
    """Case and punctuation set aside.

    >>> plain("Crohn's  Disease")
    'crohn s disease'
    """
    return _NOT_PLAIN.sub(" ", words.casefold()).strip()


class Linker:
    """Links words to the concepts of one vocabulary; the same words always to the same.

    Args:
        names: Plain name to the concepts that have it.
    """

    def __init__(self, names: dict[str, frozenset[str]]) -> None:
        self._names = names
        self._sorted = {" ".join(sorted(name.split())): found for name, found in names.items()}
        self._choices = list(self._sorted)
        self._near = lru_cache(_REMEMBERED)(self._find_near)

    def link(self, words: str) -> Link:
        """The concept that the words name, or why none."""
        name = plain(words)
        exact = self._names.get(name)
        if exact is not None:
            if len(exact) == 1:
                return Link(next(iter(exact)), 1.0, LinkReason.EXACT)
            return Link("", 1.0, LinkReason.AMBIGUOUS)
        if len(name) < _SHORTEST_NEAR:
            return Link("", 0.0, LinkReason.TOO_SHORT)
        return self._near(" ".join(sorted(name.split())))

    def _find_near(self, name: str) -> Link:
        from rapidfuzz import fuzz, process

        found = process.extract(
            name,
            self._choices,
            scorer=fuzz.ratio,
            limit=_NEIGHBOURS,
            score_cutoff=100 * (NEAR_ENOUGH - MARGIN),
        )
        # Equally near names in the order of the alphabet: the answer must not depend on a sort.
        found = sorted(
            (one for one in found if _marks(one[0]) == _marks(name)),
            key=lambda one: (-one[1], one[0]),
        )
        if not found or found[0][1] < 100 * NEAR_ENOUGH:
            return Link("", round(found[0][1] / 100, 4) if found else 0.0, LinkReason.UNKNOWN)
        best = round(found[0][1] / 100, 4)
        rivals = {
            concept
            for near, score, _ in found
            if score / 100 > best - MARGIN
            for concept in self._sorted[near]
        }
        if len(rivals) > 1:
            return Link("", best, LinkReason.AMBIGUOUS)
        return Link(rivals.pop(), best, LinkReason.NEAR)


def _marks(name: str) -> list[str]:
    """Words by which names differ that are otherwise alike: "type 2", "factor IX"."""
    return sorted(
        word
        for word in name.split()
        if len(word) <= _LONGEST_MARK or any(map(str.isdigit, word)) or _ROMAN.fullmatch(word)
    )


def read_vocabulary(path: Path) -> Linker:
    """The linker of a vocabulary in a file.

    Raises:
        BadInput: Unreadable, not UTF-8, or without the columns; names the line.
    """
    names: dict[str, set[str]] = {}
    for concept, name in _rows(path):
        if key := plain(name):
            names.setdefault(key, set()).add(concept)
    if not names:
        raise BadInput(f"{path} names no concept.", _HELP)
    return Linker({name: frozenset(found) for name, found in names.items()})


def digest_vocabulary(path: Path) -> str:
    """SHA-256 of the file.

    Raises:
        BadInput: It can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _HELP) from None


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    delimiter = "," if path.suffix.lower() == ".csv" else "\t"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            header = reader.fieldnames or ()
            column = next((name for name in _CONCEPT if name in header), None)
            if column is None or _NAME not in header:
                raise BadInput(f"{path} has no columns concept and name.", _HELP)
            for row in reader:
                concept, name = row.get(column), row.get(_NAME)
                if not concept or not name:
                    raise BadInput(f"{path}, line {reader.line_num}: no concept or name.", _HELP)
                for one in (name, *(row.get(_SYNONYMS) or "").split("|")):
                    yield concept, one
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _HELP) from None
    except (UnicodeDecodeError, csv.Error):
        raise BadInput(f"{path} is no table in UTF-8.", _HELP) from None
