"""What must be found nowhere in clear, searched for in bytes as programs write them."""

import gzip
import io
import json
import lzma
import string
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.audits.written import forms_of, needs_label

_CHUNK: Final = 16 << 20
_SHORTEST: Final = 6
_ALPHANUMERIC: Final = frozenset(string.ascii_lowercase + string.digits)
_GAP: Final = b"\0" * 4
_Hit = tuple[str, int]
# What a bomb of an archive unpacks to is not read to its end.
_MOST_UNPACKED: Final = 1 << 30
_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}


@dataclass(frozen=True, slots=True)
class Needle:
    """One thing to search for: what kind it is, and its value, a text or raw bytes."""

    kind: str
    value: str | bytes = field(repr=False)


class Unread(OSError):
    """Something was not searched to its end.

    Attributes:
        hits: What was found until then.
    """

    def __init__(self, hits: set[tuple[str, int]]) -> None:
        super().__init__("It could not be read to its end.")
        self.hits = hits


class Needles:
    """All of them at once (Aho & Corasick 1975), in any case and in the usual encodings.

    Args:
        needles: Those that would be found everywhere by chance are left out.

    Attributes:
        kinds: How many are searched for, by kind.
        left_out: How many are not, because they are too short.
        labelled: How many are searched for beside a label only.
    """

    def __init__(self, needles: Iterable[Needle]) -> None:
        import ahocorasick

        self._automaton = ahocorasick.Automaton()
        self._longest = 0
        self.kinds: dict[str, int] = {}
        self.left_out = 0
        self.labelled = 0
        for number, needle in enumerate({(one.kind, one.value): one for one in needles}.values()):
            forms = dict(_forms(needle))
            if not forms:
                self.left_out += 1
                continue
            self.kinds[needle.kind] = self.kinds.get(needle.kind, 0) + 1
            self.labelled += isinstance(needle.value, str) and needs_label(needle.value)
            for form, is_bounded in forms.items():
                length = len(form) if is_bounded else 0
                # Two needles may be written alike: neither hides the other.
                same = self._automaton.get(form, ())
                self._automaton.add_word(form, (*same, (needle.kind, number, length)))
                self._longest = max(self._longest, len(form))
        self._automaton.make_automaton()

    def __len__(self) -> int:
        return sum(self.kinds.values())

    def find(self, content: bytes) -> set[tuple[str, int]]:
        """Kind and number of each needle in those bytes."""
        return self._find(content, is_start=True, is_end=True)

    def find_in(self, path: Path) -> set[tuple[str, int]]:
        """The same for a file of any size, and for what is packed in it.

        Raises:
            FileNotFoundError: It is gone.
            Unread: It, or a part of it, is damaged, encrypted, too large or not for this user.
        """
        found: set[tuple[str, int]] = set()
        is_whole = True
        try:
            for content in contents(path):
                is_whole &= self._take(content, found)
        except FileNotFoundError:
            raise
        except Exception:  # noqa: BLE001 - whatever a library says of a damaged archive
            is_whole = False
        if not is_whole:
            raise Unread(found)
        return found

    def _find(self, content: bytes, *, is_start: bool, is_end: bool) -> set[_Hit]:
        """The same; says whether anything may stand before those bytes, and after them."""
        if not len(self._automaton):
            return set()
        found = self._look(_read(content), is_start=is_start, is_end=is_end)
        if b"\x00" in content:
            # UTF-16 and UTF-32 of plain letters are these with up to three zeros between.
            is_start |= content.startswith(_GAP)
            is_end |= content.endswith(_GAP)
            plain = _read(content.replace(b"\0", b""))
            found |= self._look(plain, is_start=is_start, is_end=is_end)
        return found

    def _look(self, text: str, *, is_start: bool, is_end: bool) -> set[_Hit]:
        # What stands beside the first and the last character of a piece is not known.
        first, end = (-1 if is_start else 0), (len(text) + 1 if is_end else len(text))
        return {
            (kind, number)
            for last, needles in self._automaton.iter(text)
            for kind, number, length in needles
            if not length
            or (
                first < last + 1 - length
                and last + 1 < end
                and _is_apart(text, last + 1 - length, last + 1)
            )
        }

    def _take(self, content: Iterable[bytes], found: set[tuple[str, int]]) -> bool:
        """What stands there is in `found`; whether it was read to its end."""
        # Long enough that what touches the end of one piece stands inside of the next.
        overlap = 4 * (self._longest + 1)
        piece, is_start = b"", True
        try:
            for chunk in content:
                found |= self._find(piece, is_start=is_start, is_end=False)
                is_start &= len(piece) <= overlap
                piece = piece[-overlap:] + chunk
        except Exception:  # noqa: BLE001 - the next member may be whole
            found |= self._find(piece, is_start=is_start, is_end=False)
            return False
        found |= self._find(piece, is_start=is_start, is_end=True)
        return True


def contents(path: Path) -> Iterator[Iterable[bytes]]:
    """The file's bytes in chunks, then those of each thing that is packed in it.

    Unpacked are zip, the text columns of Parquet, and what gzip, bzip2, xz, zstd and lz4 made.
    Reading any of them may raise anything.
    """
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        yield iter(lambda: file.read(_CHUNK), b"")
    if start[:4] == b"PK\x03\x04":
        yield from _unzip(path)
    elif start[:4] == b"PAR1":
        yield _columns(path)
    yield from (
        _uncompress(path, name) for magic, name in _COMPRESSED.items() if start.startswith(magic)
    )


def _uncompress(path: Path, name: str) -> Iterator[bytes]:
    if name == "xz":
        with lzma.open(path) as file:
            yield from _capped(file)
        return
    if name == "gzip":
        # Several members after each other are one file.
        with gzip.open(path) as packed:
            yield from _capped(packed)
        return
    import pyarrow as pa

    with pa.input_stream(str(path), compression=name) as stream:
        yield from _capped(stream)


def _unzip(path: Path) -> Iterator[Iterable[bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            yield _member(archive, member)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as file:
        yield from _capped(file)


def _capped(file: Any) -> Iterator[bytes]:
    for _ in range(_MOST_UNPACKED // _CHUNK):
        if not (chunk := file.read(_CHUNK)):
            return
        yield chunk
    if file.read(1):
        raise OSError("There is more of it than is unpacked.")


def _columns(path: Path) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            text = io.StringIO()
            for column in batch.columns:
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    text.writelines(f"{value}\n" for value in column.to_pylist() if value)
            yield text.getvalue().encode()


def _forms(needle: Needle) -> Iterator[tuple[str, bool]]:
    """Each way to write it, as UTF-8 and as JSON has it, read the way that `find` reads bytes.

    With each, whether it must stand apart.
    """
    if isinstance(needle.value, bytes):
        if len(needle.value) >= _SHORTEST:
            yield _read(needle.value), False
        return
    for form in forms_of(needle.kind, needle.value):
        # Bytes know no capitals beyond ASCII: these are spelled out.
        for case in {form.text, form.text.upper(), form.text.lower()}:
            for written in (case, json.dumps(case)[1:-1]):
                yield _read(written.encode()), form.is_bounded


def _is_apart(text: str, first: int, end: int) -> bool:
    """Whether neither a letter nor a digit stands beside it."""
    before, after = text[first - 1 : first] if first else "", text[end : end + 1]
    return not _ALPHANUMERIC.intersection((before, after))


def _read(content: bytes) -> str:
    return content.decode("latin-1").lower()
