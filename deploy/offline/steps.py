"""In which order things happen, so that a kill anywhere leaves the old release or the new one.

An upgrade: everything is checked; the new folder is filled beside the old one and is whole; its
doctor looks at machine and site; the counter is kept; `current` is switched; the site is migrated,
guarded by a snapshot. The switch comes before the migration because a new release can always take a
site of an older one further, and an old one can do nothing with a newer site.

A rollback: the site is as it was before its migration; `current` is switched. Whoever is killed in
between runs the same command again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from offline import commands, machine
from offline.bundle import Manifest, check_bundle
from offline.egress import EXAMPLE, SETTINGS, check_way_out
from offline.environment import check_room, furnish, pins
from offline.files import write_durably
from offline.fitting import check_fit, this_kind
from offline.refusal import BAD_INPUT, CHECK_FAILED, Refused
from offline.releases import Prefix, Release, locked

Talk = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be installed, where.

    Attributes:
        prefix: Where.
        bundle: The bundle's directory.
        signers: Whose bundles are taken; None for those of the last installation.
        site: The site that is upgraded with it, or None.
        keep: How many releases stay.
        with_services: Whether users and units are made too.
        units: Where systemd looks for units.
        egress: Where the site says what its gateway may reach.
    """

    prefix: Prefix
    bundle: Path
    signers: Path | None = None
    site: Path | None = None
    keep: int = 3
    with_services: bool = False
    units: Path = machine.UNITS
    egress: Path = SETTINGS


@dataclass(slots=True)
class Done:
    """What was done, for people and programs.

    Attributes:
        release: That runs now, or would.
        before: That ran before; "" for none.
        doctor: Exit code of the release's doctor; None where it was not asked.
        complaints: Ids of its checks that failed.
        removed: Release folders that went.
        users: That were made.
        units: That are new or were changed.
        is_dry_run: Whether nothing was written.
    """

    release: str
    before: str = ""
    doctor: int | None = None
    complaints: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    is_dry_run: bool = False


def check(wish: Wish, talk: Talk) -> Manifest:
    """The bundle could be installed; nothing was written.

    Raises:
        Refused: It could not.
    """
    # Before anything in it is believed.
    wish.prefix.check_owner()
    signers = wish.signers or wish.prefix.signers
    if not signers.is_file():
        raise Refused(
            f"There is no {signers}.",
            "Name a file with the supplier's key: --allowed-signers FILE. Get it another way than "
            "the bundle.",
            BAD_INPUT,
        )
    talk("Checking signature and files")
    manifest = check_bundle(wish.bundle, signers, datetime.now(UTC))
    _check_place(wish, manifest)
    return manifest


def install(wish: Wish, talk: Talk) -> Done:
    """The bundle's release runs, or the one before it does as if nothing had been.

    Raises:
        Refused: Anything is not as it must be.
    """
    manifest = check(wish, talk)
    prefix = wish.prefix
    with locked(prefix):
        # Asked again: another installer may have been at work.
        _check_place(wish, manifest)
        was = prefix.running()
        done = Done(manifest.release, was.name if was else "")
        release = prefix.find(manifest.release) or _build(wish, manifest, talk)
        folder = prefix.folder(release.name)
        talk("Asking the doctor")
        done.doctor, done.complaints = commands.examine(folder, wish.site)
        if was is not None and not commands.is_well(done.doctor):
            asked = commands.spell_examination(folder, wish.site)
            raise Refused(
                f"The new release's doctor ended with {done.doctor}: "
                f"{', '.join(done.complaints) or 'it could not look'}. {was.name} goes on.",
                f"Mend what {asked} names and install again.",
                CHECK_FAILED,
            )
        if wish.signers is not None:
            write_durably(prefix.signers, manifest.signers)
        prefix.keep_counter(manifest)
        _run_from_now_on(wish, release, done, talk)
        done.removed = prefix.prune(wish.keep)
    return done


def roll_back(wish: Wish, to: str, talk: Talk, *, dry_run: bool = False) -> Done:
    """An older release runs, and the site is one that it can work with.

    Args:
        wish: Prefix, site and services; there is no bundle.
        to: Its name; "" for the one before.
        talk: Is told what is under way.
        dry_run: Only say which.

    Raises:
        Refused: There is none, or the site can't go back.
    """
    prefix = wish.prefix
    prefix.check_owner()
    running = prefix.running()
    release = prefix.find(to) if to else prefix.before(running)
    if running is None or release is None:
        raise Refused(
            f"There is no release to go back to in {prefix.root}.",
            f"These are here: {', '.join(one.name for one in prefix.releases()) or 'none'}; --to "
            "names one.",
            BAD_INPUT,
        )
    done = Done(release.name, running.name, is_dry_run=dry_run)
    if dry_run:
        return done
    with locked(prefix):
        commands.start(prefix.folder(release.name))
        if wish.site is not None:
            _take_back(prefix, release, wish.site, talk)
        _run_from_now_on(wish, release, done, talk)
    return done


def _build(wish: Wish, manifest: Manifest, talk: Talk) -> Release:
    folder = wish.prefix.folder(manifest.release)
    # Whatever an installation that was ended left there.
    wish.prefix.remove(manifest.release)
    talk(f"Installing {manifest.release} beside what runs")
    try:
        furnish(wish.bundle, manifest, folder)
        commands.start(folder)
    except BaseException:
        wish.prefix.remove(manifest.release)
        raise
    return wish.prefix.finish(manifest)


def _run_from_now_on(wish: Wish, release: Release, done: Done, talk: Talk) -> None:
    folder = wish.prefix.folder(release.name)
    if wish.with_services:
        machine.label(folder)
        done.users = machine.add_users()
    wish.prefix.switch(release)
    talk(f"{release.name} runs")
    if wish.with_services:
        machine.put_lists(folder)
        done.units = machine.put_units(folder, wish.units)
        machine.reload_units()
    if wish.site is not None and not commands.is_at(wish.site, release.site_schema):
        talk("Migrating the site")
        commands.migrate(folder, wish.site)
    if wish.with_services:
        machine.restart_units()


def _take_back(prefix: Prefix, release: Release, site: Path, talk: Talk) -> None:
    has = commands.schema_of(site)
    if has <= release.site_schema:
        return
    able = next((one for one in prefix.releases() if one.site_schema >= has), None)
    if able is None:
        raise Refused(
            f"The site has layout {has}, and no release here works with that.",
            "Restore the site from a backup that the older release made.",
        )
    talk("Taking the site back to before its migration")
    commands.revert(prefix.folder(able.name), site)
    if commands.schema_of(site) > release.site_schema:
        raise Refused(
            f"The site is back at the layout of a release that is newer than {release.name}.",
            "Run that one (--to), or restore a backup that the older release made.",
        )


def _check_place(wish: Wish, manifest: Manifest) -> None:
    prefix = wish.prefix
    prefix.check_owner()
    if prefix.root.exists() or prefix.root.is_symlink():
        prefix.running()
    prefix.check_counter(manifest)
    prefix.check_name(manifest)
    if prefix.find(manifest.release) is None:
        check_fit((name for name, _, _ in pins(manifest.files)), this_kind())
        check_room(manifest, prefix.root)
    if wish.site is not None and commands.schema_of(wish.site) > manifest.site_schema:
        raise Refused(
            f"The site is of a newer release than {manifest.release}.",
            "Install the release that it was last used with, or a newer one.",
        )
    if wish.with_services:
        check_way_out(wish.bundle / EXAMPLE, wish.units, wish.egress)
