"""What of a site goes into a backup: each part as it was at one moment, while the site is in use.

In this order, so that whatever is done meanwhile is either in the copy or told by its ledger:
vault, with the keys that open it; what the gate knows of its notes; what was made, each thing by
its own manifest; databases; and the ledger's entries up to a signed head last.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import MANIFEST, list_finished, read_manifest
from appliance.artifacts.space import is_full
from appliance.artifacts.wal import copy_database
from appliance.artifacts.writing import disk_errors
from appliance.backups.format import LATCH, SCHEMA, SETTINGS
from appliance.backups.writing import Item
from appliance.clinical.vault.database import FILE as VAULT_FILE
from appliance.clinical.vault.keyring import FILE as KEYRING_FILE
from appliance.clinical.vault.snapshot import save_vault
from appliance.errors import BadInput, KeyMismatch, NoSpace
from appliance.gate.overlap.fingerprints import FILE as PRINTS_FILE
from appliance.ledger import files as ledger_files
from appliance.settings.credentials import find_secret
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.secrets import PROVIDER_KEY
from appliance.settings.wrapping import SUFFIX as WRAPPED
from appliance.workflows.ingest import check_vault
from appliance.workflows.site import Site

_UNFINISHED: Final = ".unfinished"
KINDS: Final = (
    ("corpora", "corpus"),
    ("adapters", "adapter"),
    ("findings", "findings"),
    ("exports", "export"),
)
# What has no manifest: whole files that are written once, or written anew as a whole.
_PLAIN: Final = ("cohorts", "reviews", "reports", "gateway", "journal")
_DATABASE: Final = ".db"
# What belongs to a database that is copied, or only tells who is at work.
_LEFT_OUT: Final = (".db-wal", ".db-shm", ".lock", ".sock")
_DRAFT: Final = ".part"


@dataclass(slots=True)
class Parts:
    """What is to be kept.

    Attributes:
        keys: Content of every file under `SITE/keys`, by name.
        items: Every other file, in order.
        counts: What there is of each kind of thing.
        models: Base models of the site, name to digest; not among the items.
    """

    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    items: list[Item] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)


def gather(site: Site, stage: Path) -> Parts:
    """Everything but the ledger.

    Args:
        site: Open.
        stage: An empty folder of the site, its owner's alone: databases are copied there.

    Raises:
        BadInput: The keys are being changed, or something is being removed.
        IntegrityError: The vault is gone.
        ManifestMismatch: Something is not what was written.
        NoSpace: There is no room for a copy of the vault.
    """
    parts = Parts()
    settings, policies = site.paths.settings, site.paths.policies
    with disk_errors(stage):
        parts.items.append(Item.of_bytes(SETTINGS, settings.read_bytes()))
        for path in _regular(policies):
            name = path.relative_to(site.paths.root).as_posix()
            parts.items.append(Item.of_bytes(name, path.read_bytes()))
    _gather_vault(site, stage / "vault", parts)
    for folder, kind in KINDS:
        _gather_products(site.paths.root / folder, kind, parts)
    for folder in _PLAIN:
        _gather_plain(site.paths.root, site.paths.root / folder, stage / folder, parts)
    for name in (SCHEMA, LATCH):
        path = site.paths.root / name
        if path.is_file():
            parts.items.append(Item.of_bytes(name, path.read_bytes()))
    for path in list_finished(site.paths.models):
        parts.models[path.name] = read_manifest(path, "model", check=False).digest
    return parts


def ledger_items(site: Site) -> tuple[list[Item], bytes]:
    """The ledger's files up to its newest head, and that head, signed."""
    signed, length = site.ledger.mark()
    entries = site.paths.ledger / ledger_files.ENTRIES
    slot = signed.ljust(ledger_files.SLOT_BYTES, b"\x00")
    return [
        Item(f"ledger/{ledger_files.ENTRIES}", length, entries),
        Item.of_bytes(f"ledger/{ledger_files.HEAD}", slot),
    ], signed


def _gather_vault(site: Site, stage: Path, parts: Parts) -> None:
    vault = site.paths.vault
    # A mount that failed must not make a backup that lacks all notes.
    check_vault(site)
    parts.keys = read_keys(site.paths.keys)
    parts.counts["notes"] = 0
    if not (vault / VAULT_FILE).is_file():
        return
    for is_last in (False, False, True):
        before = read_keys(site.paths.keys), _read_if_there(vault / KEYRING_FILE)
        notes = _copy_vault(site, stage, is_last=is_last)
        after = read_keys(site.paths.keys), _read_if_there(vault / KEYRING_FILE)
        if notes is not None and before == after:
            break
    else:
        raise BadInput(
            "The site's keys are being changed.", "Run it again when `keys rotate` has ended."
        )
    parts.keys, keyring = before
    parts.counts["notes"] = sum(notes.values())
    parts.items.append(Item.of_file(f"vault/{VAULT_FILE}", stage / VAULT_FILE))
    if keyring is not None:
        parts.items.append(Item.of_bytes(f"vault/{KEYRING_FILE}", keyring))
    _gather_prints(vault, stage, parts)


def _copy_vault(site: Site, stage: Path, *, is_last: bool) -> dict[str, int] | None:
    with disk_errors(stage):
        shutil.rmtree(stage, ignore_errors=True)
    try:
        key = site.keys.key(Purpose.VAULT)
        return save_vault(site.paths.vault, stage / VAULT_FILE, key)
    except KeyMismatch:
        # Between two steps of a change of keys; or for good, and then it says so.
        if is_last:
            raise
        return None


def _gather_prints(vault: Path, stage: Path, parts: Parts) -> None:
    """What the gate knows of the notes; read after them, so that it knows all that are copied.

    Where an import is under way, its marker goes along, and keeps the gate of a restored site
    shut until the next import. The index of patients is not kept: it is made again from the vault.
    """
    marker = vault / f"{PRINTS_FILE}{_UNFINISHED}"
    if marker.exists():
        parts.items.append(Item.of_bytes(f"vault/{marker.name}", b""))
    if (vault / PRINTS_FILE).exists():
        frozen = stage / PRINTS_FILE
        with disk_errors(frozen):
            # The file is replaced as a whole: a copy can't be half of two.
            shutil.copyfile(vault / PRINTS_FILE, frozen)
        parts.items.append(Item.of_file(f"vault/{PRINTS_FILE}", frozen))


def _gather_products(parent: Path, kind: str, parts: Parts) -> None:
    found = list_finished(parent)
    parts.counts[parent.name] = len(found)
    for directory in found:
        manifest = read_manifest(directory, kind, check=False)
        for name, entry in sorted(manifest.files.items()):
            path = f"{parent.name}/{directory.name}/{name}"
            parts.items.append(Item(path, entry.size, directory / name, b"", entry.sha256))
        listing = directory / MANIFEST
        parts.items.append(
            Item.of_bytes(f"{parent.name}/{directory.name}/{MANIFEST}", listing.read_bytes())
        )


def _gather_plain(root: Path, folder: Path, stage: Path, parts: Parts) -> None:
    for path in _regular(folder):
        relative = path.relative_to(root)
        name = relative.as_posix()
        if any(part.endswith(_DRAFT) for part in relative.parts):
            continue
        if path.suffix == _DATABASE:
            parts.items.append(Item.of_file(name, _copy_database(path, stage)))
        elif not path.name.endswith(_LEFT_OUT):
            parts.items.append(Item.of_file(name, path))


def _copy_database(path: Path, stage: Path) -> Path:
    with disk_errors(stage):
        stage.mkdir(mode=0o700, exist_ok=True)
    target = stage / f"{len(list(stage.iterdir()))}{_DATABASE}"
    try:
        with disk_errors(target):
            copy_database(path, target)
    except sqlite3.Error as error:
        if is_full(error):
            raise NoSpace(
                f"No space left for a copy of {path.name}, or the disk fails.",
                "Free some and run the same command again.",
            ) from None
        raise BadInput(
            f"The database {path.name} can't be copied.", "Check it with `appliance doctor`."
        ) from None
    return target


def read_keys(directory: Path) -> dict[str, bytes]:
    """Every secret of the site, also those that the service manager hands over.

    Wrapped ones as they are in memory: what wrapped them may be gone with the machine.

    Raises:
        SiteError, KeyMismatch: As `KeyProvider.key`: a site without one of its keys is none.
    """
    keys = {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in _regular(directory)
        if path.suffix not in {_DRAFT, WRAPPED}
    }
    keys |= {f"{purpose}.key": FileKeys(directory).key(purpose) for purpose in Purpose}
    provider, _ = find_secret(directory / PROVIDER_KEY)
    return keys | ({PROVIDER_KEY: provider.read_bytes()} if provider.is_file() else {})


def _read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _regular(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        found = sorted(directory.rglob("*"))
        yield from (path for path in found if path.is_file() and not path.is_symlink())
