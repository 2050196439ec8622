"""Secrets that people bring: the provider's key and the callers' tokens.

They come from files that only their owner can read, or from systemd's credential directory; never
from `site.toml`, a command line or the value of an environment variable.
"""

import re
from pathlib import Path
from typing import Final

from appliance.errors import KeyMismatch, SiteError
from appliance.settings.credentials import find_secret, read_private

PROVIDER_KEY: Final = "provider-key"
_SECRET: Final = re.compile(rb"[\x21-\x7e]{16,512}")
_LONGEST: Final = 1024


def read_provider_key(keys: Path) -> str:
    """The provider's key: systemd's credential `provider-key`, or `SITE/keys/provider-key`.

    Raises:
        SiteError: There is none.
        KeyMismatch: It is readable by others, or can't be a key.
    """
    return _read_secret(*find_secret(keys / PROVIDER_KEY))


def read_caller_token(keys: Path, caller: str) -> str:
    """The token of that caller, in `SITE/keys/callers/NAME`.

    Raises:
        SiteError, KeyMismatch: As `read_provider_key`.
    """
    return _read_secret(keys / "callers" / caller)


def _read_secret(path: Path, *others: int) -> str:
    try:
        content, open_mode = read_private(path, _LONGEST, *others)
    except OSError as error:
        raise SiteError(
            f"The secret {path.name} can't be read: {error.strerror}.",
            f"Put it there with `install -D -m 600 /dev/stdin {path}`.",
        ) from None
    if open_mode:
        raise KeyMismatch(
            f"The secret {path.name} is readable by others (mode {open_mode}).",
            f"Have it replaced, then run `chmod 600 {path}`.",
        )
    word = content.strip()
    if not _SECRET.fullmatch(word):
        raise KeyMismatch(
            f"The secret {path.name} is not one word of 16 to 512 printable characters.",
            "Put it there again.",
        )
    return word.decode("ascii")
