"""Exports into the vault: the vault opened with the site's keys, and notes taken in."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.rejections import Rejected
from appliance.clinical.vault.store import SealReport, Vault
from appliance.errors import BadInput
from appliance.records.notes import SourceNote
from appliance.records.progress import Progress
from appliance.settings.keys import Purpose
from appliance.workflows.fingerprints import fingerprinted
from appliance.workflows.site import Site, open_site


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an export.

    Attributes:
        new: Notes that were not in the vault before.
        changed: Notes in the vault with other content, now in a new version.
        known: Notes in the vault as they are.
        rejected: Reason to count of items that are no notes.
        is_dry_run: Whether nothing was written; `new` then counts every usable note.
    """

    new: int
    changed: int
    known: int
    rejected: dict[str, int]
    is_dry_run: bool = False


@contextmanager
def opened_vault(site: Site) -> Iterator[Vault]:
    """The site's vault, open with its keys, its events going to the ledger.

    Raises:
        KeyMismatch: The site's keys are not those it was made with.
    """
    vault = Vault.open(
        site.paths.vault,
        site.keys.key(Purpose.VAULT),
        site.keys.key(Purpose.PSEUDONYM),
        site.ledger,
    )
    with closing(vault):
        yield vault


def import_notes(
    root: Path, paths: Sequence[Path], progress: Progress, *, dry_run: bool = False
) -> ImportReport:
    """Every usable note of the files and folders is in the vault; the others are counted.

    Raises:
        BadInput: A path is not there, or none of the items is a note.
        NoSpace: The disk is full; what was committed is kept.
    """
    site = open_site(root)
    rejected: Counter[str] = Counter()
    notes = _accepted(read_notes(paths), rejected)
    if dry_run:
        report = SealReport(new=sum(1 for _ in _reported(notes, progress, None)))
    else:
        report = import_stream(site, notes, progress)
    if not dry_run:
        reasons = {f"rejected_{key.replace('-', '_')}": n for key, n in sorted(rejected.items())}
        site.ledger.record(
            "notes.imported",
            {"notes": report.total, "rejected": rejected.total(), **reasons},
        )
    if not report.total:
        raise BadInput(
            f"None of {rejected.total()} items is a note{_explain(rejected)}.",
            "Give folders of .txt in UTF-8, .jsonl with id and text, or .csv with a header.",
        )
    return ImportReport(
        report.new, report.changed, report.known, dict(sorted(rejected.items())), dry_run
    )


def import_stream(
    site: Site, notes: Iterable[SourceNote], progress: Progress, total: int | None = None
) -> SealReport:
    """Every note of the stream is in the vault of an open site.

    Raises:
        NoSpace: The disk is full; what was committed is kept.
    """
    with opened_vault(site) as vault, fingerprinted(site, vault, notes) as seen:
        report = vault.seal(_reported(seen, progress, total))
    progress.end(f"{report.new} new, {report.changed} changed, {report.known} known")
    return report


def _accepted(
    items: Iterable[SourceNote | Rejected], rejected: Counter[str]
) -> Iterator[SourceNote]:
    for item in items:
        if isinstance(item, Rejected):
            rejected[item.reason] += 1
        else:
            yield item


def _reported(
    notes: Iterable[SourceNote], progress: Progress, total: int | None
) -> Iterator[SourceNote]:
    progress.begin("Importing notes", total)
    for note in notes:
        yield note
        progress.advance()


def _explain(rejected: Counter[str]) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in rejected.most_common())
    return f": {counts}" if counts else ""
