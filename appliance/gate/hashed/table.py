"""A file of sorted hashes, mapped into memory: opened in seconds, shared between processes."""

import hashlib
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Self

import numpy as np
from numpy.typing import NDArray

from appliance.artifacts.writing import disk_errors, sync_directory, write_atomically
from appliance.errors import DetectorFailed, KeyMismatch
from appliance.gate.hashed.hashing import Hashes

_MAGIC: Final = b"KEYED-HASHES-2\x00\x00"
# Magic, proof, columns, rows.
_HEADER: Final = struct.Struct("<16s32sQQ")
_ITEM: Final = np.dtype("<u8")
_CHUNK: Final = 1 << 22

Pair = tuple[Hashes, Hashes]


class HashTable:
    """Sorted hashes, and whether others are among them.

    Args:
        hashes: Ascending.
        others: Further columns, row by row beside the hashes.
    """

    def __init__(self, hashes: Hashes, others: Sequence[Hashes] = ()) -> None:
        self.hashes = hashes
        self.others = tuple(others)

    def __len__(self) -> int:
        return len(self.hashes)

    def contains(self, wanted: Hashes) -> NDArray[np.bool_]:
        """Which of the wanted are in the table."""
        if not len(self.hashes):
            return np.zeros(len(wanted), np.bool_)
        places = np.searchsorted(self.hashes, wanted)
        places[places == len(self.hashes)] = 0
        found: NDArray[np.bool_] = self.hashes[places] == wanted
        return found


def read_table(path: Path, key: bytes, what: str, mending: str, columns: int = 1) -> HashTable:
    """The table in `path`, every byte checked; an empty one where there is no file.

    Args:
        path: The file.
        key: 32 bytes; what it was written under.
        what: What the file is, for the error.
        mending: What to do when it is damaged.
        columns: How many it must have.

    Raises:
        KeyMismatch: It was written under another key, was changed, or was cut short.
        DetectorFailed: It can't be read.
    """
    with _opened(path, key, what, mending, columns) as (file, rows):
        # As plain arrays: whatever is taken from a memmap is a memmap again, which costs time.
        read = [
            np.asarray(np.memmap(file, _ITEM, "r", offset=_offset(rows, at), shape=(rows,)))
            if file is not None and rows
            else _none()
            for at in range(columns)
        ]
    return HashTable(read[0], read[1:])


class SortedRows:
    """Ascending rows of two columns in a file, one column after the other; read from the front.

    Args:
        file: Open for reading; None where there are no rows.
        offset: Of the first column.
        rows: How many.
    """

    def __init__(self, file: IO[bytes] | None, offset: int, rows: int) -> None:
        self._file = file
        self._offset = offset
        self._rows = rows
        self._at = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def left(self) -> int:
        """Rows that were not taken yet."""
        return self._rows - self._at

    def take(self, count: int) -> Pair:
        """The next rows, fewer at the end."""
        count = min(count, self.left)
        columns = self._read(0, count), self._read(1, count)
        self._at += count
        return columns

    def _read(self, column: int, count: int) -> Hashes:
        if self._file is None:
            return _none()
        # No map: its pages would count as this process's memory, however large the file.
        offset = self._offset + (column * self._rows + self._at) * _ITEM.itemsize
        return np.frombuffer(os.pread(self._file.fileno(), count * _ITEM.itemsize, offset), _ITEM)


@contextmanager
def open_rows(path: Path, key: bytes, what: str, mending: str) -> Iterator[SortedRows]:
    """The rows of a table of two columns, every byte checked, in memory that does not grow.

    Args:
        path: The file; where there is none, there is no row.
        key: 32 bytes; what it was written under.
        what: What the file is, for the error.
        mending: What to do when it is damaged.

    Raises:
        KeyMismatch, DetectorFailed: As `read_table`.
    """
    with _opened(path, key, what, mending, 2) as (file, rows):
        yield SortedRows(file, _HEADER.size, rows)


@contextmanager
def _opened(
    path: Path, key: bytes, what: str, mending: str, columns: int
) -> Iterator[tuple[IO[bytes] | None, int]]:
    """The file, checked, and the count of its rows; (None, 0) where there is no file.

    What is read within the block is what was checked: another process puts a new file in its place.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None, 0
        return
    except OSError as error:
        raise _unreadable(what, error) from None
    with file:
        try:
            rows = _check(file, key, columns)
        except OSError as error:
            raise _unreadable(what, error) from None
        if rows is None:
            raise KeyMismatch(f"The {what} does not fit its key, or was cut short.", mending)
        yield file, rows


def _check(file: IO[bytes], key: bytes, columns: int) -> int | None:
    """How many rows the file has; None where it is not whole, or of another key."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, proof, width, rows = _HEADER.unpack(header)
    size = os.fstat(file.fileno()).st_size
    if (magic, width) != (_MAGIC, columns) or size != _offset(rows, columns):
        return None
    return rows if proof == _prove(file, key, rows, columns) else None


def _unreadable(what: str, error: OSError) -> DetectorFailed:
    return DetectorFailed(f"The {what} can't be read: {error.strerror}.")


def _offset(rows: int, column: int) -> int:
    return _HEADER.size + column * rows * _ITEM.itemsize


def write_table(path: Path, table: HashTable, key: bytes) -> None:
    """`path` holds the table, and the proof that it is whole.

    Raises:
        NoSpace: The disk is full; the file is as it was.
    """
    columns = [column.astype(_ITEM, copy=False) for column in (table.hashes, *table.others)]
    header = _HEADER.pack(_MAGIC, _proof(key, len(table), columns), len(columns), len(table))
    write_atomically(path, b"".join((header, *(column.tobytes() for column in columns))))


class TableWriter:
    """Writes a table of two columns that comes in order, some rows at a time.

    A context manager: when the block ends well the table is at its path, whole; otherwise the path
    is as it was. One process at a time may write a table: the draft has one name, so that what was
    left by a process that was killed is written over, and does not pile up.

    Args:
        path: The file.
        key: 32 bytes.

    Raises:
        NoSpace: The disk is full.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._draft = path.with_name(f".{path.name}.part")
        self._rows = 0

    def __enter__(self) -> Self:
        with disk_errors(self._path):
            self._file = _private(self._draft)
            self._file.seek(_HEADER.size)
            self._others = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def add(self, hashes: Hashes, others: Hashes) -> None:
        """The next rows, above all before them."""
        with disk_errors(self._path):
            self._file.write(hashes.astype(_ITEM, copy=False).tobytes())
            self._others.write(others.astype(_ITEM, copy=False).tobytes())
        self._rows += len(hashes)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                with disk_errors(self._path):
                    self._finish()
        finally:
            self._others.close()
            self._file.close()
            self._draft.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._others.seek(0)
        shutil.copyfileobj(self._others, self._file, _CHUNK)
        self._file.seek(_HEADER.size)
        proof = _prove(self._file, self._key, self._rows, 2)
        self._file.seek(0)
        self._file.write(_HEADER.pack(_MAGIC, proof, 2, self._rows))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._draft.replace(self._path)
        sync_directory(self._path.parent)


def _private(path: Path) -> IO[bytes]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "w+b")


def distinct(hashes: Hashes) -> Hashes:
    """The hashes in ascending order, each once; several times as fast as numpy's own `unique`."""
    ordered = np.sort(hashes)
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _none() -> Hashes:
    return np.zeros(0, np.uint64)


def _begin_proof(key: bytes, rows: int, columns: int) -> "hashlib.blake2b":
    hasher = hashlib.blake2b(digest_size=32, key=key, person=b"hash-table")
    hasher.update(struct.pack("<QQ", columns, rows))
    return hasher


def _prove(file: IO[bytes], key: bytes, rows: int, columns: int) -> bytes:
    """As `_proof`, of the columns that the file holds from where it stands."""
    hasher = _begin_proof(key, rows, columns)
    while content := file.read(_CHUNK):
        hasher.update(content)
    return hasher.digest()


def _proof(key: bytes, rows: int, columns: Sequence[Hashes]) -> bytes:
    hasher = _begin_proof(key, rows, len(columns))
    for column in columns:
        for start in range(0, rows, _CHUNK):
            hasher.update(column[start : start + _CHUNK].tobytes())
    return hasher.digest()
