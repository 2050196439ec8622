"""An open site: its settings, keys, ledger and clock, as every workflow needs them."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.artifacts.writing import disk_errors, write_atomically
from appliance.errors import IntegrityError, LedgerBroken, SiteError
from appliance.ledger.entry import Malformed, decode
from appliance.ledger.proofs import read_bodies
from appliance.ledger.store import Ledger
from appliance.records.clock import Clock
from appliance.records.events import Event
from appliance.records.identifiers import Digest
from appliance.settings.clock import SystemClock
from appliance.settings.keys import FileKeys, KeyProvider, Purpose, make_keys
from appliance.settings.policies import copy_policies, digest_policies, shipped_policies
from appliance.settings.roles import current_identity
from appliance.settings.schema import SITE_SCHEMA, Schema, check_schema, read_schema
from appliance.settings.site import SitePaths, find_site
from appliance.settings.site_file import (
    Profile,
    SiteSettings,
    default_site_file,
    load_site_file,
)


@dataclass(frozen=True, slots=True)
class Site:
    """An open site.

    Attributes:
        paths: Where its files lie.
        settings: `site.toml`, parsed.
        policy_digest: Of the policies in force now.
        keys: Where its keys come from.
        ledger: Its ledger, open for appending.
        clock: The time.
    """

    paths: SitePaths
    settings: SiteSettings
    policy_digest: Digest
    keys: KeyProvider
    ledger: Ledger
    clock: Clock


def open_site(root: Path, clock: Clock | None = None) -> Site:
    """The site at `root`, its settings checked and its ledger open.

    Raises:
        SiteError: There is none, or it is of an older or a newer program.
        BadInput: Its settings don't parse.
        LedgerBroken: The ledger's tail is damaged.
    """
    paths = find_site(root)
    check_schema(read_schema(paths.schema))
    return open_between(paths, clock)


def open_between(paths: SitePaths, clock: Clock | None = None) -> Site:
    """The site at `paths`, whatever its layout: for what changes that, and for nothing else.

    Raises:
        BadInput, LedgerBroken: See `open_site`.
    """
    settings = load_site_file(paths.settings)
    return assemble(paths, settings, clock or SystemClock(), is_new=False)


def check_kept(site: Site, path: Path, kind: str, count: str) -> None:
    """`path` is there, unless the ledger knows of nothing that was ever put into it.

    A vault or an index that is gone (a mount that failed, a restore that forgot it) must not look
    like one that was never filled: the gate would look for nobody.

    Args:
        site: The site.
        path: A file.
        kind: Of the event that says that something was put into it.
        count: The event's fact that says how much.

    Raises:
        IntegrityError: It is gone.
    """
    if path.exists():
        return
    if any(entry["facts"].get(count, 0) for entry in find_entries(site, f'"kind":"{kind}"')):
        raise IntegrityError(
            f"{path} is gone, but the ledger tells of what was put into it.",
            "Mount or restore the site's vault directory; nothing was made in its place.",
        )


def find_entries(site: Site, *marks: str) -> Iterator[dict[str, Any]]:
    """The ledger's entries whose JSON holds one of the marks, oldest first.

    Nearly every entry is about something else: only those that hold one are parsed.
    """
    return _find(site.paths.ledger, site.ledger.head().size, marks)


def newest_entries(ledger: Path, size: int, kinds: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The newest entry of each of these kinds, by kind; a kind without one is left out.

    Args:
        ledger: `SITE/ledger`.
        size: How many of its entries count.
        kinds: Such as "backup.created".
    """
    wanted = set(kinds)
    found = _find(ledger, size, [f'"kind":"{kind}"' for kind in wanted])
    return {entry["kind"]: entry for entry in found if entry["kind"] in wanted}


def _find(ledger: Path, size: int, marks: Iterable[str]) -> Iterator[dict[str, Any]]:
    wanted = [mark.encode() for mark in marks]
    for body in read_bodies(ledger, size):
        if any(mark in body for mark in wanted):
            yield json.loads(body)


def read_events(site: Site) -> list[tuple[int, Event]]:
    """Index and event of every entry of the ledger, oldest first.

    Raises:
        LedgerBroken: One is no entry any more.
    """
    return [decode_entry(body) for body in read_bodies(site.paths.ledger, site.ledger.head().size)]


def decode_entry(body: bytes) -> tuple[int, Event]:
    """Index and event of an entry's JSON.

    Raises:
        LedgerBroken: It is none any more.
    """
    try:
        return decode(body)
    except Malformed:
        raise LedgerBroken(
            "The ledger holds something that is no entry.", "Run `appliance ledger verify`."
        ) from None


def check_new(root: Path) -> SitePaths:
    """The paths of a site that could be made at `root`; nothing is made.

    Raises:
        SiteError: There is one already, or the directory holds something else.
    """
    paths = SitePaths(root.absolute())
    try:
        found, full = paths.settings.exists(), root.is_dir() and any(root.iterdir())
    except OSError as error:
        raise SiteError(
            f"{root} can't be looked into: {error.strerror}.", "Name another directory."
        ) from None
    if found:
        raise SiteError(f"There is a site at {root} already.", "Use it, or name another directory.")
    if full:
        raise SiteError(f"{root} is not empty.", "Name a new or empty directory.")
    shipped_policies()
    return paths


def init(root: Path, profile: Profile, clock: Clock | None = None) -> Site:
    """A site exists at `root`: settings, keys, policies, an empty ledger with its first event.

    Raises:
        SiteError: There is one already, or the directory holds something else.
        NoSpace: The disk is full.
    """
    paths = check_new(root)
    was_there = root.is_dir()
    try:
        _furnish(paths, profile)
    except BaseException:
        # It was empty or not there, and so it is again: the same command can be run again.
        for directory in paths.directories():
            shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):
            paths.schema.unlink()
        if not was_there:
            shutil.rmtree(paths.root, ignore_errors=True)
        raise
    settings = load_site_file(paths.settings)
    site = assemble(paths, settings, clock or SystemClock(), is_new=True)
    site.ledger.record("site.initialised", {"profile": profile})
    return site


def _furnish(paths: SitePaths, profile: Profile) -> None:
    with disk_errors(paths.root):
        paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.root.chmod(0o700)
        for directory in paths.directories():
            directory.mkdir(mode=0o700, exist_ok=True)
        copy_policies(paths.policies)
        make_keys(paths.keys)
    write_atomically(paths.schema, Schema(SITE_SCHEMA).encode())
    # The settings file comes last: a directory without it is not a site.
    write_atomically(paths.settings, default_site_file(profile).encode())


def assemble(paths: SitePaths, settings: SiteSettings, clock: Clock, *, is_new: bool) -> Site:
    """The site whose files lie there, its ledger open.

    Args:
        paths: Where.
        settings: Its settings.
        clock: The time.
        is_new: Whether its ledger is to be begun.

    Raises:
        LedgerBroken: The ledger's tail is damaged, or it is gone and the site is not new.
    """
    keys = FileKeys(paths.keys)
    policy_digest = digest_policies(paths.policies)
    identity = current_identity()
    ledger = Ledger.open(
        paths.ledger,
        key=keys.key(Purpose.LEDGER),
        clock=clock,
        actor=identity.user or str(identity.uid),
        policy_digest=policy_digest,
        create=is_new,
    )
    return Site(paths, settings, policy_digest, keys, ledger, clock)
