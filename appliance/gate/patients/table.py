"""A file of sorted hashes, mapped into memory: opened in seconds, shared between processes."""

import hashlib
import struct
from pathlib import Path
from typing import Final

import numpy as np

from appliance.artifacts.writing import write_atomically
from appliance.errors import DetectorFailed, KeyMismatch
from appliance.gate.patients.hashing import Hashes

_MAGIC: Final = b"KEYED-HASHES-2\x00\x00"
_HEADER: Final = struct.Struct(">16s32sQ")
_ITEM: Final = np.dtype("<u8")
_CHUNK: Final = 1 << 22


class HashTable:
    """Sorted hashes, and whether others are among them.

    Args:
        hashes: Ascending, each once.
    """

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def hashes(self) -> Hashes:
        """All of them."""
        return self._hashes

    def contains(self, wanted: Hashes) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which of the wanted are in the table."""
        if not len(self._hashes):
            return np.zeros(len(wanted), np.bool_)
        places = np.searchsorted(self._hashes, wanted)
        places[places == len(self._hashes)] = 0
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = self._hashes[places] == wanted
        return found


def read_table(path: Path, key: bytes, what: str, mending: str) -> HashTable:
    """The table in `path`, every byte checked; an empty one where there is no file.

    Args:
        path: The file.
        key: 32 bytes; what it was written under.
        what: What the file is, for the error.
        mending: What to do when it is damaged.

    Raises:
        KeyMismatch: It was written under another key, was changed, or was cut short.
        DetectorFailed: It can't be read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
    except FileNotFoundError:
        return HashTable(np.zeros(0, np.uint64))
    except OSError as error:
        raise DetectorFailed(f"The {what} can't be read: {error.strerror}.") from None
    damaged = KeyMismatch(f"The {what} does not fit its key, or was cut short.", mending)
    if len(header) < _HEADER.size:
        raise damaged
    magic, proof, count = _HEADER.unpack(header)
    if magic != _MAGIC or size != _HEADER.size + count * _ITEM.itemsize:
        raise damaged
    hashes = np.zeros(0, np.uint64)
    if count:
        hashes = np.memmap(path, _ITEM, "r", offset=_HEADER.size, shape=(count,))
    if proof != _proof(key, hashes):
        raise damaged
    return HashTable(hashes)


def write_table(path: Path, hashes: Hashes, key: bytes) -> None:
    """`path` holds these hashes, sorted, each once, and the proof that it is whole.

    Raises:
        NoSpace: The disk is full; the file is as it was.
    """
    kept = distinct(hashes).astype(_ITEM, copy=False)
    header = _HEADER.pack(_MAGIC, _proof(key, kept), len(kept))
    write_atomically(path, b"".join((header, kept.data)))


def distinct(hashes: Hashes) -> Hashes:
    """The hashes in ascending order, each once; several times as fast as numpy's own `unique`."""
    ordered = np.sort(hashes)
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _proof(key: bytes, hashes: Hashes) -> bytes:
    hasher = hashlib.blake2b(digest_size=32, key=key, person=b"hash-table")
    for start in range(0, len(hashes), _CHUNK):
        hasher.update(hashes[start : start + _CHUNK].tobytes())
    return hasher.digest()
