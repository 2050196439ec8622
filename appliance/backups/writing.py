"""A site's files become one encrypted file, by the stream: nothing of it is on disk in clear."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyrage

from appliance.artifacts.manifest import FileEntry
from appliance.artifacts.writing import open_atomically
from appliance.backups.format import (
    HEADER,
    KEYS,
    LONGEST_MANIFEST,
    LONGEST_SMALL,
    MANIFEST,
    Header,
    check_name,
    encode_header,
    encode_manifest,
)
from appliance.backups.keys import Recipient
from appliance.errors import BadInput
from appliance.records.identifiers import Digest

_CHUNK: Final = 1 << 20
_BLOCK: Final = tarfile.BLOCKSIZE
_AGAIN: Final = "Run it again; what makes or removes such files may be at work."


@dataclass(frozen=True, slots=True)
class Item:
    """One file that is kept.

    Attributes:
        name: Its path in the site.
        size: How many bytes from its beginning.
        path: Where they are; None where `content` has them.
        content: The bytes themselves.
        sha256: What they must be; None where nobody knows better than the file.
    """

    name: str
    size: int
    path: Path | None = None
    content: bytes = field(default=b"", repr=False)
    sha256: Digest | None = None

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "Item":
        """A file with that content."""
        return cls(name, len(content), None, content)

    @classmethod
    def of_file(cls, name: str, path: Path, sha256: Digest | None = None) -> "Item":
        """The whole file at `path`, as long as it is now."""
        return cls(name, path.stat().st_size, path, b"", sha256)

    def chunks(self) -> Iterator[bytes]:
        """At most `size` bytes, as they are now.

        Raises:
            BadInput: The file can't be read.
        """
        if self.path is None:
            yield self.content
            return
        left = self.size
        try:
            with self.path.open("rb") as file:
                while left and (chunk := file.read(min(_CHUNK, left))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise BadInput(
                f"{self.name.split('/')[0]}: a file can't be read: {error.strerror}.", _AGAIN
            ) from None


@dataclass(frozen=True, slots=True)
class Written:
    """A finished backup: its size in bytes, its SHA-256, and the count of files in it."""

    size: int
    sha256: str
    files: int


def write_backup(
    path: Path,
    header: Header,
    wrapped_keys: bytes,
    items: Iterable[Item],
    recipients: Sequence[Recipient],
    advance: Callable[[int], None],
) -> Written:
    """The backup is at `path`, whole, or nothing is.

    Args:
        path: A new file.
        header: What it says of itself.
        wrapped_keys: See `keys.wrap_keys`.
        items: The files, in the order in which they are to stand.
        recipients: Who can open it.
        advance: Told of every file.

    Raises:
        NoSpace: The disk is full.
        BadInput: A file changed while it was copied, there are more than can be read again, or the
            place can't be written.
    """
    listing: dict[str, FileEntry] = {}

    def members() -> Iterator[bytes]:
        yield from _member(_held(HEADER, encode_header(header), LONGEST_SMALL), {})
        yield from _member(_held(KEYS, wrapped_keys, LONGEST_SMALL), {})
        for item in items:
            check_name(item.name)
            yield from _member(item, listing)
            advance(1)
        yield from _member(_held(MANIFEST, encode_manifest(listing), LONGEST_MANIFEST), {})
        yield bytes(2 * _BLOCK)

    source = _Source(members())
    with open_atomically(path) as file:
        sink = _Sink(file)
        try:
            pyrage.encrypt_io(source, sink, list(recipients))
        except (pyrage.EncryptError, OSError) as error:
            # What happened on our side comes out of the library as something else, or not at all.
            raise source.failure or sink.failure or error from None
        for failure in (source.failure, sink.failure):
            if failure is not None:
                raise failure
    return Written(sink.size, sink.hasher.hexdigest(), len(listing))


def _held(name: str, content: bytes, longest: int) -> Item:
    """What a reader holds in memory: no longer than it reads."""
    if len(content) > longest:
        raise BadInput(
            "The site has more files than one backup can hold.",
            "Remove exports, reports and cohorts that nobody needs any more.",
        )
    return Item.of_bytes(name, content)


def _member(item: Item, listing: dict[str, FileEntry]) -> Iterator[bytes]:
    """The item as it stands in the archive; when all of it went by, it is listed.

    Raises:
        BadInput: The file is shorter by now, or not what it must be.
    """
    info = tarfile.TarInfo(item.name)
    info.size, info.mode = item.size, 0o600
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    hasher, left = hashlib.sha256(), item.size
    for chunk in item.chunks():
        hasher.update(chunk)
        left -= len(chunk)
        yield chunk
    if left or item.sha256 not in {None, hasher.hexdigest()}:
        raise BadInput(f"{item.name.split('/')[0]}: a file changed while it was copied.", _AGAIN)
    yield bytes(-item.size % _BLOCK)
    listing[item.name] = FileEntry(item.size, Digest(hasher.hexdigest()))


class _Source(io.RawIOBase):
    """What the library reads from; it keeps what went wrong, which the library does not."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = memoryview(b"")
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        try:
            while not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return 0
                self._left = memoryview(chunk)
        except BaseException as failure:
            self.failure = failure
            raise
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class _Sink:
    """What the library writes to; it keeps what went wrong, which the library does not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hasher = hashlib.sha256()
        self.size = 0
        self.failure: BaseException | None = None

    def write(self, content: bytes) -> int:
        """All of it is in the file."""
        try:
            self._file.write(content)
        except BaseException as failure:
            self.failure = self.failure or failure
            raise
        self.hasher.update(content)
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        """The file is flushed when it is finished."""
