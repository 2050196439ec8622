"""A site made again from a backup, in an empty place: whole, or not a site.

Nothing is written before the backup has opened and its keys are those it says. While the files are
being written the place holds no `site.toml`, and so is no site, and a mark, so that the same
command can begin anew there; `site.toml` comes last, when ledger and vault were looked at.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from appliance.artifacts.locks import held_alone
from appliance.artifacts.manifest import digest_file
from appliance.artifacts.writing import disk_errors, sync_directory
from appliance.backups.format import SETTINGS, Header
from appliance.backups.keys import read_identities
from appliance.backups.reading import Backup, Checked, open_backup
from appliance.clinical.vault.database import FILE as VAULT_FILE
from appliance.errors import BadInput, IntegrityError, LedgerBroken, SiteError
from appliance.ledger.checkpoint import Checkpoint, signer_of
from appliance.ledger.entry import decode
from appliance.ledger.examination import examine
from appliance.ledger.proofs import check_export, read_bodies
from appliance.records.backups import NAME, RESTORED
from appliance.records.clock import Clock
from appliance.records.events import Fact
from appliance.records.identifiers import PatientId
from appliance.records.progress import Progress
from appliance.settings.clock import SystemClock
from appliance.settings.credentials import without_credentials
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.schema import SITE_SCHEMA, Schema, read_schema
from appliance.settings.site import SitePaths
from appliance.settings.site_file import load_site_file
from appliance.workflows.ingest import opened_vault
from appliance.workflows.notes import erase_again, renew_index
from appliance.workflows.site import Site, assemble
from appliance.workflows.tombstones import TOMBSTONES

FIRST_EVENT: Final = "site.initialised"
_MARK: Final = ".restoring"
_UNNAMED: Final = ".site.toml.restored"


@dataclass(frozen=True, slots=True)
class Verified:
    """A backup that was read to its end and is whole.

    Attributes:
        made_at: ISO 8601.
        product: Version of the program that made it.
        ledger: Name of the site's ledger: compare it with a head that was kept elsewhere.
        entries: Entries of the ledger.
        root: Its root.
        fingerprint: Of the site's keys.
        files: Count of files.
        size: Bytes of all of them.
        sha256: Of the backup itself: compare it with the ledger's event `backup.created`.
        counts: What there is of each kind of thing.
        models: Base models that have to be imported again, name to digest.
    """

    made_at: str
    product: str
    ledger: str
    entries: int
    root: str
    fingerprint: str
    files: int
    size: int
    sha256: str
    counts: dict[str, int]
    models: dict[str, str]


@dataclass(frozen=True, slots=True)
class Restored:
    """A site that was restored, or could be.

    Attributes:
        site: Where.
        backup: What it was made from.
        erased: Patients that were erased again, because a tombstone said so.
        known_to: Entries of the site's ledger up to which erasures are known.
        is_older: Whether it has the layout of an older program, and is to be migrated.
        is_dry_run: Whether nothing was written.
    """

    site: Path
    backup: Verified
    erased: int
    known_to: int
    is_dry_run: bool
    is_older: bool = False


def verify(file: Path, identity: Path, progress: Progress) -> Verified:
    """The backup opens, is whole, and every file in it is as it was; nothing is written.

    Raises:
        KeyMismatch: The identity does not open it, or others can read that.
        ManifestMismatch: It is not whole, or was altered.
        BadInput: It is no backup.
    """
    sha256 = _digest(file)
    with open_backup(file, read_identities(identity)) as backup:
        progress.begin("Verifying")
        checked = backup.read(_nowhere, progress.advance)
        progress.end(f"{len(checked.files)} files")
    return _verified(backup.header, checked, sha256)


def restore(
    file: Path,
    identity: Path,
    to: Path,
    progress: Progress,
    *,
    ledger: Path | None = None,
    clock: Clock | None = None,
    dry_run: bool = False,
) -> Restored:
    """The site of the backup is at `to`: the same ledger, notes that can be read, and on record.

    Args:
        file: The backup.
        identity: File of an identity of age.
        to: A new or empty directory.
        progress: Where to report.
        ledger: A newer export of the same ledger: who was erased since the backup is erased again.
        clock: The time.
        dry_run: Verify only, and whether `to` is free.

    Raises:
        KeyMismatch: The identity does not open it; nothing was written.
        ManifestMismatch: The backup is not whole, or was altered; nothing is left of it.
        LedgerBroken: Its ledger is not what it says, or the export is not of that ledger.
        SiteError: There is something at `to`.
        NoSpace: The disk is full; nothing is left.
    """
    check_free(to)
    if dry_run:
        seen = verify(file, identity, progress)
        return Restored(to.absolute(), seen, 0, seen.entries, is_dry_run=True)
    sha256 = _digest(file)
    with ExitStack() as stack:
        with open_backup(file, read_identities(identity)) as backup:
            tombs, known_to = _newer_tombs(backup, ledger)
            paths = stack.enter_context(_furnished(to))
            progress.begin("Restoring")
            checked = _write(backup, paths, progress.advance)
            progress.end(f"{len(checked.files)} files")
        # Only now is it known that the backup was whole.
        verified = _verified(backup.header, checked, sha256)
        # Whoever renamed it may have put anything into its name.
        source: dict[str, Fact] = {
            "name": file.name if NAME.fullmatch(file.name) else "",
            "size": file.stat().st_size,
            "begun": backup.header.begun,
        }
        with without_credentials():
            erased = _finish(paths, verified, source, tombs, clock or SystemClock())
    is_older = read_schema(paths.schema) != Schema(SITE_SCHEMA)
    return Restored(paths.root, verified, erased, known_to, is_dry_run=False, is_older=is_older)


def check_free(to: Path) -> SitePaths:
    """The paths of a site that could be restored at `to`; nothing is made.

    Raises:
        SiteError: Something is there that is not left over from a restore that was cut off.
    """
    paths = SitePaths(to.absolute())
    try:
        found = {path.name for path in to.iterdir()} if to.exists() else set()
    except OSError as error:
        raise SiteError(
            f"{to} can't be looked into: {error.strerror}.", "Name another directory."
        ) from None
    if found and (_MARK not in found or paths.settings.name in found):
        raise SiteError(f"{to} is not empty.", "Name a new or empty directory.")
    return paths


@contextmanager
def _furnished(to: Path) -> Iterator[SitePaths]:
    """An empty place that is no site yet; after the block it is one, or nothing is there."""
    paths = check_free(to)
    was_there = to.is_dir()
    with disk_errors(to):
        paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.root.chmod(0o700)
    alone = (f"Another restore is at work in {to}.", "Wait for it to end.")
    with held_alone(paths.root / _MARK, *alone):
        try:
            _clear(paths.root)
            with disk_errors(to):
                for directory in paths.directories():
                    directory.mkdir(mode=0o700)
            yield paths
            with disk_errors(to):
                _publish(paths)
        except BaseException:
            _clear(paths.root)
            (paths.root / _MARK).unlink(missing_ok=True)
            if not was_there:
                shutil.rmtree(paths.root, ignore_errors=True)
            raise


def _clear(root: Path) -> None:
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _MARK:
            path.unlink(missing_ok=True)


def _publish(paths: SitePaths) -> None:
    """The last step: from here on it is a site."""
    (paths.root / _UNNAMED).rename(paths.settings)
    sync_directory(paths.root)
    (paths.root / _MARK).unlink()


def _write(backup: Backup, paths: SitePaths, advance: Callable[[int], None]) -> Checked:
    for name, key in backup.keys.items():
        with _file(paths.keys / name) as file:
            file.write(key)

    def place(name: str) -> AbstractContextManager[BinaryIO]:
        return _file(paths.root / (_UNNAMED if name == SETTINGS else name))

    checked = backup.read(place, advance)
    with disk_errors(paths.root):
        for folder in (paths.root, *(path for path in paths.root.rglob("*") if path.is_dir())):
            sync_directory(folder)
    return checked


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """A new file, its owner's alone, on disk after the block."""
    with disk_errors(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())


def _finish(
    paths: SitePaths,
    backup: Verified,
    source: dict[str, Fact],
    tombs: set[PatientId],
    clock: Clock,
) -> int:
    """What was written is what the backup says; the ledger tells of it; count of the erased."""
    _check_ledger(paths, backup)
    tombs = tombs | _tombs_in(read_bodies(paths.ledger, backup.entries), int(source["begun"]))
    if not (paths.root / _UNNAMED).is_file():
        raise IntegrityError("The backup holds no settings.", "Take another backup.")
    settings = load_site_file(paths.root / _UNNAMED)
    site = assemble(paths, settings, clock, is_new=False)
    site.ledger.record(
        RESTORED,
        {
            **source,
            "sha256": backup.sha256,
            "made_at": backup.made_at,
            "entries": backup.entries,
            "erased": len(tombs),
        },
    )
    if (paths.vault / VAULT_FILE).is_file():
        _check_vault(site, backup)
        erase_again(site, sorted(tombs))
        renew_index(site)
    return len(tombs)


def _check_ledger(paths: SitePaths, backup: Verified) -> None:
    key = FileKeys(paths.keys).key(Purpose.LEDGER)
    told = Checkpoint(backup.ledger, backup.entries, bytes.fromhex(backup.root))
    found = examine(paths.ledger, key, first_kind=FIRST_EVENT, kept=[told])
    name = signer_of(key).verifier.name
    if not found.is_intact or found.entries != backup.entries or name != backup.ledger:
        raise LedgerBroken(
            "The ledger in the backup is not the one that it says.",
            "Take another backup, and compare it with a head that was kept elsewhere.",
        )


def _check_vault(site: Site, backup: Verified) -> None:
    with opened_vault(site) as vault:
        notes = sum(vault.count().values())
    if notes != backup.counts.get("notes"):
        raise IntegrityError(
            f"The vault in the backup has {notes} notes, not those it says.", "Take another backup."
        )


def _newer_tombs(backup: Backup, ledger: Path | None) -> tuple[set[PatientId], int]:
    """Who was erased after the backup, as a newer export of its ledger says, and up to where.

    Raises:
        BadInput: The export can't be read, or begins too late.
        LedgerBroken: It is not of this ledger, or was altered.
    """
    entries = backup.header.entries
    if ledger is None:
        return set(), entries
    verifier = signer_of(backup.keys[f"{Purpose.LEDGER}.key"]).verifier
    try:
        content = ledger.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{ledger} can't be read: {error.strerror}.", "Name what `ledger export` wrote."
        ) from None
    _, bodies = check_export(content, verifier)
    first = decode(bodies[0])[0] if bodies else 0
    known_to = first + len(bodies)
    if not first <= entries <= known_to:
        raise BadInput(
            f"The export has entries {first} to {known_to - 1}; those since entry {entries} are "
            "wanted.",
            f"Make it with `appliance ledger export --from {entries} --out FILE`.",
        )
    return _tombs_in(list(bodies), backup.header.begun), known_to


def _tombs_in(bodies: list[bytes], begun: int) -> set[PatientId]:
    """Patients erased by entries after `begun`: one who was erased before and came again stays."""
    found: set[PatientId] = set()
    for body in bodies:
        if not any(f'"kind":"{kind}"'.encode() in body for kind in TOMBSTONES):
            continue
        index, event = decode(body)
        if index > begun and event.kind in TOMBSTONES:
            found.add(PatientId(str(event.facts["patient"])))
    return found


def _verified(header: Header, checked: Checked, sha256: str) -> Verified:
    return Verified(
        header.made_at,
        header.product,
        header.ledger,
        header.entries,
        header.root,
        header.fingerprint,
        len(checked.files),
        checked.size,
        sha256,
        dict(header.counts),
        dict(header.models),
    )


def _digest(file: Path) -> str:
    try:
        return digest_file(file)
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror}.", "Name a backup.") from None


@contextmanager
def _nowhere(name: str) -> Iterator[BinaryIO]:
    """What is written there is dropped."""
    del name
    yield _Dropped()


class _Dropped(BytesIO):
    def write(self, content: object) -> int:
        """Keep nothing."""
        return len(content)  # type: ignore[arg-type] # bytes, as everywhere here
