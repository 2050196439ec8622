"""The machine around the release: users of services, their directories, units; root only."""

import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from offline.files import write_durably
from offline.refusal import BUG, Refused

USERS: Final = ("appliance", "appliance-gateway", "appliance-vllm")
UNITS: Final = Path("/etc/systemd/system")
LISTS: Final = Path("/etc")
# `try-restart` leaves alone what does not run. One that works and ends (a backup, an audit), the
# network of the cluster and the views of the site are not to be cut off.
_RESTARTED: Final = tuple(
    f"appliance-{name}.service" for name in ("gateway", "vllm", "ray-head", "ray-worker", "console")
)
# What reads a list, and the arguments before its name.
_READERS: Final = {
    "sysusers": ("systemd-sysusers",),
    "tmpfiles": ("systemd-tmpfiles", "--create"),
}
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


def put_lists(folder: Path, lists: Path = LISTS) -> list[str]:
    """The system knows users and directories of the services, and makes them at every start too.

    Args:
        folder: The release's.
        lists: Where `sysusers.d` and `tmpfiles.d` are.

    Returns:
        Paths of the lists.

    Raises:
        Refused: What is in one could not be made now.
    """
    put = []
    for kind, words in _READERS.items():
        for source in sorted((folder / "deploy/systemd").glob(f"*.{kind}")):
            target = lists / f"{kind}.d" / f"{source.stem}.conf"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_durably(target, source.read_bytes())
            put.append(str(target))
            if shutil.which(words[0]):
                _run([*words, str(target)])
    return put


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
        _run(["systemctl", "try-restart", *_RESTARTED])


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
