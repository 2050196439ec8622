"""Notes from files and folders, one at a time, in an order that does not depend on the disk."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Place, Reason, Refusal, Rejected, Withdrawal
from appliance.clinical.intake.seen import SeenIds
from appliance.errors import BadInput
from appliance.records.notes import SourceNote

Item = SourceNote | Rejected
_Found = tuple[Place, SourceNote | Reason]
_NUMBER: Final = re.compile(r"([0-9]+)")
AS_DECLARED: Final = Reading()
"""Nothing said by the operator: what the files declare counts, and UTF-8."""


def _none(_: SourceNote) -> Reason | None:
    return None


def read_notes(
    paths: Sequence[Path],
    reading: Reading = AS_DECLARED,
    refuse: Callable[[SourceNote], Reason | None] = _none,
) -> Iterator[Item]:
    """Every item of the files and folders: a note, or why it is none.

    Only what is at hand is held, however large the files and however many the notes.
    Folders are walked in name order, numbers in names by their value, and never left: links are not
    followed. A text file's id is its path from the folder named on, that folder's name included, so
    that exports of two wards don't overwrite each other. An id that came before, in any of the
    paths, is refused; of messages it names a newer version, and the order of reading is that of the
    versions.

    Args:
        paths: Files and folders.
        reading: What the operator says about them.
        refuse: Why the site does not take a note, whatever is in order about it. Asked of every
            note, also of one whose id came before: its file's name is not told.

    Raises:
        BadInput: A path does not exist; found before anything is read.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise BadInput(f"{path} does not exist.", "Name files or folders of notes.")
    found = (
        item for number, path in enumerate(paths, start=1) for item in _at(number, path, reading)
    )
    return _unique(found, refuse)


def _unique(
    items: Iterator[_Found], refuse: Callable[[SourceNote], Reason | None]
) -> Iterator[Item]:
    with SeenIds() as seen:
        for place, item in items:
            if isinstance(item, Reason):
                yield Rejected(item, place)
                continue
            is_new = seen.add(item.source_id)
            if why := refuse(item):
                yield Rejected(why, replace(place, name=""))
            elif is_new or item.is_message:
                if item.is_withdrawn:
                    # Told like everything that is no note; and word for the vault besides.
                    yield Rejected(Reason.WITHDRAWN, place)
                yield item
            else:
                yield Rejected(Reason.DUPLICATE_ID, place)


def _at(number: int, path: Path, reading: Reading) -> Iterator[_Found]:
    """The items of the path that was named as the `number`th."""
    whole = path.absolute()
    if not path.is_dir():
        place = Place(number, None, None, _spell(path))
        if path.is_symlink():
            yield place, Reason.LINK
            return
        yield from _read_file(path, f"{whole.parent.name}/{path.name}", place, reading)
        return
    for file, (found, flaw) in enumerate(_walk(path), start=1):
        place = Place(number, file, None, _spell(found))
        if flaw is not None:
            yield place, flaw
        else:
            name = f"{whole.name}/{found.relative_to(path).as_posix()}"
            yield from _read_file(found, name, place, reading)


def _spell(path: Path) -> str:
    """The path as text that can be kept and shown: what can't be printed is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _walk(root: Path) -> Iterator[tuple[Path, Reason | None]]:
    """Every entry below `root` that is not a folder, in order; with a flaw seen already."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: _in_order(entry.name))
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


def _in_order(name: str) -> tuple[list[tuple[str, tuple[int, str]]], str]:
    """What puts `export_2` before `export_10`: of messages the one read later is the newer."""
    parts = _NUMBER.split(name)
    # Without the zeros before them the longer number is the greater.
    numbers = [(len(digits), digits) for digits in (part.lstrip("0") for part in parts[1::2])]
    return list(zip(parts[::2], [*numbers, (0, "")], strict=True)), name


def _read_file(path: Path, name: str, place: Place, reading: Reading) -> Iterator[_Found]:
    read = FORMATS.get(path.suffix.lower())
    if read is None:
        yield place, Reason.UNKNOWN_FORMAT
        return
    try:
        # A name that is no UTF-8 comes out with lone surrogates, and is refused as an id.
        origin = Origin(name, reading)
        with _open_regular(path) as file:
            for number, entry in read(file, origin):
                field = entry.field if isinstance(entry, Refusal) else ""
                yield replace(place, line=number, field=field), _found(entry)
    except Refusal as refusal:
        yield replace(place, field=refusal.field), refusal.reason
    except OSError:
        yield place, Reason.UNREADABLE
    except Exception:  # noqa: BLE001 - a file that finds a bug of ours must not stop the others
        yield place, Reason.FAILED


def _found(entry: SourceNote | Refusal) -> SourceNote | Reason:
    if isinstance(entry, Withdrawal):
        return entry.note
    return entry.reason if isinstance(entry, Refusal) else entry


def _open_regular(path: Path) -> IO[bytes]:
    # Non-blocking, so that a pipe in the folder can't hang the import; no link is followed.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refusal(Reason.NOT_A_FILE)
    return os.fdopen(handle, "rb")
