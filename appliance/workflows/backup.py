"""A site's backups: one encrypted file each, made while the site is in use, and on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from appliance import __version__
from appliance.artifacts.staging import staged
from appliance.artifacts.writing import check_absent, check_writable, disk_errors
from appliance.backups.format import DIRECTORIES, FORMAT, SUFFIX, Header
from appliance.backups.keys import fingerprint, read_recipients, wrap_keys
from appliance.backups.writing import write_backup
from appliance.errors import BadInput, Forbidden
from appliance.ledger.checkpoint import open_checkpoint
from appliance.records.access import Verb
from appliance.records.backups import BACKUP, BEGUN, CREATED, NAME, RESTORED
from appliance.records.clock import Clock
from appliance.records.events import ERASED
from appliance.records.progress import Progress
from appliance.settings.backup import load_backup_policy
from appliance.workflows.access import allow
from appliance.workflows.backup_parts import gather, ledger_items
from appliance.workflows.site import Site, find_entries, open_site

_SITE_HEX: Final = 8


@dataclass(frozen=True, slots=True)
class Created:
    """A backup that was made, or would be.

    Attributes:
        path: Where it is.
        size: In bytes; of a dry run, about how many there would be.
        sha256: Of the file; "" of a dry run.
        files: Files in it.
        entries: Entries of the ledger in it.
        recipients: How many can open it.
        counts: What there is of each kind of thing.
        is_dry_run: Whether nothing was written.
    """

    path: Path
    size: int
    sha256: str
    files: int
    entries: int
    recipients: int
    counts: dict[str, int]
    is_dry_run: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A backup that the ledger knows.

    Attributes:
        name: Of the file.
        made_at: ISO 8601.
        size: In bytes.
        sha256: Of the file.
        found: "here", "changed" in size, "gone"; "" where nobody looked.
        is_outlived: Whether it is older than the policy lets it be kept.
        is_before_erasure: Whether somebody was erased since, who is in it still.
    """

    name: str
    made_at: str
    size: int
    sha256: str
    found: str
    is_outlived: bool
    is_before_erasure: bool


def create(
    root: Path,
    to: Path,
    recipients: Sequence[str],
    progress: Progress,
    *,
    clock: Clock | None = None,
    dry_run: bool = False,
) -> Created:
    """A backup of the site is in the directory `to`, whole, and the ledger says so.

    Notes can be read and imported meanwhile. Killed anywhere, no file is there that looks like one.

    Args:
        root: The site.
        to: A directory on another machine or medium.
        recipients: Public names of age; none for those of the policy.
        progress: Where to report.
        clock: The time.
        dry_run: Say what it would be.

    Raises:
        Forbidden: Whoever runs this may not, or a recipient is not one of the policy's.
        BadInput: Nobody could open it, it can't be put there, or something changed meanwhile.
        NoSpace: No room there, or for a copy of the vault in `SITE/run`.
    """
    site = open_site(root, clock)
    names = _recipients(site, recipients)
    allow(site, Verb.BACKUP, str(to.absolute()), with_second=not dry_run)
    readers = read_recipients(names)
    now = site.clock.now().astimezone(UTC)
    path = to / _name_of(site, now)
    check_absent(path)
    check_writable(path)
    if dry_run:
        files, size = _estimate(site.paths.root)
        entries = site.ledger.head().size
        return Created(path, size, "", files, entries, len(readers), {}, is_dry_run=True)
    with staged(site.paths.run, BACKUP) as stage:
        _remove_drafts(path)
        # Written ahead: what leaves is on record before it does, and in the backup itself.
        told = {f"recipient_{at}": name for at, name in enumerate(names, start=1)}
        begun = site.ledger.record(BEGUN, {"recipients": len(names), **told})
        progress.begin("Copying vault and databases")
        parts = gather(site, stage)
        progress.end(f"{parts.counts['notes']} notes")
        items, signed = ledger_items(site)
        head = open_checkpoint(signed, site.ledger.verifier)
        header = Header(
            format=FORMAT,
            product=__version__,
            made_at=now.isoformat(timespec="seconds"),
            ledger=head.origin,
            begun=begun,
            entries=head.size,
            root=head.root.hex(),
            fingerprint=fingerprint(parts.keys),
            policy_digest=site.policy_digest,
            counts=parts.counts,
            models=parts.models,
        )
        items = [*parts.items, *items]
        progress.begin("Encrypting", len(items))
        wrapped = wrap_keys(parts.keys, readers)
        written = write_backup(path, header, wrapped, items, readers, progress.advance)
        progress.end(f"{written.size} bytes")
    site.ledger.record(
        CREATED,
        {
            "name": path.name,
            "size": written.size,
            "sha256": written.sha256,
            "entries": head.size,
            "begun": begun,
            "recipients": len(readers),
        },
    )
    return Created(
        path,
        written.size,
        written.sha256,
        written.files,
        head.size,
        len(readers),
        parts.counts,
        is_dry_run=False,
    )


def _remove_drafts(path: Path) -> None:
    """What earlier backups of this site that were killed have left where this one is to be."""
    match = NAME.fullmatch(path.name)
    if match is not None:
        with disk_errors(path):
            for draft in path.parent.glob(f".{match[1]}*.part"):
                draft.unlink()


def list_backups(root: Path, at: Path | None = None) -> tuple[Known, ...]:
    """Every backup that the ledger knows, newest first.

    Args:
        root: The site.
        at: A directory to look for them.

    Raises:
        Forbidden: Whoever runs this may not.
        BadInput: There is no such directory.
    """
    site = open_site(root)
    allow(site, Verb.BACKUP, with_second=False)
    if at is not None and not at.is_dir():
        raise BadInput(
            f"{at} is no directory.", "Name the one that `backup create --to` was given."
        )
    oldest = site.clock.now() - load_backup_policy(site.paths.policies).keep
    kinds = (CREATED, RESTORED, ERASED)
    entries = list(find_entries(site, *(f'"kind":"{kind}"' for kind in kinds)))
    erased = max((int(one["index"]) for one in entries if one["kind"] == ERASED), default=-1)
    # A site that was restored does not remember that the backup it came from was made.
    known = {one["facts"]["name"]: one for one in entries if one["facts"].get("name")}
    return tuple(_known(entry, at, oldest, erased) for entry in reversed(known.values()))


def find_newest(root: Path, at: Path) -> Path:
    """The newest of the site's backups in a directory, by the time in their names.

    Raises:
        BadInput: There is none, or no such directory.
    """
    site = open_site(root)
    # All but the time is the same in every one's name.
    stem = _name_of(site, site.clock.now()).rpartition("-")[0]
    stamp = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z"
    found = list(at.glob(f"{stem}-{stamp}{SUFFIX}"))
    if not found:
        raise BadInput(
            f"{at} holds no backup of this site.",
            "Name the directory that `backup create --to` was given; is it mounted?",
        )
    return max(found, key=lambda path: path.name)


def _recipients(site: Site, asked: Sequence[str]) -> tuple[str, ...]:
    """Who is to open it: all whom the policy lists, or some of them; anybody where it lists nobody.

    Raises:
        Forbidden: Somebody else was named: whoever opens a backup can read every note.
    """
    listed = load_backup_policy(site.paths.policies).recipients
    names = tuple(dict.fromkeys(asked)) or listed
    if listed and not set(names) <= set(listed):
        raise Forbidden(
            "A recipient is not one of policies/backup.toml.",
            "Add it there, under review, or leave --recipient out.",
        )
    return names


def _known(entry: dict[str, Any], at: Path | None, oldest: datetime, erased: int) -> Known:
    facts = entry["facts"]
    name, size = str(facts["name"]), int(facts["size"])
    return Known(
        name,
        str(entry["at"]),
        size,
        str(facts["sha256"]),
        _look(at, name, size),
        is_outlived=datetime.fromisoformat(str(entry["at"])) < oldest,
        is_before_erasure=int(facts["begun"]) < erased,
    )


def _look(at: Path | None, name: str, size: int) -> str:
    if at is None:
        return ""
    path = at / name
    if not path.is_file():
        return "gone"
    return "here" if path.stat().st_size == size else "changed"


def _name_of(site: Site, now: datetime) -> str:
    origin = site.ledger.verifier.name.rpartition("/")[2][:_SITE_HEX]
    name = f"appliance-{origin}-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    assert NAME.fullmatch(name)
    return name


def _estimate(root: Path) -> tuple[int, int]:
    """Count and bytes of the files that are about to be kept."""
    found = [
        path.stat().st_size
        for folder in (*DIRECTORIES, "keys")
        for path in (root / folder).rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    return len(found), sum(found)
