"""A site is brought to the layout of this program, or back to what it was before.

In order, each step on disk before the next: a snapshot of every database; the word that the site is
on its way; the migrations, each of which may be done twice; an event; the new number. Killed
anywhere, the same command goes on; `revert` undoes it as long as nothing else was recorded since.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.locks import held_in_turn
from appliance.artifacts.writing import disk_errors, write_atomically
from appliance.clinical.vault.snapshot import VAULT, update_layout
from appliance.errors import BadInput, Forbidden, IntegrityError
from appliance.ledger.proofs import read_bodies
from appliance.records.progress import Progress
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.policies import copy_policies
from appliance.settings.schema import SITE_SCHEMA, Schema, check_not_newer, read_schema
from appliance.settings.site import SitePaths, find_site
from appliance.workflows.site import Site, open_between
from appliance.workflows.snapshots import (
    Snapshot,
    drop_snapshots,
    find_snapshot,
    put_back,
    take_snapshot,
)

_LOCK: Final = "migration.lock"
_OURS: Final = frozenset({"site.migrated", "site.reverted"})


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a layout to the next; doing it twice is no harm.

    Attributes:
        number: The layout that the site has afterwards.
        what: What it does, for people.
        carry_out: Does it.
    """

    number: int
    what: str
    carry_out: Callable[[SitePaths], None]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did, or would do.

    Attributes:
        schema_before: The layout that the site had.
        schema: The layout that it has, or would have.
        steps: What was done.
        is_dry_run: Whether nothing was changed.
    """

    schema_before: int
    schema: int
    steps: tuple[str, ...]
    is_dry_run: bool


def _number_the_layout(paths: SitePaths) -> None:
    """Vaults of any earlier program; policies that came after the site was made."""
    if (paths.vault / VAULT).is_file():
        update_layout(paths.vault, FileKeys(paths.keys).key(Purpose.VAULT))
    with disk_errors(paths.policies):
        copy_policies(paths.policies)


MIGRATIONS: Final = (
    Migration(
        1,
        "the vault has every table of this program, and policies that were missing are as shipped",
        _number_the_layout,
    ),
)


def migrate(root: Path, progress: Progress, *, dry_run: bool = False) -> Migrated:
    """The site has the layout of this program; a snapshot of before is kept.

    Raises:
        SiteError: There is no site, or a newer program's.
        Forbidden: It is somebody else's.
        KeyMismatch: The vault does not open with the site's keys; nothing was changed.
        NoSpace: The disk is full; run it again.
    """
    paths = _own(root)
    schema = read_schema(paths.schema)
    check_not_newer(schema)
    if dry_run:
        steps = tuple(one.what for one in MIGRATIONS if one.number > schema.number)
        return Migrated(schema.number, SITE_SCHEMA, steps, is_dry_run=True)
    with held_in_turn(paths.run / _LOCK):
        # Asked again: another process may have done it.
        schema = read_schema(paths.schema)
        if schema == Schema(SITE_SCHEMA):
            return Migrated(SITE_SCHEMA, SITE_SCHEMA, (), is_dry_run=False)
        pending = [one for one in MIGRATIONS if one.number > schema.number]
        if schema.becoming is None or find_snapshot(paths, schema.number + 1) is None:
            _take(paths, schema)
        write_atomically(paths.schema, Schema(schema.number, SITE_SCHEMA).encode())
        progress.begin("Migrating", len(pending))
        for migration in pending:
            migration.carry_out(paths)
            progress.advance()
        progress.end(f"layout {SITE_SCHEMA}")
        facts = {"before": schema.number, "schema": SITE_SCHEMA}
        open_between(paths).ledger.record("site.migrated", facts)
        write_atomically(paths.schema, Schema(SITE_SCHEMA).encode())
    return Migrated(
        schema.number, SITE_SCHEMA, tuple(one.what for one in pending), is_dry_run=False
    )


def check_revertible(root: Path) -> Snapshot:
    """The snapshot that `revert` would put back.

    Raises:
        SiteError: There is no site, or a newer program's.
        Forbidden: It is somebody else's.
        BadInput: There is no snapshot, or something was recorded since.
        IntegrityError: The ledger is shorter than it was.
    """
    paths = _own(root)
    schema = read_schema(paths.schema)
    check_not_newer(schema)
    snapshot = find_snapshot(paths, schema.newest)
    if snapshot is None:
        raise BadInput(
            "There is no snapshot to go back to.",
            "Restore the site from a backup that the older release made.",
        )
    _check_nothing_since(open_between(paths), snapshot)
    return snapshot


def revert(root: Path) -> Snapshot:
    """The site is as it was before its migration, for the release before this one.

    Policies that the migration added stay. Killed anywhere, the same command goes on.

    Raises:
        BadInput, SiteError, Forbidden: See `check_revertible`.
        KeyMismatch: The site's keys were changed since.
        NoSpace: The disk is full; run it again.
    """
    paths = _own(root)
    with held_in_turn(paths.run / _LOCK):
        snapshot = check_revertible(root)
        newest = read_schema(paths.schema).newest
        write_atomically(paths.schema, Schema(snapshot.schema, newest).encode())
        put_back(paths, snapshot)
        facts = {"before": newest, "schema": snapshot.schema}
        open_between(paths).ledger.record("site.reverted", facts)
        write_atomically(paths.schema, Schema(snapshot.schema).encode())
        shutil.rmtree(snapshot.path)
    return snapshot


def _take(paths: SitePaths, schema: Schema) -> None:
    drop_snapshots(paths)
    take_snapshot(paths, schema.number, open_between(paths).ledger.head().size)


def _check_nothing_since(site: Site, snapshot: Snapshot) -> None:
    size = site.ledger.head().size
    if size < snapshot.entries:
        raise IntegrityError(
            f"The ledger has {size} entries; when the snapshot was made it had {snapshot.entries}.",
            "Run `appliance ledger verify`, and restore the site from its backup.",
        )
    added = read_bodies(site.paths.ledger, size)[snapshot.entries :]
    since = [
        kind for kind in (str(json.loads(body)["kind"]) for body in added) if kind not in _OURS
    ]
    if since:
        raise BadInput(
            f"{len(since)} entries were recorded since the migration, the first {since[0]}: to go "
            "back would undo what they tell of.",
            "Stay with this release, or restore a backup of before and do the work again.",
        )


def _own(root: Path) -> SitePaths:
    paths = find_site(root)
    if paths.root.stat().st_uid != os.geteuid():
        raise Forbidden(
            "Only the user to whom the site belongs may change its layout.",
            f"Run it as that user: `runuser -u NAME -- appliance site ... --site {paths.root}`.",
        )
    return paths
