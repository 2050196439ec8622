"""Cohorts: lists of notes by the site's own ids, kept in the site under a name."""

import hashlib
import json
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import check_absent, write_atomically
from appliance.errors import BadInput
from appliance.records.identifiers import NoteId
from appliance.settings.names import check_name
from appliance.workflows.site import Site

_SUFFIX: Final = ".json"


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


def save_cohort(site: Site, name: str, note_ids: list[NoteId], reason: str) -> Cohort:
    """The cohort is in the site.

    Raises:
        BadInput: The name is none, or taken.
    """
    path = cohort_path(site, name)
    check_absent(path)
    made_at = site.clock.now().isoformat(timespec="seconds")
    cohort = Cohort(tuple(sorted(note_ids)), made_at, reason)
    site.paths.cohorts.mkdir(mode=0o700, exist_ok=True)
    _write(path, cohort)
    return cohort


def read_cohort(site: Site, name: str) -> Cohort:
    """The cohort of that name.

    Raises:
        BadInput: There is none, or it is damaged.
    """
    path = cohort_path(site, name)
    try:
        body = json.loads(path.read_bytes())
        ids = tuple(NoteId(str(one)) for one in body["note_ids"])
        return Cohort(ids, str(body["made_at"]), str(body["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise BadInput(
        f"There is no cohort {name}.", "Make one with `appliance notes search --save-cohort`."
    )


def forget_notes(site: Site, note_ids: AbstractSet[NoteId]) -> None:
    """No cohort names these notes any more."""
    for path in sorted(site.paths.cohorts.glob(f"*{_SUFFIX}")):
        cohort = read_cohort(site, path.stem)
        kept = tuple(one for one in cohort.note_ids if one not in note_ids)
        if len(kept) != len(cohort.note_ids):
            _write(path, Cohort(kept, cohort.made_at, cohort.reason))


def cohort_path(site: Site, name: str) -> Path:
    """Where the cohort lies or would lie.

    Raises:
        BadInput: The name is none.
    """
    check_name(name, "a cohort", "its option")
    return site.paths.cohorts / f"{name}{_SUFFIX}"


def _write(path: Path, cohort: Cohort) -> None:
    write_atomically(path, json.dumps(asdict(cohort)).encode())
