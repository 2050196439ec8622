"""Notes from files and folders, one at a time, in an order that does not depend on the disk."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from appliance.clinical.intake.fields import is_utf8
from appliance.clinical.intake.formats.known import FEEDS, FORMATS
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Place, Reason, Refusal, Rejected, Withdrawn
from appliance.errors import BadInput
from appliance.records.notes import SourceNote

Item = SourceNote | Rejected | Withdrawn
_Found = tuple[Place, SourceNote | Refusal]
# When a message was sent, and where it stands: which path, which file, which message.
_Rank = tuple[str, int, int, int]
AS_DECLARED: Final = Reading()
"""Nothing said by the operator: what the files declare counts, and UTF-8."""


def read_notes(paths: Sequence[Path], reading: Reading = AS_DECLARED) -> Iterator[Item]:
    """Every item of the files and folders: a note, or why it is none; and what is taken back.

    Only what is at hand is held, and a mark for each id: a file's size does not matter.
    Folders are walked in name order and never left: links are not followed. A text file's id is
    its path from the folder named on, that folder's name included, so that exports of two wards
    don't overwrite each other. An id that came before, in any of the paths, is refused.

    Messages are another matter: of one document there are many, and the newest that was sent
    counts, wherever it stands, be it a withdrawal. So they are looked through before.

    Args:
        paths: Files and folders.
        reading: What the operator says about them.

    Raises:
        BadInput: A path does not exist; found before anything is read.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise BadInput(f"{path} does not exist.", "Name files or folders of notes.")
    return _unique(paths, reading)


@dataclass(frozen=True, slots=True)
class _File:
    """A file to be read.

    Attributes:
        place: Where it stands.
        path: Its path.
        name: What identifies it: its path from the folder that was named.
        flaw: Why it is not to be read.
    """

    place: Place
    path: Path = field(repr=False)
    name: str = field(repr=False)
    flaw: Reason | None

    @property
    def suffix(self) -> str:
        """The end of its name, by which its format is known."""
        return self.path.suffix.lower()


def _unique(paths: Sequence[Path], reading: Reading) -> Iterator[Item]:
    newest = _find_newest(paths, reading)
    # A mark for each id, so that a long export fits in memory.
    seen: set[bytes] = set()
    for place, item in _read_all(paths, reading):
        if isinstance(item, Refusal):
            yield Rejected(item.reason, place)
            if item.withdraws and is_utf8(item.withdraws):
                yield Withdrawn(item.withdraws)
            continue
        mark = _mark(item.source_id)
        if mark in newest.ranks and newest.ranks[mark][1:] != _position(place):
            yield Rejected(Reason.SUPERSEDED, place)
        elif mark in seen:
            yield Rejected(Reason.DUPLICATE_ID, place)
        else:
            seen.add(mark)
            yield item
    yield from map(Withdrawn, newest.gone)


@dataclass(frozen=True, slots=True)
class _Newest:
    """What messages say last.

    Attributes:
        ranks: Of every note that several messages settle, which is the newest.
        gone: Ids of those that there are no more.
    """

    ranks: Mapping[bytes, _Rank]
    gone: Sequence[str] = field(repr=False)


def _find_newest(paths: Sequence[Path], reading: Reading) -> _Newest:
    newest: dict[bytes, _Rank] = {}
    repeated: set[bytes] = set()
    gone: dict[bytes, str] = {}
    for one in _files(paths):
        if one.flaw is not None or one.suffix not in FEEDS:
            continue
        # What is wrong with it is told when it is read.
        with suppress(Refusal, OSError), _open_regular(one.path) as file:
            for said in FEEDS[one.suffix](file, Origin(one.name, reading)):
                mark = _mark(said.source_id)
                rank = (said.sent, *_position(replace(one.place, line=said.number)))
                if mark in newest:
                    repeated.add(mark)
                if rank < newest.get(mark, rank):
                    continue
                newest[mark] = rank
                gone.pop(mark, None)
                if said.is_gone:
                    gone[mark] = said.source_id
    return _Newest({mark: newest[mark] for mark in repeated}, list(gone.values()))


def _mark(source_id: str) -> bytes:
    return hashlib.blake2b(source_id.encode(), digest_size=16).digest()


def _position(place: Place) -> tuple[int, int, int]:
    return place.path, place.file or 0, place.line or 0


def _read_all(paths: Sequence[Path], reading: Reading) -> Iterator[_Found]:
    for one in _files(paths):
        if one.flaw is not None:
            yield one.place, Refusal(one.flaw)
        else:
            yield from _read_file(one, reading)


def _files(paths: Sequence[Path]) -> Iterator[_File]:
    """Every file of the paths, in the order in which they are read."""
    for number, path in enumerate(paths, start=1):
        whole = path.absolute()
        if not path.is_dir():
            flaw = Reason.LINK if path.is_symlink() else None
            place = Place(number, None, None, _spell(path))
            yield _File(place, path, f"{whole.parent.name}/{path.name}", flaw)
            continue
        for file, (found, flaw) in enumerate(_walk(path), start=1):
            place = Place(number, file, None, _spell(found))
            name = f"{whole.name}/{found.relative_to(path).as_posix()}"
            yield _File(place, found, name, flaw)


def _spell(path: Path) -> str:
    """The path as text that can be kept and shown: what can't be printed is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _walk(root: Path) -> Iterator[tuple[Path, Reason | None]]:
    """Every entry below `root` that is not a folder, in name order; with a flaw seen already."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        yield root, Reason.UNREADABLE
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        else:
            # Where a link stays inside, its target is met on its own; outside is not ours to read.
            yield path, Reason.LINK if entry.is_symlink() else None


def _read_file(one: _File, reading: Reading) -> Iterator[_Found]:
    place, read = one.place, FORMATS.get(one.suffix)
    if read is None:
        yield place, Refusal(Reason.UNKNOWN_FORMAT)
        return
    try:
        # A name that is no UTF-8 comes out with lone surrogates, and is refused as an id.
        origin = Origin(one.name, reading)
        with _open_regular(one.path) as file:
            for number, entry in read(file, origin):
                yield replace(place, line=number), entry
    except Refusal as refusal:
        yield place, Refusal(refusal.reason)
    except OSError:
        yield place, Refusal(Reason.UNREADABLE)
    except Exception:  # noqa: BLE001 - a file that finds a bug of ours must not stop the others
        yield place, Refusal(Reason.FAILED)


def _open_regular(path: Path) -> IO[bytes]:
    # Non-blocking, so that a pipe in the folder can't hang the import; no link is followed.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refusal(Reason.NOT_A_FILE)
    return os.fdopen(handle, "rb")
