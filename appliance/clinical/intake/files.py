"""Notes from files and folders, one at a time, in an order that does not depend on the disk."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from appliance.clinical.intake.fields import MAX_NOTE_BYTES, make_note, note_from_fields
from appliance.clinical.intake.rejections import Reason, Refusal, Rejected
from appliance.clinical.intake.tables import read_csv, read_jsonl
from appliance.errors import BadInput
from appliance.records.notes import SourceNote

Item = SourceNote | Rejected

_TABLES: Final = {".jsonl": read_jsonl, ".ndjson": read_jsonl, ".csv": read_csv}
_TEXT: Final = ".txt"


def read_notes(paths: Sequence[Path]) -> Iterator[Item]:
    """Every item of the files and folders: a note, or why it is none.

    Folders are walked in name order and never left: links are not followed. A text file's id is
    its path from the folder named on, that folder's name included, so that exports of two wards
    don't overwrite each other. An id that came before, in any of the paths, is refused.

    Raises:
        BadInput: A path does not exist; found before anything is read.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise BadInput(f"{path} does not exist.", "Name files or folders of notes.")
    return _unique(item for path in paths for item in _items(path))


def _unique(items: Iterator[Item]) -> Iterator[Item]:
    # Sixteen bytes for each id, so that a long export fits in memory.
    seen: set[bytes] = set()
    for item in items:
        if isinstance(item, SourceNote):
            mark = hashlib.blake2b(item.source_id.encode(), digest_size=16).digest()
            if mark in seen:
                yield Rejected(Reason.DUPLICATE_ID, item.source_id)
                continue
            seen.add(mark)
        yield item


def _items(path: Path) -> Iterator[Item]:
    whole = path.absolute()
    if not path.is_dir():
        yield from _read_file(path, f"{whole.parent.name}/{path.name}")
        return
    for found in _walk(path):
        if isinstance(found, Rejected):
            yield found
        else:
            yield from _read_file(found, f"{whole.name}/{found.relative_to(path).as_posix()}")


def _walk(root: Path) -> Iterator[Path | Rejected]:
    """Every entry below `root` that is not a folder, in name order."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        yield Rejected(Reason.UNREADABLE, str(root))
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        elif entry.is_symlink():
            # Where it stays inside, its target is met on its own; outside is not ours to read.
            yield Rejected(Reason.LINK, entry.path)
        else:
            yield path


def _read_file(path: Path, name: str) -> Iterator[Item]:
    table = _TABLES.get(path.suffix.lower())
    if table is None and path.suffix.lower() != _TEXT:
        yield Rejected(Reason.UNKNOWN_FORMAT, str(path))
        return
    try:
        with _open_regular(path) as file:
            if table is None:
                yield _whole_file(file, path, name)
                return
            for number, row in table(file):
                yield _from_row(row, f"{path}:{number}")
    except Refusal as refusal:
        yield Rejected(refusal.reason, str(path))
    except OSError:
        yield Rejected(Reason.UNREADABLE, str(path))


def _open_regular(path: Path) -> IO[bytes]:
    # Non-blocking, so that a pipe in the folder can't hang the import; no link is followed.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refusal(Reason.NOT_A_FILE)
    return os.fdopen(handle, "rb")


def _whole_file(file: IO[bytes], path: Path, name: str) -> Item:
    content = file.read(MAX_NOTE_BYTES + 1)
    if len(content) > MAX_NOTE_BYTES:
        return Rejected(Reason.TOO_LARGE, str(path))
    with suppress(UnicodeDecodeError):
        text = content.decode("utf-8-sig")
        identity = os.fsencode(name).decode("utf-8")
        try:
            return make_note(identity.removesuffix(path.suffix), None, "", "", text)
        except Refusal as refusal:
            return Rejected(refusal.reason, str(path))
    return Rejected(Reason.NOT_UTF8, str(path))


def _from_row(row: dict[str, object] | Refusal, source: str) -> Item:
    if isinstance(row, Refusal):
        return Rejected(row.reason, source)
    try:
        return note_from_fields(row)
    except Refusal as refusal:
        return Rejected(refusal.reason, source)
