"""Fresh keys for the vault: the site's key, and everything that hangs from it."""

from dataclasses import dataclass
from pathlib import Path

from appliance.artifacts.staging import nothing_staged
from appliance.clinical.vault.keyring import Keyring, read_keyring
from appliance.clinical.vault.rotation import (
    begin_rotation,
    end_rotation,
    rekey_pages,
    rewrap_notes,
)
from appliance.errors import BadInput
from appliance.records.access import Verb
from appliance.records.backups import STAGES
from appliance.records.progress import Progress
from appliance.settings.credentials import is_handed_over
from appliance.settings.keys import FileKeys, Purpose
from appliance.workflows.access import allow
from appliance.workflows.fingerprints import fingerprints_of
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site, open_site
from appliance.workflows.snapshots import drop_snapshots


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of keys did, or would do.

    Attributes:
        generation: How often the vault's keys were changed, this time included.
        notes: Notes whose data keys were wrapped anew by this run.
        is_dry_run: Whether nothing was changed.
    """

    generation: int
    notes: int
    is_dry_run: bool


def rotate(root: Path, progress: Progress, *, dry_run: bool = False) -> Rotation:
    """The vault is under fresh keys, and the site's old vault key opens nothing of it any more.

    Reading and importing go on meanwhile, but for the moment in which the database's pages are
    written anew: then no import may be under way, and whoever has the vault open has to open it
    again. Killed anywhere, the same command goes on. Backups of before open with the old key only.

    Raises:
        Forbidden: Whoever runs this may not.
        KeyMismatch: The vault does not open with the site's key.
        BadInput: An import, a backup or a rehearsal is under way; run it again.
        NoSpace: The disk is full; run it again.
    """
    site = open_site(root)
    allow(site, Verb.ROTATE, with_second=not dry_run)
    keys, vault = FileKeys(site.paths.keys), site.paths.vault
    if is_handed_over(site.paths.keys / f"{Purpose.VAULT}.key"):
        raise BadInput(
            "The vault key comes from the service manager; only one in the site can be changed.",
            "Put it back into SITE/keys, run this without credentials, and encrypt the new one.",
        )
    with opened_vault(site) as opened:
        total = sum(opened.count().values())
    if dry_run:
        keyring = read_keyring(vault, keys.key(Purpose.VAULT))
        changing = keyring.is_changing
        return Rotation(keyring.keys.generation + (not changing), total, is_dry_run=True)
    # What a killed backup or rehearsal left opens with the old key, or has it beside it.
    with nothing_staged(site.paths.run, *STAGES):
        return _rotate(site, keys, total, progress)


def _rotate(site: Site, keys: FileKeys, total: int, progress: Progress) -> Rotation:
    vault = site.paths.vault
    keyring = read_keyring(vault, keys.key(Purpose.VAULT))
    # The old key would open them.
    drop_snapshots(site.paths)
    done = 0
    if keyring.is_changing and not keys.has_next(Purpose.VAULT):
        # Killed between the last two steps: the site's key is the new one already. Or the keys
        # come from a backup, and the steps before are still to be done: so they are, again.
        with fingerprints_of(site).alone():
            done = _finish(vault, read_keyring(vault, keys.key(Purpose.VAULT)))
            end_rotation(vault, keyring, keys.key(Purpose.VAULT))
    else:
        new = keys.make_next(Purpose.VAULT)
        keyring = begin_rotation(vault, keys.key(Purpose.VAULT), new)
        progress.begin("Wrapping keys", total)
        done = rewrap_notes(vault, keyring, progress.advance)
        progress.end(f"{done} notes")
        _swap(site, keys)
    generation = keyring.keys.generation
    site.ledger.record("keys.rotated", {"purpose": Purpose.VAULT, "generation": generation})
    return Rotation(generation, done, is_dry_run=False)


def _swap(site: Site, keys: FileKeys) -> None:
    vault = site.paths.vault
    with fingerprints_of(site).alone():
        keyring = read_keyring(vault, keys.key(Purpose.VAULT))
        # What was imported since the batches went by.
        _finish(vault, keyring)
        keys.promote_next(Purpose.VAULT)
        end_rotation(vault, keyring, keys.key(Purpose.VAULT))


def _finish(vault: Path, keyring: Keyring) -> int:
    """Notes and pages are under the fresh keys, wherever that was left off; notes gone through."""
    done = rewrap_notes(vault, keyring, lambda _: None)
    rekey_pages(vault, keyring)
    return done
