"""How a site stands, on one screen: counts, ages and what is at work. Nothing about any patient."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from appliance import __version__
from appliance.artifacts.locks import is_locked
from appliance.artifacts.manifest import list_finished
from appliance.artifacts.writing import write_atomically
from appliance.clinical.vault.database import FILE as VAULT_FILE
from appliance.clinical.vault.snapshot import count_at_rest
from appliance.errors import NoSpace, NotWritable
from appliance.gate.overlap.fingerprints import FILE as PRINTS_FILE
from appliance.gateway.counting import LOCK as GATEWAY_LOCK
from appliance.gateway.counting import Latch
from appliance.records.access import Verb
from appliance.records.audits import COMPLETED
from appliance.records.backups import CREATED, REHEARSED
from appliance.records.clock import Clock
from appliance.records.status import WORK, Moment, SiteStatus
from appliance.settings.keys import Purpose
from appliance.workflows.access import allow
from appliance.workflows.ingest import check_vault, opened_vault
from appliance.workflows.metrics import expose
from appliance.workflows.site import Site, newest_entries, open_site

PRODUCTS: Final = ("corpora", "adapters", "findings", "exports")
# Whose lock is where, in the order of `WORK`.
_HELD: Final = (
    (f"vault/{PRINTS_FILE}.lock",),
    ("journal/*.lock",),
    (f"run/{GATEWAY_LOCK}",),
    ("run/backup.lock", "run/rehearsal.lock"),
)


def status(root: Path, clock: Clock | None = None) -> SiteStatus:
    """How the site stands now; told on a disk that takes nothing, too.

    Raises:
        Forbidden: Whoever runs this may not count notes.
        LedgerBroken: The ledger can't be opened.
    """
    site = open_site(root, clock)
    allow(site, Verb.COUNT)
    now, size = site.clock.now(), site.ledger.head().size
    newest = newest_entries(site.paths.ledger, size, (COMPLETED, CREATED, REHEARSED))
    disk = os.statvfs(site.paths.root)
    return SiteStatus(
        site=site.paths.root,
        product=__version__,
        profile=site.settings.profile,
        seen_at=now.isoformat(timespec="seconds"),
        notes=_count_notes(site),
        products={name: len(list_finished(site.paths.root / name)) for name in PRODUCTS},
        ledger_entries=size,
        ledger_moved=_moment(site.ledger.last_at(), now),
        audited=_when(newest.get(COMPLETED), now),
        audit_verdict=str(newest.get(COMPLETED, {}).get("facts", {}).get("verdict", "")),
        backed_up=_when(newest.get(CREATED), now),
        rehearsed=_when(newest.get(REHEARSED), now),
        is_latched=Latch(site.paths.run).is_shut(),
        disk_free=disk.f_bavail * disk.f_frsize,
        disk_size=disk.f_blocks * disk.f_frsize,
        work=tuple(_at_work(site.paths.root)),
    )


def write_metrics(found: SiteStatus, out: Path) -> None:
    """The status is in `out`, for the textfile collector of Prometheus's node_exporter.

    Raises:
        BadInput: It can't be written.
    """
    write_atomically(out, expose(found), mode=0o644)


def _count_notes(site: Site) -> int | None:
    check_vault(site)
    if not (site.paths.vault / VAULT_FILE).is_file():
        return 0
    # A disk that is full or read-only takes none of the files that SQLite makes beside a vault.
    vault_key, pseudonym_key = site.keys.key(Purpose.VAULT), site.keys.key(Purpose.PSEUDONYM)
    try:
        counted = count_at_rest(site.paths.vault, vault_key, pseudonym_key)
        if counted is None:
            with opened_vault(site) as vault:
                counted = vault.count()
    except (NoSpace, NotWritable):
        return None
    return sum(counted.values())


def _when(entry: dict[str, Any] | None, now: datetime) -> Moment | None:
    return _moment(str(entry["at"]), now) if entry else None


def _moment(at: str, now: datetime) -> Moment | None:
    if not at:
        return None
    return Moment(at, round((now - datetime.fromisoformat(at)).total_seconds(), 1))


def _at_work(root: Path) -> Iterator[str]:
    """What holds its lock; none is touched, so that nothing is held up."""
    for work, patterns in zip(WORK, _HELD, strict=True):
        if any(is_locked(path) for pattern in patterns for path in root.glob(pattern)):
            yield work
