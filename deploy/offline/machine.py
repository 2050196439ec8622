"""The machine around the release: the users that services run as, and their units; root only."""

import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from offline.files import write_durably
from offline.refusal import BUG, Refused

USERS: Final = ("appliance", "appliance-gateway", "appliance-vllm")
UNITS: Final = Path("/etc/systemd/system")
_SUFFIXES: Final = {".service", ".timer", ".socket", ".target", ".slice", ".path"}


def add_users(users: tuple[str, ...] = USERS) -> list[str]:
    """Each user exists, may not log in and has no home; returns those that were made.

    Raises:
        Refused: One could not be made.
    """
    missing = [user for user in users if not _is_known(user)]
    for user in missing:
        # The gateway's and vLLM's users share a group with nobody.
        _run(["useradd", "--system", "--user-group", "--no-create-home", "--shell",
              "/usr/sbin/nologin", user])  # fmt: skip
    return missing


def put_units(folder: Path, units: Path = UNITS) -> list[str]:
    """The release's units are systemd's; what the operator changed by drop-ins stays.

    Args:
        folder: The release's.
        units: Where systemd looks.

    Returns:
        Names of the units that are new or were changed.
    """
    changed = []
    for source in sorted((folder / "deploy/systemd").rglob("*")):
        if source.suffix in _SUFFIXES and source.is_file():
            content, target = source.read_bytes(), units / source.name
            if not target.is_file() or target.read_bytes() != content:
                write_durably(target, content)
                changed.append(source.name)
    return changed


def reload_units() -> None:
    """A systemd that is running knows the units as they are now.

    Raises:
        Refused: It could not read them.
    """
    if _has_systemd():
        _run(["systemctl", "daemon-reload"])


def restart_units() -> None:
    """Those of our services that are running run the release that `current` leads to.

    Raises:
        Refused: One did not start again.
    """
    if _has_systemd():
        _run(["systemctl", "try-restart", "appliance-*.service"])


def _has_systemd() -> bool:
    # sd_booted(3).
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _is_known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Refused(
            f"`{' '.join(words[:2])}` failed. {said[-1] if said else ''}",
            "Mend what it names and run the same command again; what was finished is kept.",
            BUG,
        )
