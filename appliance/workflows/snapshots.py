"""Snapshots of a site's databases: made before a migration, gone when they would keep too much."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import is_finished, read_manifest, write_manifest
from appliance.artifacts.space import is_full
from appliance.artifacts.wal import copy_database, is_database
from appliance.artifacts.writing import disk_errors, folder_atomically, write_atomically
from appliance.clinical.vault.snapshot import VAULT, put_back_vault, save_vault
from appliance.errors import IntegrityError, NoSpace
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.site import SitePaths

KIND: Final = "snapshot"
_FACTS: Final = "facts.json"
_PREFIX: Final = "schema-"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole one.

    Attributes:
        path: Its directory.
        schema: The layout that the site had.
        entries: How many entries the ledger had.
    """

    path: Path
    schema: int
    entries: int


def take_snapshot(paths: SitePaths, schema: int, entries: int) -> Snapshot:
    """The site's databases of now are beside it, whole; an older snapshot of that layout is gone.

    Raises:
        KeyMismatch: The vault does not open with the site's key.
        NoSpace: The disk is full; there is no snapshot.
    """
    path = paths.snapshots / f"{_PREFIX}{schema}"
    with disk_errors(path), _database_errors():
        paths.snapshots.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(path, ignore_errors=True)
        # What a killed run left: it may hold notes.
        for draft in paths.snapshots.glob(".*"):
            shutil.rmtree(draft)
        with folder_atomically(path, 0o700) as draft:
            for name in _databases(paths):
                target = draft / name
                target.parent.mkdir(mode=0o700, exist_ok=True)
                if name == _vault_of(paths):
                    save_vault(paths.vault, target, FileKeys(paths.keys).key(Purpose.VAULT))
                else:
                    copy_database(paths.root / name, target)
            facts = json.dumps({"schema": schema, "entries": entries})
            write_atomically(draft / _FACTS, facts.encode())
            write_manifest(draft, KIND)
    return Snapshot(path, schema, entries)


def find_snapshot(paths: SitePaths, below: int) -> Snapshot | None:
    """The newest whole snapshot of a layout below that one.

    Raises:
        ManifestMismatch: It is not what was written.
    """
    found = sorted(
        (path for path in paths.snapshots.glob(f"{_PREFIX}*") if is_finished(path)),
        key=_number,
        reverse=True,
    )
    for path in found:
        if _number(path) < below:
            read_manifest(path, KIND)
            facts = json.loads((path / _FACTS).read_bytes())
            return Snapshot(path, int(facts["schema"]), int(facts["entries"]))
    return None


def put_back(paths: SitePaths, snapshot: Snapshot) -> None:
    """Every database that the snapshot has is as it was; doing it twice is no harm.

    Raises:
        KeyMismatch: The site's keys were changed since.
        NoSpace: The disk is full; do it again.
    """
    with disk_errors(paths.root), _database_errors():
        for path in sorted(snapshot.path.rglob("*")):
            name = path.relative_to(snapshot.path)
            if name == _vault_of(paths):
                put_back_vault(paths.vault, path, FileKeys(paths.keys).key(Purpose.VAULT))
            elif path.is_file() and is_database(path):
                copy_database(path, paths.root / name, is_at_rest=True)


def drop_snapshots(paths: SitePaths) -> int:
    """No snapshot is left: what is erased is gone from them too, and old keys open nothing.

    Returns:
        How many there were.
    """
    if not paths.snapshots.is_dir():
        return 0
    found = sorted(paths.snapshots.iterdir())
    for path in found:
        shutil.rmtree(path)
    return len(found)


def _databases(paths: SitePaths) -> Iterator[Path]:
    """Every database of the site that this user may read, relative to it."""
    if (paths.vault / VAULT).is_file():
        yield _vault_of(paths)
    for directory in (paths.journal, paths.gateway):
        for path in sorted(directory.iterdir()):
            if path.is_file() and not path.is_symlink() and is_database(path):
                yield path.relative_to(paths.root)


def _vault_of(paths: SitePaths) -> Path:
    return (paths.vault / VAULT).relative_to(paths.root)


def _number(path: Path) -> int:
    digits = path.name.removeprefix(_PREFIX)
    return int(digits) if digits.isdecimal() else -1


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if is_full(error):
            raise NoSpace(
                "No space left for a snapshot, or the disk fails.", "Free some and run it again."
            ) from None
        raise IntegrityError(
            f"A database of the site could not be copied: {type(error).__name__}.",
            "Run `appliance doctor`, and restore what it names from the backup.",
        ) from None
