"""A restore tried out: into a place of its own, looked at, and gone again. Its age is a measure."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import read_manifest
from appliance.artifacts.staging import staged
from appliance.clinical.vault.database import FILE as VAULT_FILE
from appliance.errors import BadInput, IntegrityError
from appliance.records.access import Verb
from appliance.records.backups import REHEARSAL, REHEARSED
from appliance.records.progress import Progress
from appliance.settings.credentials import without_credentials
from appliance.settings.site import SitePaths
from appliance.workflows.access import allow
from appliance.workflows.backup_parts import KINDS
from appliance.workflows.ingest import opened_vault
from appliance.workflows.restore import Restored, restore
from appliance.workflows.site import Site, open_site

_REASON: Final = "restore-rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A restore that worked.

    Attributes:
        sha256: Of the backup.
        made_at: When that was made, ISO 8601.
        entries: Entries of its ledger, all of them sound.
        notes: Notes in its vault.
        opened: Notes that were opened, and shown to nobody.
        products: Corpora, adapters, findings and exports whose every byte is as it was.
        seconds: How long it took.
    """

    sha256: str
    made_at: str
    entries: int
    notes: int
    opened: int
    products: int
    seconds: float


def rehearse(
    root: Path,
    file: Path,
    identity: Path,
    progress: Progress,
    *,
    scratch: Path | None = None,
    dry_run: bool = False,
) -> Rehearsal | None:
    """The backup was restored, looked at and removed again, and the site's ledger says so.

    Args:
        root: The site that the backup is of.
        file: The backup.
        identity: File of an identity of age.
        progress: Where to report.
        scratch: Where to restore, such as a tmpfs; None for the site's own private place.
        dry_run: Only whether it could be done.

    Returns:
        What was seen; None of a dry run.

    Raises:
        Forbidden: Whoever runs this may not.
        IntegrityError: What was restored is not what the backup says, or it is of another site.
        BadInput, KeyMismatch, ManifestMismatch, NoSpace: As `restore.restore`.
    """
    site = open_site(root)
    allow(site, Verb.BACKUP, with_second=False)
    place = scratch or site.paths.run
    if not place.is_dir():
        raise BadInput(f"{place} is no directory.", "Name another --scratch.")
    if dry_run:
        _check_ours(site, restore(file, identity, place / "rehearsed", progress, dry_run=True))
        return None
    with staged(site.paths.run, REHEARSAL, place) as folder:
        began = time.monotonic()
        done = restore(file, identity, folder / "site", progress)
        _check_ours(site, done)
        # It is not the site whose keys this service was handed.
        with without_credentials():
            seen = _look(done, began)
    site.ledger.record(
        REHEARSED,
        {
            "sha256": seen.sha256,
            "made_at": seen.made_at,
            "entries": seen.entries,
            "notes": seen.notes,
            "opened": seen.opened,
            "products": seen.products,
            "seconds": seen.seconds,
        },
    )
    return seen


def _check_ours(site: Site, done: Restored) -> None:
    if done.backup.ledger != site.ledger.verifier.name:
        raise IntegrityError(
            "The backup is of another site.", "Name one that this site's ledger knows."
        )


def _look(done: Restored, began: float) -> Rehearsal:
    """What a person would look at after a restore."""
    notes, opened = _open_one(done.site)
    products = _check_products(SitePaths(done.site))
    told = sum(done.backup.counts.get(folder, 0) for folder, _ in KINDS)
    if not done.erased and products != told:
        raise IntegrityError(
            f"{products} of {told} corpora, adapters, findings and exports are there.",
            "Take another backup.",
        )
    return Rehearsal(
        done.backup.sha256,
        done.backup.made_at,
        done.backup.entries,
        notes,
        opened,
        products,
        round(time.monotonic() - began, 1),
    )


def _open_one(root: Path) -> tuple[int, int]:
    site = open_site(root)
    if not (site.paths.vault / VAULT_FILE).is_file():
        return 0, 0
    with opened_vault(site) as vault:
        ids = vault.note_ids()
        # It opens, or this raises; what is in it nobody sees.
        opened = vault.read_identified(ids[:1], _REASON)
    return len(ids), len(opened)


def _check_products(paths: SitePaths) -> int:
    found = [
        (directory, kind) for folder, kind in KINDS for directory in _folders(paths.root / folder)
    ]
    for directory, kind in found:
        read_manifest(directory, kind)
    return len(found)


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir())
