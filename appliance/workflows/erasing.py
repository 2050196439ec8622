"""What the erasure of notes takes along, whoever's they are: all that was made of them.

From findings and exports first, and with whatever learned from the notes, while the vault still
knows them; then the notes; then once more. Killed at any moment, the same command goes on.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from appliance.artifacts.manifest import is_finished
from appliance.clinical.extraction.scrubbing import count_of, discard_drafts, recover, scrub
from appliance.errors import BadInput
from appliance.records.identifiers import NoteId
from appliance.workflows.cohorts import forget_notes
from appliance.workflows.reviewed import forget_reviewed
from appliance.workflows.self_training import forget_learned, list_learned
from appliance.workflows.site import Site
from appliance.workflows.snapshots import drop_snapshots

_NOTE_ID: Final = re.compile(rb"\bn-[0-9a-f]{24}\b")
_CHUNK: Final = 1 << 20
_OVERLAP: Final = 64
_Found = TypeVar("_Found")

Confirm = Callable[[_Found], bool]
"""Asks a person about what would be erased; anything but a yes is a no."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What was made of notes, and is gone.

    Attributes:
        findings: Findings of these notes, of all extractions.
        exports: Exports that held some; they can be made again.
        adapters: Adapters that had learned from the site's notes, and could remember these.
    """

    findings: int = 0
    exports: int = 0
    adapters: int = 0


def check_confirmed(confirm: Confirm[_Found], found: _Found) -> None:
    """A person was asked, and said yes.

    Raises:
        BadInput: Any other answer.
    """
    if not confirm(found):
        raise BadInput("Not confirmed; nothing was erased.", "Answer y, or give --yes.")


def erase_notes(
    site: Site, note_ids: frozenset[NoteId], erase: Callable[[], int], *, teach: bool
) -> tuple[int, Traces]:
    """The notes are gone from vault and snapshots, and so is what was made of them; the counts.

    Args:
        site: The site; nothing is staged in it meanwhile.
        note_ids: All that are to go.
        erase: Erases them from the vault, and says how many.
        teach: Whether an adapter can have learned from one of them.

    Raises:
        ManifestMismatch: Findings are not what was written; nothing was erased.
        NoSpace: The disk is full; run it again.
    """
    # A snapshot has the notes too: a migration can't be undone any more.
    drop_snapshots(site.paths)
    made = _scrub_traces(site, note_ids, teach=teach)
    erased = erase()
    # Again: what another process made of the notes while they were still there.
    late = _scrub_traces(site, note_ids, teach=teach)
    return erased, Traces(
        made.findings + late.findings, made.exports + late.exports, made.adapters + late.adapters
    )


def find_traces(site: Site, note_ids: frozenset[NoteId], *, teach: bool) -> Traces:
    """What `erase_notes` would take along; nothing is changed.

    Raises:
        ManifestMismatch: Findings are not what was written.
    """
    if not note_ids:
        return Traces()
    findings = sum(count_of(directory, note_ids) for directory in _finished(site))
    exports = len(_exports_of(site, note_ids))
    return Traces(findings, exports, len(list_learned(site)) if teach else 0)


def _scrub_traces(site: Site, note_ids: frozenset[NoteId], *, teach: bool) -> Traces:
    findings, exports = _scrub_findings(site, note_ids)
    forget_notes(site, note_ids)
    forget_reviewed(site, note_ids)
    return Traces(findings, exports, forget_learned(site) if teach and note_ids else 0)


def _scrub_findings(site: Site, note_ids: frozenset[NoteId]) -> tuple[int, int]:
    """Counts of findings and of whole exports that are gone."""
    parent = site.paths.findings
    recover(parent)
    if not note_ids:
        return 0, 0
    # What is half made holds findings too, and nobody can tell whose without making it whole.
    discard_drafts(parent)
    findings = sum(scrub(directory, note_ids) for directory in _finished(site))
    exports = _exports_of(site, note_ids)
    for directory in exports:
        shutil.rmtree(directory)
    return findings, len(exports)


def _finished(site: Site) -> list[Path]:
    """Findings that are whole."""
    return [
        directory
        for directory in sorted(site.paths.findings.iterdir())
        if is_finished(directory) and not directory.name.startswith(".")
    ]


def _exports_of(site: Site, note_ids: frozenset[NoteId]) -> list[Path]:
    """Exports that name one of the notes, and half made ones: all can be made again."""
    if not site.paths.exports.is_dir():
        return []
    return [
        directory
        for directory in sorted(site.paths.exports.iterdir())
        if directory.name.startswith(".") or _names_any(directory, note_ids)
    ]


def _names_any(directory: Path, note_ids: frozenset[NoteId]) -> bool:
    known = set(note_ids)
    return any(
        path.stem in known or any(not known.isdisjoint(ids) for ids in _ids_in(path))
        for path in directory.rglob("*")
        if path.is_file()
    )


def _ids_in(path: Path) -> Iterator[set[str]]:
    """Ids of notes that the file names, some at a time; it can be of any kind and size."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        # What is no table of ours is looked through like any other file.
        with suppress(pa.ArrowException, KeyError, TypeError), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["note_id"]):
                yield set(batch.column("note_id").to_pylist())
            return
    with path.open("rb") as content:
        rest = b""
        while chunk := content.read(_CHUNK):
            yield {found.decode() for found in _NOTE_ID.findall(rest + chunk)}
            rest = (rest + chunk)[-_OVERLAP:]
