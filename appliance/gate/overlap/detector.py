"""Whether a text shares a run of words with a note: a detector that knows no text."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from appliance.errors import BadInput
from appliance.gate.hashed.hashing import Hasher, Hashes, to_hashes
from appliance.gate.hashed.table import HashTable
from appliance.gate.normalisation import normalise
from appliance.gate.overlap.fingerprints import check_whole, read_fingerprints
from appliance.gate.overlap.shingles import SHINGLE, USE, shingles
from appliance.records.verdicts import Hit

_VAULT = "vault.db"


class NoteOverlap:
    """Finds runs of eight words and more that a note of the vault has too; a `Detector`.

    Args:
        hasher: Of the key under which the fingerprints were written.
        table: The fingerprints.
        public: Shingles that do not count: label sheets and vocabularies.
    """

    name = "note-overlap"

    def __init__(self, hasher: Hasher, table: HashTable, public: Hashes) -> None:
        self._hasher = hasher
        self._table = table
        self._public = public

    @classmethod
    def load(cls, path: Path, key: bytes, public: Iterable[str] = ()) -> "NoteOverlap":
        """The detector over the fingerprints in `path`.

        Args:
            path: `SITE/vault/notes.fingerprints`.
            key: 32 bytes.
            public: Texts whose runs of words do not count.

        Raises:
            DetectorFailed: Notes may be in the vault that the file does not know.
            KeyMismatch: The file is damaged or of another key.
        """
        check_whole(path, path.with_name(_VAULT))
        hasher = Hasher(key, USE)
        known = [shingles(hasher, normalise(text).text)[0] for text in public]
        table = read_fingerprints(path, key)
        return cls(hasher, table, np.concatenate([to_hashes([]), *known]))

    def __len__(self) -> int:
        return len(self._table)

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Hits of entity NOTE_TEXT, one for each run."""
        return [self._find(text) if len(self._table) else [] for text in texts]

    def _find(self, text: str) -> list[Hit]:
        hashes, words = shingles(self._hasher, text)
        is_shared = self._table.contains(hashes)
        if is_shared.any():
            is_shared &= ~np.isin(hashes, self._public)
        runs: list[tuple[int, int]] = []
        for at in np.flatnonzero(is_shared):
            start, end = words[at][0], words[at + SHINGLE - 1][1]
            if runs and start <= runs[-1][1]:
                start = runs.pop()[0]
            runs.append((start, end))
        return [Hit(start, end, "NOTE_TEXT", 1.0, self.name) for start, end in runs]


def read_public_texts(labels: Path) -> list[str]:
    """The texts of all label sheets and vocabularies in the directory.

    Raises:
        BadInput: One is not UTF-8 or can't be read.
    """
    paths = sorted((*labels.glob("*.toml"), *labels.glob("*.tsv")))
    try:
        return [path.read_text(encoding="utf-8-sig") for path in paths]
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"A file in {labels} can't be read as UTF-8.", "Save it as UTF-8.") from None
