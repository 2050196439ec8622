"""Keys that open backups: made, and kept in shares, so that no one person can and no one must."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.artifacts.reading import read_utf8
from appliance.artifacts.writing import (
    check_absent,
    check_writable,
    folder_atomically,
    write_atomically,
)
from appliance.backups import shares
from appliance.backups.keys import identity_bytes, identity_of, make_identity, read_identities
from appliance.errors import BadInput, KeyMismatch
from appliance.records.clock import Clock
from appliance.settings.clock import SystemClock
from appliance.settings.keys import read_key_file

_SHARES: Final = re.compile(r"(\d{1,2})-of-(\d{1,2})")
_OF: Final = re.compile(r"\bage1[0-9a-z]{58}\b")


@dataclass(frozen=True, slots=True)
class Split:
    """A key in shares.

    Attributes:
        of: The identity's public name; "" of a site's key.
        needed: How many give it back.
        files: One for each share; none of a dry run.
    """

    of: str
    needed: int
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """A key that came back.

    Attributes:
        of: The identity's public name; "" of a site's key.
        path: Where it is.
    """

    of: str
    path: Path = field(repr=False)


def make(out: Path, clock: Clock | None = None, *, dry_run: bool = False) -> str:
    """A new identity is in `out`, its owner's alone; returns its public name, a recipient.

    Raises:
        BadInput: `out` is there already, or can't be written.
    """
    check_absent(out)
    check_writable(out)
    words, public = make_identity()
    if dry_run:
        return ""
    made_at = (clock or SystemClock()).now().isoformat(timespec="seconds")
    content = f"# created: {made_at}\n# public key: {public}\n{words}\n"
    write_atomically(out, content.encode())
    return public


def split(key: Path, ways: str, out: Path, *, dry_run: bool = False) -> Split:
    """The key is in shares in the new directory `out`, one file each; `key` stays where it is.

    Args:
        key: File of one identity of age, or of a site's key of 32 bytes.
        ways: "M-of-N".
        out: A directory to make; each file of it goes to another person, and nowhere else.
        dry_run: Only whether it could be done.

    Raises:
        BadInput: It is no such file, `ways` is no way to split it, or `out` is there.
        KeyMismatch: Others can read the file.
    """
    match = _SHARES.fullmatch(ways)
    if match is None:
        raise BadInput(f"{ways[:20]!r} is not M-of-N.", "Ask for such as 2-of-3.")
    needed, total = int(match[1]), int(match[2])
    check_absent(out)
    check_writable(out)
    secret, of = _read(key)
    words = shares.split(secret, needed, total)
    if dry_run:
        return Split(of, needed, ())
    with folder_atomically(out, 0o700) as draft:
        for number, share in enumerate(words, start=1):
            what = f"the identity {of}" if of else "a site's key"
            head = f"# Share {number} of {total} of {what}; {needed} of them give it back.\n"
            write_atomically(draft / f"share-{number}-of-{total}.txt", f"{head}{share}\n".encode())
    return Split(of, needed, tuple(sorted(out.iterdir())))


def combine(files: Sequence[Path], out: Path, *, raw: bool, dry_run: bool = False) -> Combined:
    """The key that the shares are of is in `out`, its owner's alone.

    Args:
        files: Shares: a file each, with the words as `split` wrote them or as typed from paper.
        out: A new file.
        raw: Whether it is a site's key of 32 bytes, and no identity.
        dry_run: Only whether the shares give a key.

    Raises:
        BadInput: A share has a wrong word, there are too few, or `out` is there.
        KeyMismatch: They are not of one key.
    """
    check_absent(out)
    check_writable(out)
    texts = [read_utf8(path) for path in files]
    secret = shares.combine([_words(text) for text in texts])
    named = {name for text in texts for name in _OF.findall(text)}
    if raw:
        content, public = secret, ""
    else:
        words, public = identity_of(secret)
        content = f"# public key: {public}\n{words}\n".encode()
    if named - {public}:
        raise KeyMismatch(
            "The shares give another key than the one written on them.",
            "Give --raw where they are of a site's key, and not of an identity.",
        )
    if not dry_run:
        write_atomically(out, content)
    return Combined(public, out)


def _read(path: Path) -> tuple[bytes, str]:
    if path.is_file() and path.stat().st_size == shares.SECRET_BYTES:
        return read_key_file(path), ""
    identities = read_identities(path)
    if len(identities) > 1:
        raise BadInput(f"{path.name} holds several identities.", "Split them one by one.")
    return identity_bytes(identities[0]), str(identities[0].to_public())


def _words(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return " ".join(" ".join(line.lower().split()) for line in lines if line and line[0] != "#")
