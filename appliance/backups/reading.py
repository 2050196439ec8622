"""A backup read again, by the stream: who it is of before anything else, and whole or refused."""

import hashlib
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

import pyrage

from appliance.artifacts.manifest import FileEntry
from appliance.backups.format import (
    HEADER,
    KEYS,
    LONGEST_MANIFEST,
    LONGEST_SMALL,
    MANIFEST,
    Header,
    check_name,
    decode_header,
    decode_manifest,
)
from appliance.backups.keys import Identity, fingerprint, unwrap_keys
from appliance.errors import ApplianceError, BadInput, KeyMismatch, ManifestMismatch
from appliance.records.identifiers import Digest

_CHUNK: Final = 1 << 20
# An extended header holds a path or a size that is too long for a plain one.
_LONGEST_EXTENSION: Final = 1 << 16
_NOT_WHOLE: Final = "The backup is not whole, or was altered."
_NO_FILE: Final = "The backup holds something that is no plain file."
_ANOTHER: Final = "Take another backup, and find out what happened to this one."

Place = Callable[[str], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that was read to its end: its files as they were listed."""

    files: dict[str, FileEntry]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files.values())


class Backup:
    """An open backup whose keys are those it says.

    Attributes:
        header: What it says of itself.
        keys: The site's keys, by the names of their files.
    """

    def __init__(self, archive: tarfile.TarFile, identities: Sequence[Identity]) -> None:
        self._members = _members(archive)
        self.header: Header = decode_header(self._small(HEADER))
        self.keys = unwrap_keys(self._small(KEYS), identities)
        if fingerprint(self.keys) != self.header.fingerprint:
            raise KeyMismatch(
                "The keys in the backup are not those that it says.",
                "Take another backup; this one was put together from two.",
            )

    def read(self, place: Place, advance: Callable[[int], None]) -> Checked:
        """Every file was written to where `place` says, and is as it was when the backup was made.

        That the backup is whole is known when this returns, and not before.

        Args:
            place: From a file's path in the site to where its bytes go.
            advance: Told of every file.

        Raises:
            ManifestMismatch: A file is missing, is one too many, or differs.
        """
        seen: dict[str, FileEntry] = {}
        for info, content in self._members:
            if info.name == MANIFEST:
                return self._finish(seen, decode_manifest(_whole(info, content, LONGEST_MANIFEST)))
            check_name(info.name)
            if info.name in seen:
                raise ManifestMismatch("The backup holds a file twice.", _ANOTHER)
            with place(info.name) as file:
                seen[info.name] = _copy(content, file)
            advance(1)
        raise ManifestMismatch(_NOT_WHOLE, _ANOTHER)

    def _finish(self, seen: dict[str, FileEntry], listed: dict[str, FileEntry]) -> Checked:
        if seen != listed or next(self._members, None) is not None:
            raise ManifestMismatch("The backup does not hold what its manifest says.", _ANOTHER)
        return Checked(seen)

    def _small(self, name: str) -> bytes:
        info, content = next(self._members, (None, None))
        if info is None or content is None or info.name != name:
            raise ManifestMismatch(_NOT_WHOLE, _ANOTHER)
        return _whole(info, content, LONGEST_SMALL)


@contextmanager
def open_backup(path: Path, identities: Sequence[Identity]) -> Iterator[Backup]:
    """The backup at `path`; after the block it was read to its end, all of it authenticated.

    Raises:
        BadInput: It can't be read, or is no backup.
        KeyMismatch: None of the identities opens it; nothing was read.
        ManifestMismatch: It is not whole, or was altered.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", "Name a backup.") from None
    with file:
        reader = _Decryption(file, identities)
        try:
            with reader.stream as stream:
                with _open_archive(stream) as archive:
                    yield Backup(archive, identities)
                while stream.read(_CHUNK):
                    pass
        except (ApplianceError, tarfile.TarError, EOFError) as error:
            reader.raise_failure()
            if isinstance(error, ApplianceError):
                raise
            raise ManifestMismatch(_NOT_WHOLE, _ANOTHER) from None
        except BaseException:
            reader.end()
            raise
        reader.raise_failure()


class _Decryption:
    """The file decrypted by a thread of its own into a pipe."""

    def __init__(self, file: BinaryIO, identities: Sequence[Identity]) -> None:
        reading, writing = os.pipe()
        self.stream = os.fdopen(reading, "rb")
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(file, os.fdopen(writing, "wb"), list(identities)), daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """The thread has ended; nobody reads any more."""
        self.stream.close()
        self._thread.join()

    def raise_failure(self) -> None:
        """The thread has ended; what it met is raised, as the reader's troubles follow from it."""
        self.end()
        if self._failure is not None:
            raise self._failure from None

    def _run(self, file: BinaryIO, pipe: BinaryIO, identities: list[Identity]) -> None:
        sink = _Pipe(pipe)
        try:
            pyrage.decrypt_io(file, sink, identities)
            pipe.flush()
        except BaseException as error:  # noqa: BLE001 - handed on to who reads
            # A reader that went away had its own reason.
            if not sink.is_shut:
                self._failure = _translated(error, has_begun=sink.has_begun)
        finally:
            with suppress(OSError):
                pipe.close()


class _Pipe:
    """The end of the pipe that is written to."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.has_begun = False
        self.is_shut = False

    def write(self, content: bytes) -> int:
        """All of it went into the pipe."""
        self.has_begun = True
        try:
            return self._pipe.write(content)
        except OSError:
            self.is_shut = True
            raise

    def flush(self) -> None:
        """What was written can be read."""
        try:
            self._pipe.flush()
        except OSError:
            self.is_shut = True
            raise


def _translated(error: BaseException, *, has_begun: bool) -> ApplianceError:
    if isinstance(error, pyrage.DecryptError) and "matching keys" in str(error):
        return KeyMismatch(
            "None of the identities opens the backup; nothing was written.",
            "Name the identity of one of its recipients.",
        )
    if isinstance(error, pyrage.DecryptError) and not has_begun:
        return BadInput("The file is no backup, or only its beginning.", "Name a backup.")
    return ManifestMismatch(_NOT_WHOLE, _ANOTHER)


class _Member(tarfile.TarInfo):
    """A plain file, or what tells of the next one: a backup has nothing else in it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Refused before anything that it announces is read.

        Raises:
            ManifestMismatch: A link, a device, a sparse file, or a header without end.
        """
        info = super().frombuf(buf, encoding, errors)
        is_extension = info.type == tarfile.XHDTYPE and info.size <= _LONGEST_EXTENSION
        if info.type != tarfile.REGTYPE and not is_extension:
            raise ManifestMismatch(_NO_FILE, _ANOTHER)
        return info

    def _proc_gnusparse_10(self, *_: object) -> None:
        # tarfile would read the list of holes, however long, out of the file itself.
        raise ManifestMismatch(_NO_FILE, _ANOTHER)


def _open_archive(stream: BinaryIO) -> tarfile.TarFile:
    with _tar_errors():
        return tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member)


@contextmanager
def _tar_errors() -> Iterator[None]:
    """What tarfile raises of a header that it can't make sense of."""
    try:
        yield
    except (ValueError, RecursionError):
        raise ManifestMismatch(_NOT_WHOLE, _ANOTHER) from None


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
    while (info := _next(archive)) is not None:
        # A sparse file of a few bytes would be read as one of any size.
        content = None if info.issparse() else archive.extractfile(info)
        if content is None:
            raise ManifestMismatch(_NO_FILE, _ANOTHER)
        yield info, content  # type: ignore[misc] # IO[bytes] is all that is promised
        # tarfile remembers every member it has seen.
        archive.members.clear()  # type: ignore[attr-defined] # documented nowhere, there since ever


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _tar_errors():
        return archive.next()


def _whole(info: tarfile.TarInfo, content: BinaryIO, longest: int) -> bytes:
    if info.size > longest:
        raise ManifestMismatch(_NOT_WHOLE, _ANOTHER)
    return content.read()


def _copy(content: BinaryIO, file: BinaryIO) -> FileEntry:
    hasher, size = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK):
        hasher.update(chunk)
        size += len(chunk)
        file.write(chunk)
    return FileEntry(size, Digest(hasher.hexdigest()))
