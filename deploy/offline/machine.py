"""The machine around the release: users of services, their directories, units; root only."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offline.files import write_durably
from offline.refusal import BAD_INPUT, BUG, Refused

# Their homes are those of deploy/systemd/appliance.sysusers.
USERS: Final = {
    "appliance": "/var/lib/appliance",
    "appliance-gateway": "/",
    "appliance-vllm": "/",
}
UNITS: Final = Path("/etc/systemd/system")
LISTS: Final = Path("/etc")
SELINUX: Final = Path("/sys/fs/selinux")
_SYSTEM: Final = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# `try-restart` leaves alone what does not run. One that works and ends (a backup, an audit), the
# network of the cluster and the views of the site are not to be cut off.
_RESTARTED: Final = tuple(
    f"appliance-{name}.service" for name in ("gateway", "vllm", "ray-head", "ray-worker", "console")
)
_RULES: Final = "appliance-egress.service"
# What reads a list, and the arguments before its name.
_READERS: Final = {
    "sysusers": ("systemd-sysusers",),
    "tmpfiles": ("systemd-tmpfiles", "--create"),
}
_SUFFIXES: Final = {".service", ".timer", ".socket", ".target", ".slice", ".path"}


def add_users(users: Mapping[str, str] = USERS) -> list[str]:
    """Each user exists and may not log in; returns those that were made.

    Args:
        users: Name to home directory, which is not made here.

    Raises:
        Refused: One could not be made.
    """
    missing = [user for user in users if not _is_known(user)]
    for user in missing:
        # The gateway's and vLLM's users share a group with nobody.
        _run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", users[user],
              "--shell", "/usr/sbin/nologin", user])  # fmt: skip
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
            if find(words[0]):
                _run([*words, str(target)])
    return put


def reload_units() -> None:
    """A systemd that is running knows the units as they are now.

    Raises:
        Refused: It could not read them.
    """
    if has_systemd():
        _run(["systemctl", "daemon-reload"])


def restart_units() -> None:
    """Those of our services that are running run the release that `current` leads to.

    The rules of the three users come first, where they are loaded: they are that release's too.

    Raises:
        Refused: One did not start again.
    """
    if has_systemd():
        _run(["systemctl", "try-reload-or-restart", _RULES])
        _run(["systemctl", "try-restart", *_RESTARTED])


def has_systemd() -> bool:
    """Whether a systemd runs this machine; sd_booted(3)."""
    return Path("/run/systemd/system").is_dir() and find("systemctl") is not None


def _is_known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def label(folder: Path) -> bool:
    """Where SELinux rules, the files have the labels that its policy gives to that place.

    Files get the label of the directory that they are made in; a program in /opt that no package
    manager put there then is none that systemd may start.

    Returns:
        Whether there was anything to do.

    Raises:
        Refused: They could not be labelled.
    """
    if not SELINUX.is_dir() or find("restorecon") is None:
        return False
    _run(["restorecon", "-R", "-F", str(folder)])
    return True


def find(program: str) -> str | None:
    """Where the program is; `su` without a login leaves root without the system's own places."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SYSTEM}")


def _run(words: list[str]) -> None:
    found = find(words[0])
    if found is None:
        raise Refused(
            f"{words[0]} is not installed.",
            "Install it from the system's own packages, or make users and units by hand "
            "(deploy/systemd/README.md) and use --no-services.",
            BAD_INPUT,
        )
    done = subprocess.run([found, *words[1:]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Refused(
            f"`{' '.join(words[:2])}` failed. {said[-1] if said else ''}",
            "Mend what it names and run the same command again; what was finished is kept.",
            BUG,
        )
