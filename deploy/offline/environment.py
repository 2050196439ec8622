"""A release folder is filled: its own environment from the bundle's wheels, and everything else.

pip runs from its wheel in the bundle, so that a system without ensurepip will do and the installed
environment has no pip. It is told the hash of every wheel, and takes nothing from anywhere else.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from offline.bundle import MANIFEST, SIGNATURE, Manifest, copy_file
from offline.refusal import BAD_INPUT, NO_SPACE, Refused

WHEELS: Final = "wheels"
INSTALLER: Final = "installer"
"""Where the bundle has pip's wheel."""
_WHEEL: Final = re.compile(
    rf"{WHEELS}/(?P<name>[^-/]+)-(?P<version>[^-/]+)(?:-\d[^-/]*)?-[^-/]+-[^-/]+-[^-/]+\.whl"
)
# Installed, the wheels take about three times the room.
_GROWTH: Final = 4
_PINS: Final = "wheels.txt"


def check_room(manifest: Manifest, root: Path) -> None:
    """There is room for the release.

    Raises:
        Refused: Not enough.
    """
    there = root
    while not there.is_dir():
        there = there.parent
    found = os.statvfs(there)
    free = found.f_bavail * found.f_frsize
    needed = sum(
        entry.size * (_GROWTH if name.startswith(f"{WHEELS}/") else 1)
        for name, entry in manifest.files.items()
    )
    if free < needed:
        raise Refused(
            f"{root} has {free >> 20} MiB of room; {needed >> 20} MiB may be needed.",
            "Free some, or remove old releases with --keep.",
            NO_SPACE,
        )


def furnish(bundle: Path, manifest: Manifest, folder: Path) -> None:
    """The folder holds the release, all but the word that it is whole.

    Args:
        bundle: Where the checked bundle lies.
        manifest: Its own.
        folder: New; its place is final, because an environment can't be moved.

    Raises:
        Refused: A file was changed since it was checked, or pip refused.
    """
    folder.mkdir(mode=0o755)
    for name, entry in manifest.files.items():
        if not name.startswith(f"{WHEELS}/"):
            target = folder / name
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            copy_file(bundle / name, target, name, entry)
    (folder / MANIFEST).write_bytes(manifest.content)
    (folder / SIGNATURE).write_bytes(manifest.signature)
    for script in folder.rglob("*.sh"):
        script.chmod(0o755)
    _make_environment(folder)
    _install(bundle, manifest, folder)


def environment() -> dict[str, str]:
    """This process's environment without what would steer Python or pip."""
    steering = ("PYTHON", "PIP_", "LD_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)}


def pins(files: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Path, distribution and version of each wheel.

    Raises:
        Refused: A file among the wheels is none.
    """
    found = []
    for name in files:
        if name.startswith(f"{WHEELS}/"):
            match = _WHEEL.fullmatch(name)
            if match is None:
                raise Refused(f"{name!r} is no wheel.", "Ask the supplier for another bundle.")
            found.append((name, match["name"], match["version"]))
    return found


def _make_environment(folder: Path) -> None:
    done = _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder / ".venv")])
    if done.returncode != 0:
        raise Refused(
            "Python could not make an environment.",
            f"Install the system's package for Python's venv module. {_last_line(done.stderr)}",
            BAD_INPUT,
        )


def _install(bundle: Path, manifest: Manifest, folder: Path) -> None:
    wanted = [
        f"{name}=={version} --hash=sha256:{manifest.files[path].sha256}"
        for path, name, version in pins(manifest.files)
    ]
    (folder / _PINS).write_text("\n".join(wanted) + "\n", encoding="ascii")
    found = sorted((folder / INSTALLER).glob("pip-*.whl"))
    if not found:
        raise Refused("The bundle has no pip.", "Ask the supplier for another bundle.")
    done = _run(
        [
            *(str(folder / ".venv/bin/python"), "-I", f"{found[0]}/pip"),
            *("install", "--isolated", "--no-index", "--find-links", str(bundle / WHEELS)),
            *("--no-deps", "--require-hashes", "--no-cache-dir", "--no-input", "--quiet"),
            *("--disable-pip-version-check", "--only-binary", ":all:", "-r", str(folder / _PINS)),
        ]
    )
    if done.returncode != 0:
        raise Refused(
            f"pip could not install the wheels. {_last_line(done.stderr)}",
            "See that the bundle is for this kind of machine and this version of Python.",
        )


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env={**environment(), "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
