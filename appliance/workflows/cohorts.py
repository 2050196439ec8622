"""Cohorts: lists of notes by the site's own ids, kept in the site under a name."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import check_absent, open_atomically
from appliance.errors import BadInput
from appliance.records.identifiers import NoteId
from appliance.settings.names import check_name
from appliance.workflows.site import Site

_SUFFIX: Final = ".json"
_OPEN: Final = b"[\n"
_END: Final = b"\n]}"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Notes that belong together.

    Attributes:
        note_ids: Sorted.
        made_at: ISO 8601, UTC.
        reason: Why it was made.
    """

    note_ids: tuple[NoteId, ...]
    made_at: str
    reason: str

    @property
    def digest(self) -> str:
        """SHA-256 over the ids."""
        return hashlib.sha256("\n".join(self.note_ids).encode()).hexdigest()


def save_cohort(site: Site, name: str, note_ids: Iterable[NoteId], reason: str) -> None:
    """The cohort is in the site.

    Args:
        site: It is open.
        name: Of the cohort.
        note_ids: Ascending; taken one by one.
        reason: Why it is made.

    Raises:
        BadInput: The name is none, or taken.
    """
    path = cohort_path(site, name)
    check_absent(path)
    made_at = site.clock.now().isoformat(timespec="seconds")
    site.paths.cohorts.mkdir(mode=0o700, exist_ok=True)
    _write(path, made_at, reason, note_ids)


def read_cohort(site: Site, name: str) -> Cohort:
    """The cohort of that name.

    Raises:
        BadInput: There is none, or it is damaged.
    """
    return _read(cohort_path(site, name))


def cohort_ids(site: Site, name: str) -> Iterator[NoteId]:
    """The notes of that cohort, ascending, read line by line as they are taken.

    Raises:
        BadInput: There is none; now. It is damaged; when that is met.
    """
    path = cohort_path(site, name)
    if not path.is_file():
        raise _none(path)
    return _ids(path)


def forget_notes(site: Site, note_ids: AbstractSet[NoteId]) -> None:
    """No cohort names these notes any more."""
    for path in sorted(site.paths.cohorts.glob(f"*{_SUFFIX}")):
        if any(one in note_ids for one in _ids(path)):
            kept = (one for one in _ids(path) if one not in note_ids)
            _write(path, *_head(path), kept)


def cohort_path(site: Site, name: str) -> Path:
    """Where the cohort lies or would lie.

    Raises:
        BadInput: The name is none.
    """
    check_name(name, "a cohort", "its option")
    return site.paths.cohorts / f"{name}{_SUFFIX}"


def _write(path: Path, made_at: str, reason: str, note_ids: Iterable[NoteId]) -> None:
    """One id a line, so that they can be read one by one; JSON all the same."""
    head = json.dumps({"made_at": made_at, "reason": reason, "note_ids": []})
    with open_atomically(path) as file:
        file.write(head.removesuffix("]}").encode())
        before = b"\n"
        for note_id in note_ids:
            file.write(before + json.dumps(note_id).encode())
            before = b",\n"
        file.write(_END)


def _read(path: Path) -> Cohort:
    try:
        body = json.loads(path.read_bytes())
        ids = tuple(NoteId(str(one)) for one in body["note_ids"])
        return Cohort(ids, str(body["made_at"]), str(body["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise _none(path)


def _head(path: Path) -> tuple[str, str]:
    """When and why it was made."""
    with path.open("rb") as file:
        first = file.readline()
    if not first.endswith(_OPEN):
        whole = _read(path)
        return whole.made_at, whole.reason
    body = json.loads(first + _END)
    return str(body["made_at"]), str(body["reason"])


def _ids(path: Path) -> Iterator[NoteId]:
    try:
        with path.open("rb") as file:
            if not file.readline().endswith(_OPEN):
                # Of an earlier release, or empty.
                yield from _read(path).note_ids
                return
            for line in file:
                if line == _END.lstrip():
                    return
                yield NoteId(str(json.loads(line.rstrip(b",\n"))))
    except (OSError, ValueError):
        pass
    raise _none(path)


def _none(path: Path) -> BadInput:
    return BadInput(
        f"There is no cohort {path.stem}.", "Make one with `appliance notes search --save-cohort`."
    )
