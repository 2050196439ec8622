"""Release folders under a prefix, and which of them runs.

    PREFIX/releases/RELEASE/        whole once it holds release.json, which is written last
    PREFIX/releases/RELEASE/ran     there once it ran and another took its place
    PREFIX/current                  a link to one of them, replaced in one step
    PREFIX/newest.json              the highest version counter that was ever installed
    PREFIX/allowed_signers          whose bundles are taken
    PREFIX/.lock                    held by the installer that is at work

A process killed anywhere leaves `current` at the old release or at the new one. A folder without
release.json is nobody's: the next installation removes it.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from offline.bundle import RAN, RELEASE, Manifest
from offline.files import read_regular, sync_directory, write_durably
from offline.refusal import BAD_INPUT, Refused

_MOST: Final = 1 << 16
_DAMAGED: Final = "Restore it from a backup of the prefix, or install into a new one."


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is whole.

    Attributes:
        name: Of its folder.
        counter: Of its bundle.
        site_schema: The layout of a site that it works with.
        manifest: SHA-256 of its bundle's manifest.
    """

    name: str
    counter: int
    site_schema: int
    manifest: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where the appliance is installed; nothing is made by naming it."""

    root: Path

    @property
    def signers(self) -> Path:
        """Whose bundles are taken, kept from the first installation on."""
        return self.root / "allowed_signers"

    @property
    def current(self) -> Path:
        """The link to the release that runs."""
        return self.root / "current"

    @property
    def _newest(self) -> Path:
        return self.root / "newest.json"

    def folder(self, release: str) -> Path:
        """Where a release lies, or is going to."""
        return self.root / "releases" / release

    def releases(self) -> list[Release]:
        """The whole ones, newest first."""
        parent = self.root / "releases"
        names = sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []
        found = (self.find(name) for name in names if not name.startswith("."))
        return sorted(
            (one for one in found if one is not None), key=lambda one: one.counter, reverse=True
        )

    def find(self, name: str) -> Release | None:
        """That release, or None where it is not whole."""
        try:
            raw = json.loads(read_regular(self.folder(name) / RELEASE, _MOST))
            release = Release(**raw)
        except (OSError, ValueError, TypeError):
            return None
        return release if release.name == name else None

    def running(self) -> Release | None:
        """The release that `current` leads to; None where there is none yet.

        Raises:
            Refused: It leads somewhere else.
        """
        try:
            target = self.current.readlink()
        except FileNotFoundError:
            return None
        except OSError:
            raise Refused(f"{self.current} is no link.", _DAMAGED) from None
        found = self.find(target.name) if target.parent == Path("releases") else None
        if found is None:
            raise Refused(f"{self.current} leads to no whole release.", _DAMAGED)
        return found

    def check_owner(self) -> None:
        """Nobody but who installs can change what is in the prefix; one that is not there is fine.

        Raises:
            Refused: Somebody else can.
        """
        # A group of one's own may write where root has no part in it (umask 002).
        others = 0o022 if os.geteuid() == 0 else 0o002
        for folder in (self.root, self.root / "releases"):
            try:
                found = folder.stat()
            except FileNotFoundError:
                continue
            if found.st_uid != os.geteuid() or found.st_mode & others:
                raise Refused(
                    f"{folder} belongs to, or can be written by, somebody else.",
                    f"Find out what they put there, then: chown {os.geteuid()} {folder} && "
                    f"chmod go-w {folder}. Or install into a new prefix.",
                    BAD_INPUT,
                )

    def check_counter(self, manifest: Manifest) -> None:
        """The bundle is no older than what was installed before.

        Raises:
            Refused: It is older, or another one with the same counter; or the counter is damaged.
        """
        try:
            raw = json.loads(read_regular(self._newest, _MOST))
            counter, digest = int(raw["counter"]), str(raw["manifest"])
        except FileNotFoundError:
            if self.current.is_symlink():
                raise Refused(f"{self._newest} is gone.", _DAMAGED) from None
            return
        except (OSError, ValueError, KeyError, TypeError):
            raise Refused(f"{self._newest} is damaged.", _DAMAGED) from None
        if manifest.counter < counter:
            raise Refused(
                f"The bundle's counter is {manifest.counter}; {counter} was installed already.",
                "Get a newer bundle. To go back to a release that is still here, use --rollback.",
            )
        if manifest.counter == counter and manifest.digest != digest:
            raise Refused(
                f"Another bundle with the counter {counter} was installed already.",
                "Ask the supplier for one with a higher counter.",
            )

    def check_name(self, manifest: Manifest) -> None:
        """The release's name is free, or its own.

        Raises:
            Refused: Another bundle was installed under that name.
        """
        there = self.find(manifest.release)
        if there is not None and there.manifest != manifest.digest:
            raise Refused(
                f"There is another release {manifest.release} in {self.root}.",
                "Ask the supplier for a bundle with a name of its own.",
            )

    def keep_counter(self, manifest: Manifest) -> None:
        """From now on nothing older is installed; on disk."""
        known = {"counter": manifest.counter, "manifest": manifest.digest}
        write_durably(self._newest, json.dumps(known).encode())

    def finish(self, manifest: Manifest) -> Release:
        """The folder of the release is whole, and says so; on disk."""
        release = Release(manifest.release, manifest.counter, manifest.site_schema, manifest.digest)
        # Tens of thousands of files: the whole system's buffers at once are quicker than each.
        os.sync()
        write_durably(self.folder(release.name) / RELEASE, json.dumps(asdict(release)).encode())
        return release

    def switch(self, release: Release) -> None:
        """`current` leads to that release; on disk. Before, it led to the old one."""
        was = self.running()
        if was is not None:
            write_durably(self.folder(was.name) / RAN, b"")
        draft = self.root / ".current.part"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("releases") / release.name)
        draft.replace(self.current)
        sync_directory(self.root)

    def remove(self, name: str) -> None:
        """The folder is gone; killed in between, it is not whole any more."""
        folder = self.folder(name)
        (folder / RELEASE).unlink(missing_ok=True)
        if folder.is_dir():
            sync_directory(folder)
        shutil.rmtree(folder, ignore_errors=True)

    def prune(self, keep: int) -> list[str]:
        """Of the whole releases `keep` stay, of those half done none; returns what went.

        The one that runs, and the one before it, stay in any case.
        """
        running, whole = self.running(), self.releases()
        before = self.before(running)
        stay = {one.name for one in whole[:keep]} | {one.name for one in (running, before) if one}
        parent = self.root / "releases"
        gone = sorted(path.name for path in parent.iterdir() if path.name not in stay)
        for name in gone:
            self.remove(name)
        return gone

    def before(self, running: Release | None) -> Release | None:
        """The newest whole release that is older than the one that runs, and ran here itself.

        One whose doctor failed, or that nobody looked at before the installer was killed, did not.
        """
        if running is None:
            return None
        older = (one for one in self.releases() if one.counter < running.counter)
        return next((one for one in older if self._has_run(one)), None)

    def _has_run(self, release: Release) -> bool:
        return (self.folder(release.name) / RAN).is_file()


@contextmanager
def locked(prefix: Prefix) -> Iterator[None]:
    """No other installer is at work in the prefix, which is made where it is missing.

    Raises:
        Refused: One is.
    """
    prefix.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    (prefix.root / "releases").mkdir(mode=0o755, exist_ok=True)
    handle = os.open(prefix.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Refused(
            f"Another installation is at work in {prefix.root}.", "Wait for it.", BAD_INPUT
        ) from None
    try:
        yield
    finally:
        os.close(handle)
