"""Secrets that the service manager hands to one service: systemd's credentials.

They are decrypted into a directory in memory that only the service can enter (systemd.exec(5),
LoadCredentialEncrypted=), so that no key has to lie on a disk in clear.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NOT_FOR_OTHERS: Final = 0o077
# Where systemd gives the service's user the right to read by an access list, the file's group bits
# show that list's mask; the group itself may not enter the directory.
_NOT_IN_CREDENTIALS: Final = 0o037
_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"


def find_secret(path: Path) -> tuple[Path, int]:
    """Where a secret is, and the mode bits that it must not have.

    Args:
        path: Where it is if the service manager has none of that name.
    """
    directory = os.environ.get(_DIRECTORY, "")
    if directory and (Path(directory) / path.name).is_file():
        return Path(directory) / path.name, _NOT_IN_CREDENTIALS
    return path, _NOT_FOR_OTHERS


def read_private(path: Path, longest: int, others: int = _NOT_FOR_OTHERS) -> tuple[bytes, str]:
    """What a file holds that only its owner should be able to read.

    Args:
        path: The file.
        longest: Bytes that are read of it, at most.
        others: Mode bits that it must not have, as `find_secret` tells them.

    Returns:
        The content; and the mode in octal where others can read it, else nothing. Both are of the
        file that was opened, whatever takes its place meanwhile.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        return file.read(longest), f"{mode:04o}" if mode & others else ""


def is_handed_over(path: Path) -> bool:
    """Whether the service manager has a secret of that name, which counts in its place."""
    return find_secret(path)[0] != path


@contextmanager
def without_credentials() -> Iterator[None]:
    """Within it secrets are where their site has them: it is not the service's own site."""
    held = os.environ.pop(_DIRECTORY, None)
    try:
        yield
    finally:
        if held is not None:
            os.environ[_DIRECTORY] = held
