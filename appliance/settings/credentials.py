"""Secrets that the service manager hands to one service: systemd's credentials.

They are decrypted into a directory in memory that only the service can enter (systemd.exec(5),
LoadCredentialEncrypted=), so that no key has to lie on a disk in clear.
"""

import os
from pathlib import Path
from typing import Final

_NOT_FOR_OTHERS: Final = 0o077
# Where systemd gives the service's user the right to read by an access list, the file's group bits
# show that list's mask; the group itself may not enter the directory.
_NOT_IN_CREDENTIALS: Final = 0o037


def find_secret(path: Path) -> tuple[Path, int]:
    """Where a secret is, and the mode bits that it must not have.

    Args:
        path: Where it is if the service manager has none of that name.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if directory and (Path(directory) / path.name).is_file():
        return Path(directory) / path.name, _NOT_IN_CREDENTIALS
    return path, _NOT_FOR_OTHERS
