"""The fingerprints of the vault's notes on disk: extended, shrunk, and never half written.

While notes are being imported a marker stands beside the file. Where it was left behind, notes may
be in the vault that the gate does not know, and the gate refuses to open.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from appliance.artifacts.locks import held_alone
from appliance.artifacts.writing import disk_errors, sync_directory, write_atomically
from appliance.errors import DetectorFailed
from appliance.gate.hashed.hashing import Hasher
from appliance.gate.hashed.merging import RUN_ROWS, Sorter
from appliance.gate.hashed.table import (
    HashTable,
    SortedRows,
    TableWriter,
    open_rows,
    read_table,
)
from appliance.gate.normalisation import plain_text
from appliance.gate.overlap.shingles import USE, fingerprint_all

FILE: Final = "notes.fingerprints"
_WHAT: Final = "file of note fingerprints"
_COLUMNS: Final = 2
# Of a small import as of a large one: memory is not to grow with the count of notes.
_REMEMBERED: Final = 1 << 15
_MENDING: Final = "Run `appliance notes import PATH` again; it fingerprints every note anew."


class Fingerprints:
    """The file of one site, for those who import and erase.

    Args:
        path: `SITE/vault/notes.fingerprints`.
        key: 32 bytes.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._hasher = Hasher(key, USE, remembered=_REMEMBERED)
        self._sorter = Sorter(path.parent)

    @property
    def is_whole(self) -> bool:
        """Whether there is a file that knows every note of the imports before."""
        return self._path.exists() and not _marker(self._path).exists()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process extends or shrinks the file within the block.

        Raises:
            BadInput: Another one does.
        """
        path = self._path.with_name(f"{self._path.name}.lock")
        what = "Another import or erasure of notes is under way."
        with held_alone(path, what, "Try again when it is done."):
            yield

    def begin(self) -> None:
        """From now to `finish` the gate does not open."""
        write_atomically(_marker(self._path), b"")

    def add(self, notes: Sequence[tuple[str, str]]) -> None:
        """The fingerprints of some notes are held until `finish`: in memory, or beside the file.

        Args:
            notes: Of each the site's id of the patient, or of the note where it has none; and its
                text.
        """
        texts = [plain_text(text) for _, text in notes]
        owners = [_number(owner) for owner, _ in notes]
        with disk_errors(self._path):
            self._sorter.add(*fingerprint_all(self._hasher, texts, owners))

    def finish(self, *, anew: bool = False) -> None:
        """What was added is in the file, durably; then the gate opens again.

        Args:
            anew: Whether what the file held before is forgotten.

        Raises:
            KeyMismatch: The file is damaged; it is left as it is.
        """
        if anew:
            self._sorter.write(self._path, self._key)
        else:
            with self._rows() as before:
                self._sorter.write(self._path, self._key, before)
        with disk_errors(self._path):
            _marker(self._path).unlink(missing_ok=True)
            sync_directory(self._path.parent)

    def forget(self, owners: Iterable[str]) -> None:
        """What these patients' or notes' texts left is gone, where nobody else's text left it."""
        gone = np.array(list(map(_number, owners)), np.uint64)
        with self._rows() as before, TableWriter(self._path, self._key) as writer:
            while before.left:
                hashes, others = before.take(RUN_ROWS)
                stays = ~np.isin(others, gone)
                writer.add(hashes[stays], others[stays])

    def _rows(self) -> AbstractContextManager[SortedRows]:
        return open_rows(self._path, self._key, _WHAT, _MENDING)


def read_fingerprints(path: Path, key: bytes) -> HashTable:
    """The table in the file, checked; an empty one where there is none.

    Raises:
        KeyMismatch: It is damaged or of another key.
    """
    return read_table(path, key, _WHAT, _MENDING, _COLUMNS)


def check_whole(path: Path, vault: Path) -> None:
    """Every note of the vault is in the file.

    Args:
        path: The file.
        vault: The vault's database; where there is none, there are no notes.

    Raises:
        DetectorFailed: An import was cut off, or the notes are from before there was the file.
    """
    if _marker(path).exists():
        raise DetectorFailed("An import of notes was cut off before the gate knew them.", _MENDING)
    if vault.exists() and not path.exists():
        raise DetectorFailed("The gate does not know the notes of this vault.", _MENDING)


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.unfinished")


def _number(owner: str) -> int:
    """The first 64 bits of an id such as "p-0123456789abcdef01234567"."""
    return int(owner[2:18], 16)
