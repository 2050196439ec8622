"""Exports into the vault: the vault opened with the site's keys, and notes taken in."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from appliance.clinical.intake.files import Item, read_notes
from appliance.clinical.intake.mapping import make_reading
from appliance.clinical.intake.rejections import UNNAMED, Reason, Rejected
from appliance.clinical.intake.seen import PutOff
from appliance.clinical.vault.database import FILE
from appliance.clinical.vault.opened import patient_id
from appliance.clinical.vault.store import Vault
from appliance.clinical.vault.versions import SealReport
from appliance.errors import BadInput
from appliance.records.access import Verb
from appliance.records.clock import Clock
from appliance.records.notes import SourceNote
from appliance.records.progress import Progress
from appliance.settings.keys import Purpose
from appliance.settings.retention import load_retention
from appliance.workflows.access import allow
from appliance.workflows.fingerprints import fingerprinted
from appliance.workflows.site import Site, check_kept, open_site
from appliance.workflows.tombstones import erased_patients, is_erased

MAX_KEPT: Final = 100_000
"""How many rejected items of one import are kept by name; all are counted."""
FIRST: Final = 20
_FORMATS: Final = (
    "Give folders of .txt, .pdf, .xml (C-CDA), .hl7, .json or .ndjson (FHIR R4), .jsonl, .csv, "
    ".tsv or .parquet; tables with id and text, or say with --map what these are called there; "
    "bytes that are not UTF-8 need --encoding."
)
_STEPS: Final = {
    Reason.UNKNOWN_FIELD: "Columns are id, text, patient, kind, date. Take out the one told by its "
    "number, or name with --map id=NOTE_ID,text=NOTE_TEXT those to read: the others are left out.",
    Reason.MISSING_FIELD: "A note needs id and text, and every column that --map names: add the "
    "one that is told, or say with --map what it is called there.",
    Reason.BAD_DATE: "Dates are YYYY-MM-DD or DD.MM.YYYY: for others give --map a .toml with "
    '`date-format`, such as "%m/%d/%Y".',
    Reason.RICH_TEXT: "Rich text (RTF) is not read: its commands would stand among the words. "
    "Export these notes as plain text or PDF.",
}
"""What to do about a field that is at fault."""
_MENDING: Final = "mending-an-export"


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """One item of an export that was not taken in, and where it stands.

    Attributes:
        path: Which of the paths that were named, from 1.
        file: Which file below it, in name order and numbers by their value, folder by folder, from
            1; None where it is one.
        line: Of a table, from 1; None where the whole file is the item.
        reason: From a fixed list.
        name: The file's path, where it was asked for: it can hold a patient's name.
        field: The field at fault by our own name, or of a table "column N" of what is none of
            ours; "" where it is not one field.
    """

    path: int
    file: int | None
    line: int | None
    reason: str
    name: str | None = field(default=None, repr=False)
    field: str = ""

    @property
    def where(self) -> str:
        """In words: by its file's name only where that was asked for, else by numbers."""
        file = f", file {self.file}" if self.file else ""
        line = f", line {self.line}" if self.line else ""
        at_fault = f", {self.field}" if self.field else ""
        return (self.name or f"path {self.path}{file}") + line + at_fault


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an export.

    Attributes:
        new: Notes that were not in the vault before.
        changed: Notes in the vault with other content, now in a new version.
        known: Notes in the vault as they are, or as earlier versions.
        rejected: Reason to count of items that are no notes.
        encodings: Encoding to count of notes that came in it; "xml" and "pdf" are two of them.
        first_rejected: Where the first of these items stand.
        is_dry_run: Whether nothing was written; `new` then counts every usable note.
        withdrawn: Notes in the vault that are not read any more: the export takes them back.
        moved: Of the changed ones, which are another patient's now; their texts before are gone.
            Two systems that number their notes alike look so too.
        without_patient: Notes of which the export does not say whose they are: `notes erase` finds
            each by its own id only.
        older: Those that say that they are older than what the vault has: it stays. Of the known
            ones, and of messages that take a note back.
        next_steps: What to do about fields that are at fault.
    """

    new: int
    changed: int
    known: int
    rejected: dict[str, int]
    first_rejected: tuple[RejectedItem, ...] = ()
    encodings: dict[str, int] = field(default_factory=dict)
    is_dry_run: bool = False
    withdrawn: int = 0
    moved: int = 0
    without_patient: int = 0
    older: int = 0
    next_steps: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sorted:
    """What was not taken in, as the stream goes by: every one counted, most of them kept.

    Of an erased patient's notes nothing is kept, nor of those past the limit: see `UNNAMED`.
    """

    counts: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    without_patient: int = 0
    items: list[Rejected] = field(default_factory=list)

    def next_steps(self) -> tuple[str, ...]:
        at_fault = {item.reason for item in self.items if item.place.field}
        return tuple(step for reason, step in _STEPS.items() if reason in at_fault)

    def notes(self, items: Iterable[Item]) -> Iterator[SourceNote]:
        for item in items:
            if isinstance(item, Rejected):
                self.counts[item.reason] += 1
                if len(self.items) < MAX_KEPT and item.reason not in UNNAMED:
                    self.items.append(item)
            else:
                self.encodings[item.encoding] += not item.is_withdrawn
                self.without_patient += item.patient_source_id is None and not item.is_withdrawn
                yield item


def check_vault(site: Site) -> None:
    """The vault is there, or nothing was ever put into it.

    Raises:
        IntegrityError: It is gone.
    """
    check_kept(site, site.paths.vault / FILE, "vault.sealed", "new")
    check_kept(site, site.paths.vault / FILE, "vault.registered", "patients")


@contextmanager
def opened_vault(site: Site) -> Iterator[Vault]:
    """The site's vault, open with its keys, its events going to the ledger.

    Raises:
        KeyMismatch: The site's keys are not those it was made with.
        IntegrityError: It is gone, or damaged.
    """
    check_vault(site)
    vault = Vault.open(
        site.paths.vault,
        site.keys.key(Purpose.VAULT),
        site.keys.key(Purpose.PSEUDONYM),
        site.ledger,
    )
    with closing(vault):
        yield vault


def import_notes(
    root: Path,
    paths: Sequence[Path],
    progress: Progress,
    *,
    mapping: Sequence[str] = (),
    encoding: str | None = None,
    dry_run: bool = False,
    with_names: bool = False,
    clock: Clock | None = None,
) -> ImportReport:
    """Every usable note of the files and folders is in the vault; the others are counted.

    Where the others stand is kept in the vault, until the next import. Notes of patients who were
    erased are among the others, until these are readmitted; and notes that are older than
    `policies/retention.toml` allows. Of messages with one id the newest is the one that says so
    (FHIR's `meta`), else the last one that is read; the ones before it are earlier versions.

    Args:
        root: The site.
        paths: Files and folders.
        progress: Told of every note.
        mapping: Which column is which field: `field=COLUMN,...`, or the path of a `.toml`.
        encoding: In what bytes are that declare nothing and are no UTF-8.
        dry_run: Count only.
        with_names: Whether the report names the files of rejected items.
        clock: The time.

    Raises:
        BadInput: A path is not there, none of the items is a note, or no such field or encoding.
        NoSpace: The disk is full; what was committed is kept.
    """
    reading = make_reading(mapping, encoding)
    site = open_site(root, clock)
    allow(site, Verb.IMPORT)
    rejected = _Sorted()
    refuse = _refusal(site)
    notes = rejected.notes(read_notes(paths, reading, refuse))
    if dry_run:
        seen = _reported(notes, progress, None)
        report = SealReport(new=sum(not note.is_withdrawn for note in seen))
    else:
        with PutOff() as waiting:
            report = import_stream(site, notes, progress, waiting=waiting)
            if waiting.count:
                again = read_notes(paths, reading, refuse)
                late = import_stream(site, _late(site, again, waiting), progress)
                report = _with_late(report, late)
        _keep(site, report, rejected)
    if not report.total and not report.withdrawn:
        raise _no_note(rejected, dry_run=dry_run)
    return ImportReport(
        report.new,
        report.changed,
        report.known,
        dict(sorted(rejected.counts.items())),
        tuple(_shown(item, with_name=with_names) for item in rejected.items[:FIRST]),
        dict(sorted((+rejected.encodings).items())),
        dry_run,
        report.withdrawn,
        report.moved,
        rejected.without_patient,
        report.older,
        rejected.next_steps(),
    )


def read_rejected(root: Path) -> tuple[RejectedItem, ...]:
    """What the last import did not take in, by file, line and reason; the read is in the ledger."""
    site = open_site(root)
    allow(site, Verb.REJECTED)
    with opened_vault(site) as vault:
        items = vault.read_rejected_identified(_MENDING)
    return tuple(_shown(item, with_name=True) for item in items)


def import_stream(
    site: Site,
    notes: Iterable[SourceNote],
    progress: Progress,
    total: int | None = None,
    *,
    waiting: PutOff | None = None,
) -> SealReport:
    """Every note of the stream is in the vault of an open site; or waits, as `Vault.seal` says.

    Raises:
        NoSpace: The disk is full; what was committed is kept.
    """
    with opened_vault(site) as vault, fingerprinted(site, vault, notes) as seen:
        report = vault.seal(_reported(seen, progress, total), waiting)
    progress.end(f"{report.new} new, {report.changed} changed, {report.known} known")
    return report


def _late(site: Site, items: Iterable[Item], waiting: PutOff) -> Iterator[SourceNote]:
    """Of the same export, read again, what waited to its end: nothing took its place.

    Without what named another patient on the way than the last that waited: that was mended.
    """
    key = site.keys.key(Purpose.PSEUDONYM)
    notes = (item for item in items if isinstance(item, SourceNote))
    for number, note in enumerate(notes, start=1):
        if waiting.is_late(note.source_id, number):
            patient = note.patient_source_id
            owner = None if patient is None else patient_id(key, patient)
            if waiting.is_of(note.source_id, owner):
                yield note


def _with_late(report: SealReport, late: SealReport) -> SealReport:
    """Both; what waited was counted as known."""
    known = report.known + late.known - late.total
    return replace(report.plus(late), known=known, older=report.older)


def _refusal(site: Site) -> Callable[[SourceNote], Reason | None]:
    """Says why the site does not take a note: who was erased, and what is too old, stays out."""
    oldest = load_retention(site.paths.policies).oldest_note(site.clock.now())
    is_gone = _is_erased(site)

    def asked(note: SourceNote) -> Reason | None:
        if is_gone(note):
            return Reason.ERASED
        return Reason.OUTLIVED if "" < note.written_on < oldest else None

    return asked


def _is_erased(site: Site) -> Callable[[SourceNote], bool]:
    check_vault(site)
    # A dry run makes no vault.
    if not (site.paths.vault / FILE).exists():
        return is_erased(site, erased_patients(site))
    with opened_vault(site) as vault:
        return is_erased(site, vault.who_is_gone(erased_patients(site)))


def _keep(site: Site, report: SealReport, rejected: _Sorted) -> None:
    with opened_vault(site) as vault:
        vault.keep_rejected(rejected.items)
    counts = sorted(rejected.counts.items())
    site.ledger.record(
        "notes.imported",
        {
            "notes": report.total,
            "withdrawn": report.withdrawn,
            "moved": report.moved,
            "without_patient": rejected.without_patient,
            "older": report.older,
            "rejected": rejected.counts.total(),
            **{f"rejected_{key.replace('-', '_')}": count for key, count in counts},
            **{
                f"encoding_{key.replace('-', '_')}": count
                for key, count in sorted((+rejected.encodings).items())
            },
        },
    )


def _shown(item: Rejected, *, with_name: bool) -> RejectedItem:
    place = item.place
    name = place.name if with_name else None
    return RejectedItem(place.path, place.file, place.line, item.reason.value, name, place.field)


def _reported(
    notes: Iterable[SourceNote], progress: Progress, total: int | None
) -> Iterator[SourceNote]:
    progress.begin("Importing notes", total)
    for note in notes:
        yield note
        progress.advance()


def _no_note(sorted_out: _Sorted, *, dry_run: bool) -> BadInput:
    rejected = sorted_out.counts
    if not rejected:
        return BadInput("There is no note in what was named: it is empty.", _FORMATS)
    counts = ", ".join(f"{count} {reason}" for reason, count in rejected.most_common())
    first = next((item for item in sorted_out.items if item.place.field), None)
    at_fault = ""
    if first is not None:
        # In numbers and names of ours: the file's own can be a patient's.
        told = _shown(first, with_name=False)
        at_fault = f" The first: {told.where}: {told.reason}."
    where = "" if dry_run else " `appliance notes rejected` says where each stands."
    if Reason.ERASED in rejected:
        where += " `appliance notes readmit` lets notes of an erased patient in again."
    if Reason.OUTLIVED in rejected:
        where += " policies/retention.toml says how old a note may be."
    steps = " ".join((*sorted_out.next_steps(), _FORMATS))
    return BadInput(
        f"None of {rejected.total()} items is a note: {counts}.{at_fault}", steps + where
    )
