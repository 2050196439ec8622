"""Where Ray may write: one private directory of the site, reached by a path short enough for it."""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from appliance.artifacts.space import is_full
from appliance.errors import BadInput, KeyMismatch, NoSpace

# A UNIX socket's path has at most 107 bytes (sun_path, unix(7)); below its directory Ray adds
# "/session_YYYY-MM-DD_HH-MM-SS_ffffff_PPPPPPP/sockets/plasma_store".
_LONGEST_SOCKET_PATH: Final = 107
_ADDED_BY_RAY: Final = 66
_SESSION: Final = re.compile(r"session_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d+_(\d+)")
_TOKEN_FILE: Final = "ray.token"  # noqa: S105 - a file's name
_KIND_OF_CLUSTER: Final = "ray_bootstrap_config.yaml"


def private_directory(path: Path) -> Path:
    """`path` is a directory that only this user may enter.

    Raises:
        NoSpace: The disk is full.
        BadInput: It can't be made.
    """
    with _disk_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    return path


@contextmanager
def short_path(directory: Path) -> Iterator[Path]:
    """A path to `directory` under which Ray's sockets fit, itself or a link in a private place."""
    if len(os.fsencode(directory)) + _ADDED_BY_RAY <= _LONGEST_SOCKET_PATH:
        yield directory
        return
    # The link is all that lies outside the site; mkdtemp makes its directory 0700. Not under
    # TMPDIR, which may be as long as the site's own path.
    place = Path(tempfile.mkdtemp(prefix="appliance-", dir="/tmp"))
    link = place / "r"
    try:
        link.symlink_to(directory, target_is_directory=True)
        yield link
    finally:
        with suppress(OSError):
            link.unlink()
        with suppress(OSError):
            place.rmdir()


def ray_home(directory: Path) -> Path:
    """The home directory that Ray's processes are given, in Ray's `directory`.

    Ray's head looks there for what kind of cluster it is. Where nothing says so it asks the
    metadata servers of three clouds, and so a name server, even if usage statistics are off.
    """
    home = private_directory(directory / "home")
    told = home / _KIND_OF_CLUSTER
    with _disk_errors(told):
        told.write_text("provider: {type: on-premises}\n", encoding="ascii")
    return home


def ensure_token(run_directory: Path) -> Path:
    """The file with the token that every caller of this cluster shows; made once, 0600.

    Raises:
        BadInput: It can't be written.
    """
    path = run_directory / _TOKEN_FILE
    with _disk_errors(path):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return check_token(run_directory)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return path


def check_token(run_directory: Path) -> Path:
    """The token file of a cluster that is already there.

    Raises:
        BadInput: There is none, or it is empty.
        KeyMismatch: Others may read it.
    """
    path = run_directory / _TOKEN_FILE
    try:
        status = path.stat()
    except OSError:
        raise BadInput(
            f"The token of the Ray cluster is not at {path}.",
            "Copy the cluster's token file there, mode 0600.",
        ) from None
    if status.st_size == 0:
        raise BadInput(f"{path} is empty.", "Remove it, or copy the cluster's token file there.")
    if status.st_mode & 0o077:
        raise KeyMismatch(
            f"{path} is readable by others.", f"Run `chmod 600 {path}` and change the token."
        )
    return path


def scrub_sessions(directory: Path) -> int:
    """Session directories that no process uses any more are removed; their count."""
    left = left_sessions(directory)
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return len(left)


def left_sessions(directory: Path) -> list[Path]:
    """Session directories that no process uses any more."""
    return [
        path
        for path in sorted(directory.glob("session_*"))
        if (match := _SESSION.fullmatch(path.name))
        and not path.is_symlink()
        and not _is_in_use(path.name, int(match[1]))
    ]


def _is_in_use(session: str, starter: int) -> bool:
    """Whether the process that started the session, or any that was told its name, is there."""
    if _is_alive(starter):
        return True
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if session.encode() in path.read_bytes():
                return True
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpace(
                f"No space left for {path}.", "Free some and run the same command again."
            ) from None
        raise BadInput(
            f"{path} can't be written: {error.strerror or 'I/O error'}.",
            "Give this user the site's directory.",
        ) from None
