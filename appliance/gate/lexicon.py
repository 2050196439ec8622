"""Word lists that come with the gate: given names, family names, places, English words.

Each list is a table under `data/`, its source and licence in its first line. A list that is
missing or short raises: a detector without its words would pass what it should stop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from appliance.errors import DetectorFailed

_DATA: Final = Path(__file__).resolve().parent / "data"
_DOUBTFUL: Final = "?"


@dataclass(frozen=True, slots=True)
class Words:
    """One list, split by whether an entry is an ordinary word as well.

    Attributes:
        clear: Entries that mean nothing else.
        doubtful: Entries that need a hint beside them.
    """

    clear: frozenset[str]
    doubtful: frozenset[str]

    def __contains__(self, word: str) -> bool:
        return word in self.clear or word in self.doubtful


@cache
def given_names() -> Words:
    """Given names, lower case, accents folded."""
    return _split("given_names.tsv", 10_000)


@cache
def family_names() -> Words:
    """Family names, lower case, accents folded."""
    return _split("surnames.tsv", 10_000)


@cache
def english_words() -> frozenset[str]:
    """Common English words, names left out."""
    return frozenset(row[0] for row in _rows("english_words.tsv", 30_000))


@cache
def medical_words() -> frozenset[str]:
    """Words of medicine that no list of common English has: drugs, brands, short forms."""
    return frozenset(row[0] for row in _rows("medical_words.tsv", 300))


@cache
def eponyms() -> frozenset[str]:
    """People after whom diseases, signs, scores and devices are named."""
    return frozenset(row[0] for row in _rows("eponyms.tsv", 200))


@cache
def medical_names() -> frozenset[str]:
    """Names of things in medicine, whole: "philadelphia chromosome", "garden iv"."""
    return frozenset(row[0] for row in _rows("medical_names.tsv", 500))


@cache
def institutions() -> Words:
    """Hospitals and health systems known by a name without the word hospital."""
    return _split("institutions.tsv", 100)


@cache
def places(kind: str) -> Words:
    """Places of one kind: "city", "state", "state-code", "country"; codes in capitals."""
    rows = [row for row in _rows("places.tsv", 2_000) if row[1] == kind]
    doubtful = frozenset(row[0] for row in rows if row[-1] == _DOUBTFUL)
    return Words(frozenset(row[0] for row in rows) - doubtful, doubtful)


@cache
def spelling_weights() -> dict[str, float]:
    """Groups of letters, with what each adds to the log odds that a word is no name."""
    return {row[0]: float(row[1]) for row in _rows("spelling.tsv", 2_000)}


def is_known_word(word: str) -> bool:
    """Whether the word, in any case, is ordinary English or medicine rather than a name.

    >>> is_known_word("Hypertension"), is_known_word("Nguyen")
    (True, False)
    """
    lower = word.lower()
    if lower in english_words() or lower in medical_words():
        return True
    if lower.endswith("'s"):
        return is_known_word(lower[:-2])
    if "-" in lower:
        return all(is_known_word(part) for part in lower.split("-") if part)
    return len(lower) > 3 and lower.endswith("s") and lower[:-1] in medical_words()  # noqa: PLR2004 - a plural


def _split(name: str, at_least: int) -> Words:
    rows = list(_rows(name, at_least))
    doubtful = frozenset(row[0] for row in rows if row[-1] == _DOUBTFUL)
    return Words(frozenset(row[0] for row in rows) - doubtful, doubtful)


def _rows(name: str, at_least: int) -> Iterator[list[str]]:
    try:
        lines = (_DATA / name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    if len(rows) < at_least:
        raise DetectorFailed(
            f"The gate's word list {name} is missing or cut short.",
            "Install the product again.",
        )
    return iter(rows)
