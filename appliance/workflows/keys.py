"""The site's keys: fresh ones for the vault and all that hangs from them; wrapped, or in clear."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.locks import held_alone
from appliance.artifacts.staging import nothing_staged
from appliance.artifacts.writing import disk_errors
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

_LOCK: Final = "keys.lock"


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


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What was wrapped or unwrapped, or would be.

    Attributes:
        keys: Keys that are in the other form now.
        before: Keys that were in it already.
        is_dry_run: Whether nothing was changed.
    """

    keys: int
    before: int
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
    _refuse_handed_over(site, Purpose.VAULT)
    with opened_vault(site) as opened:
        total = sum(opened.count().values())
    if dry_run:
        keyring = read_keyring(vault, keys.key(Purpose.VAULT))
        changing = keyring.is_changing
        return Rotation(keyring.keys.generation + (not changing), total, is_dry_run=True)
    # What a killed backup or rehearsal left opens with the old key, or has it beside it.
    with nothing_staged(site.paths.run, *STAGES), _alone(site):
        return _rotate(site, keys, total, progress)


def wrap(root: Path, *, dry_run: bool = False) -> Wrapping:
    """No key of the site lies on its disk in clear: each is wrapped by a program (`SITE/keys`).

    One after the other, and each only once it was seen to come back; killed anywhere, the same
    command goes on. Backups hold the keys as they are, encrypted to their recipients.

    Raises:
        Forbidden: Whoever runs this may not.
        BadInput, SiteError: No programs are named in `wrapping.toml`, or one of them fails.
        KeyMismatch: A key does not come back; it stays as it is.
        NoSpace: The disk is full; run it again.
    """
    return _change(root, FileKeys.wrap, is_to_be_wrapped=True, dry_run=dry_run)


def unwrap(root: Path, *, dry_run: bool = False) -> Wrapping:
    """Every key lies in `SITE/keys` in clear again.

    Raises:
        As `wrap`.
    """
    return _change(root, FileKeys.unwrap, is_to_be_wrapped=False, dry_run=dry_run)


def _change(
    root: Path,
    change: Callable[[FileKeys, Purpose], None],
    *,
    is_to_be_wrapped: bool,
    dry_run: bool,
) -> Wrapping:
    site = open_site(root)
    allow(site, Verb.ROTATE, with_second=not dry_run)
    keys = FileKeys(site.paths.keys)
    _refuse_handed_over(site, *Purpose)
    with nullcontext() if dry_run else _alone(site), disk_errors(site.paths.keys):
        if keys.has_next(Purpose.VAULT):
            raise BadInput(
                "A change of the vault's keys was begun and not ended.",
                "Run `appliance keys rotate` first.",
            )
        left = [one for one in Purpose if keys.is_wrapped(one) != is_to_be_wrapped]
        for purpose in () if dry_run else Purpose:
            change(keys, purpose)
            if purpose in left:
                kind = "keys.wrapped" if is_to_be_wrapped else "keys.unwrapped"
                site.ledger.record(kind, {"purpose": purpose})
    return Wrapping(len(left), len(Purpose) - len(left), dry_run)


def _alone(site: Site) -> AbstractContextManager[object]:
    """Of the commands that change key files one at a time: two would undo each other's."""
    what = "Another process changes the site's keys."
    return held_alone(site.paths.run / _LOCK, what, "Wait until it is done.")


def _refuse_handed_over(site: Site, *purposes: Purpose) -> None:
    for purpose in purposes:
        if is_handed_over(site.paths.keys / f"{purpose}.key"):
            raise BadInput(
                f"The {purpose} key comes from the service manager; only one in the site can be "
                "changed.",
                "Put it back into SITE/keys, run this without credentials; encrypt the new one.",
            )


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
        with disk_errors(site.paths.keys):
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
