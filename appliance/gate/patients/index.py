"""The site's own patients in texts: exact and with a letter wrong, as one detector.

A file of the index holds hashes under the site's key and nothing else: without the key neither a
name nor a number can be read from it or tried against it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from appliance.gate.hashed.hashing import Hasher
from appliance.gate.hashed.table import HashTable, read_table
from appliance.gate.patients.candidates import find_candidates, is_sure
from appliance.gate.patients.people import Evidence, People
from appliance.gate.patients.views import Unit, undisguised, words_of
from appliance.gate.patients.writing import USE
from appliance.records.verdicts import Hit

_MENDING: Final = "Run `appliance patients import FILE` again."


class PatientIndex:
    """Finds the site's registered patients in texts; a `Detector`.

    Args:
        key: 32 bytes; what the table was written under.
        table: The registry's hashes.
    """

    name = "patient-index"

    def __init__(self, key: bytes, table: HashTable) -> None:
        self._hasher = Hasher(key, USE)
        self._table = table
        self._people = People(self._hasher, table)

    @classmethod
    def load(cls, path: Path, key: bytes) -> "PatientIndex":
        """The index in `path`; an empty one where there is no file.

        Raises:
            KeyMismatch: It was written under another key, was changed, or was cut short.
        """
        return cls(key, read_table(path, key, "patient index", _MENDING))

    def __len__(self) -> int:
        return len(self._table)

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Hits of entity PATIENT.

        What stands in many texts that name nobody, such as a name of two ordinary words in small
        letters, counts only beside a second identifier.
        """
        return [self._find(text) if len(self._table) else [] for text in texts]

    def _find(self, text: str) -> list[Hit]:
        words = words_of(text)
        found = self._evidence(text, words)
        for other in undisguised(text, words):
            # Where in the disguised text it stands does not matter: all of it is denied.
            if _is_enough(self._evidence(other, words_of(other))):
                found.add(Evidence(0, len(text), is_sure=True))
        if not _is_enough(found):
            return []
        spans = sorted({(one.start, one.end) for one in found})
        return [Hit(start, end, "PATIENT", 1.0, self.name) for start, end in spans]

    def _evidence(self, text: str, words: list[Unit]) -> set[Evidence]:
        found = set(self._people.find(text, words))
        candidates = list(find_candidates(text, words))
        is_known = self._table.contains(self._hasher.many(form for _, _, form in candidates))
        for at in np.flatnonzero(is_known):
            start, end, form = candidate = candidates[at]
            found.add(Evidence(start, end, is_sure(text, candidate), form[0]))
        return found


def _is_enough(found: set[Evidence]) -> bool:
    """One that is sure, or two of different kinds."""
    return any(one.is_sure for one in found) or len({one.kind for one in found}) > 1
