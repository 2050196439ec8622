# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""The site's own patients, as keyed hashes: exact match after normalisation, no list to steal.

A file of the index holds BLAKE2b hashes under the site's key, and nothing else: without the key
neither a name nor a number can be read from it or tried against it.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import write_atomically
from appliance.errors import DetectorFailed, KeyMismatch
from appliance.gate.normalisation import normalise
from appliance.records.notes import PatientIdentifier
from appliance.records.verdicts import Hit

_MAGIC: Final = b"PATIENTS-INDEX-1"
_HASH_BYTES: Final = 12
_HEADER: Final = struct.Struct(">16s16sQ")
_TOKEN: Final = re.compile(r"[^\W_]+")
_MAX_TOKENS: Final = 8
# A shorter number stands in too many places that have nothing to do with a patient.
_MIN_DIGITS: Final = 5
_MIN_LETTERS: Final = 5
_MIN_YEAR, _MAX_YEAR = 1880, 2200
_NAME_PARTS: Final = 2
_NATIONAL_PHONE: Final = 10
_TEENS: Final = range(11, 14)
_MONTHS: Final = ("january february march april may june july august september october november december").split()  # fmt: skip


class PatientIndex:
    """Finds the site's registered patients in texts; a `Detector`."""

    name = "patient-index"

    def __init__(self, key: bytes, hashes: frozenset[bytes]) -> None:
        self._key = key
        self._hashes = hashes

    @classmethod
    def load(cls, path: Path, key: bytes) -> "PatientIndex":
        """The index in `path`; an empty one where there is no file.

        Raises:
            KeyMismatch: It was written under another key, or was cut short.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return cls(key, frozenset())
        except OSError as error:
            raise DetectorFailed(f"The patient index can't be read: {error.strerror}.") from None
        if len(content) < _HEADER.size:
            raise _damaged()
        magic, proof, count = _HEADER.unpack_from(content)
        body = content[_HEADER.size :]
        if magic != _MAGIC or len(body) != count * _HASH_BYTES or proof != _proof(key, body):
            raise _damaged()
        return cls(
            key,
            frozenset(body[at : at + _HASH_BYTES] for at in range(0, len(body), _HASH_BYTES)),
        )

    def __len__(self) -> int:
        return len(self._hashes)

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Hits of entity PATIENT: runs of up to eight tokens that a patient is known by."""
        return [list(self._find(text)) if self._hashes else [] for text in texts]

    def _find(self, text: str) -> Iterator[Hit]:
        tokens = [
            (match.start(), match.end(), match.group().lower()) for match in _TOKEN.finditer(text)
        ]
        for first in range(len(tokens)):
            joined = ""
            for last in range(first, min(first + _MAX_TOKENS, len(tokens))):
                joined += tokens[last][2]
                if _hash(self._key, joined) in self._hashes:
                    yield Hit(tokens[first][0], tokens[last][1], "PATIENT", 1.0, self.name)


def write_index(path: Path, identifiers: Iterable[PatientIdentifier], key: bytes) -> int:
    """The index in `path` knows these identifiers, and only these.

    Returns:
        How many identifiers gave at least one entry.

    Raises:
        NoSpace: The disk is full; the index is as it was.
    """
    hashes: set[bytes] = set()
    count = 0
    for identifier in identifiers:
        forms = {_hash(key, form) for form in spellings(identifier)}
        hashes |= forms
        count += bool(forms)
    body = b"".join(sorted(hashes))
    write_atomically(path, _HEADER.pack(_MAGIC, _proof(key, body), len(hashes)) + body)
    return count


def spellings(identifier: PatientIdentifier) -> set[str]:
    """The forms, tokens joined, under which one identifier is looked for.

    >>> sorted(spellings(PatientIdentifier("name", "Doe, Jane Q.")))
    ['doejane', 'doejaneq', 'janedoe', 'janeqdoe']
    """
    value = normalise(identifier.value).text
    if identifier.kind == "name":
        return _names(value)
    if identifier.kind in {"birth-date", "date"}:
        return _dates(value)
    joined = "".join(_TOKEN.findall(value)).lower()
    digits = sum(character.isdigit() for character in joined)
    is_telling = digits >= _MIN_DIGITS or len(joined) >= _MIN_LETTERS + digits
    forms = {joined} if is_telling and digits + len(joined) > 0 else set()
    if identifier.kind in {"phone", "fax"} and digits > _NATIONAL_PHONE:
        forms.add(joined[-_NATIONAL_PHONE:])
    return forms


def _names(value: str) -> set[str]:
    """Given name and family name in both orders, with and without what stands between.

    A family name alone is not looked for: half of them are words.
    """
    if "," in value:
        family, _, given = value.partition(",")
        value = f"{given} {family}"
    parts = [part.lower() for part in _TOKEN.findall(value)]
    if len(parts) < _NAME_PARTS:
        return set()
    first, last = parts[0], parts[-1]
    middle = "".join(part[0] for part in parts[1:-1])
    return {
        "".join(parts),
        last + "".join(parts[:-1]),
        first + last,
        last + first,
        first + middle + last,
    }


def _dates(value: str) -> set[str]:
    """A day in the forms people write it; "" and what is no ISO date give none."""
    match = re.fullmatch(r"(\d{4})-?(\d{2})-?(\d{2}).*", value.strip(), re.DOTALL)
    if match is None:
        joined = "".join(_TOKEN.findall(value)).lower()
        return {joined} if sum(map(str.isdigit, joined)) >= _MIN_DIGITS else set()
    year, month, day = (int(part) for part in match.groups())
    if not (_MIN_YEAR <= year <= _MAX_YEAR and 1 <= month <= len(_MONTHS)):
        return set()
    name = _MONTHS[month - 1]
    return {
        form
        for written in (f"{day}", f"{day:02}", f"{day}{_ordinal(day)}")
        for word in (name, name[:3], f"{month}", f"{month:02}")
        for form in (f"{written}{word}{year}", f"{word}{written}{year}", f"{year}{word}{written}")
        if len(form) > _MIN_DIGITS
    }


def _ordinal(day: int) -> str:
    if day in _TEENS:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _hash(key: bytes, form: str) -> bytes:
    return hashlib.blake2b(form.encode(), digest_size=_HASH_BYTES, key=key).digest()


def _proof(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16, key=key, person=b"patients-index").digest()


def _damaged() -> KeyMismatch:
    return KeyMismatch(
        "The patient index does not fit its key, or was cut short.",
        "Run `appliance patients import FILE` again.",
    )
