"""Keys that lie on the disk wrapped, and are unwrapped in memory by a program of the hospital's.

`SITE/keys/wrapping.toml` names two programs: systemd-creds with its TPM, the client of a transit
service, of a security module. Each gets its input on stdin and gives its output on stdout; no key
is in an argument or in the environment, and the product itself speaks to no network for it.
"""

import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.errors import KeyMismatch, SiteError
from appliance.settings.validation import read_policy

FILE: Final = "wrapping.toml"
SUFFIX: Final = ".wrapped"
LONGEST: Final = 65_536
"""Bytes that a wrapped key can have."""
_NAME: Final = "{name}"
_SECONDS: Final = 60
_MENDING: Final = "See deploy/systemd/README.md, Keys: two programs, each by its whole path."
_Program = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, max_length=32)
]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    version: Literal[1]
    wrap: _Program
    unwrap: _Program


def wrap(directory: Path, name: str, key: bytes) -> bytes:
    """The key as the program wraps it, which the other program was seen to unwrap.

    Args:
        directory: `SITE/keys`, with the file that names the programs.
        name: Of the key's file; stands where a program's arguments have `{name}`.
        key: Whole.

    Raises:
        BadInput: The file is missing or broken.
        SiteError: A program can't be run, fails, or takes over a minute.
        KeyMismatch: What comes back is another key.
    """
    programs = read_policy(directory / FILE, _File, _MENDING)
    wrapped = _run(programs.wrap, name, key)
    # One more of that name: a program that keeps keys by name would have forgotten the first.
    _run(programs.wrap, name, secrets.token_bytes(len(key)))
    is_usable = key not in wrapped and 0 < len(wrapped) <= LONGEST
    if not is_usable or _run(programs.unwrap, name, wrapped) != key:
        raise KeyMismatch(
            f"{name} does not come back from the programs in {FILE} as it went in.",
            "Nothing was changed. Try the two programs by hand, one after the other.",
        )
    return wrapped


def unwrap(directory: Path, name: str, wrapped: bytes) -> bytes:
    """What the program makes of it.

    Raises:
        BadInput, SiteError: As for `wrap`.
    """
    return _run(read_policy(directory / FILE, _File, _MENDING).unwrap, name, wrapped)


def _run(program: Sequence[str], name: str, content: bytes) -> bytes:
    """What the program answers; of what it complains nothing is told: it can hold anything."""
    path, *arguments = (part.replace(_NAME, name) for part in program)
    what = f"{path} did not give {name}"
    if not Path(path).is_absolute():
        raise SiteError(f"{FILE} names {path} without its whole path.", _MENDING)
    try:
        done = subprocess.run(
            [path, *arguments], input=content, capture_output=True, timeout=_SECONDS, check=False
        )
    except OSError as error:
        raise SiteError(f"{what}: {error.strerror}.", _MENDING) from None
    except subprocess.TimeoutExpired:
        raise SiteError(f"{what} within {_SECONDS} s.", "Is what it asks there?") from None
    if done.returncode:
        raise SiteError(
            f"{what}: exit code {done.returncode}.", "Run it by hand: it says what is wrong."
        )
    return done.stdout
