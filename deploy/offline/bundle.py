"""What a bundle is, and whether the one in front of us is whole, ours and of now.

    BUNDLE/manifest.json        release, version counter, expiry; size and SHA-256 of every file
    BUNDLE/manifest.json.sig    the supplier's Ed25519 signature over these very bytes
    BUNDLE/...                  those files, and no other

Nothing is written here. What is checked, in order: the signature, the form of the manifest, its
counter and expiry, then that the directory holds exactly what it says.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Final

from offline.files import digest_of, open_regular, read_regular, read_through
from offline.refusal import BAD_INPUT, Refused
from offline.signing import verify

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.json.sig"
RELEASE: Final = "release.json"
"""What the installer writes last into a release folder; no bundle may bring one."""
RAN: Final = "ran"
"""There once the release ran and another took its place; no bundle may bring one."""
FORMAT: Final = "appliance-bundle/1"
_MOST: Final = 1 << 24
_KEYS: Final = {"format", "release", "counter", "site_schema", "made_at", "expires", "files"}
# No segment begins with a dot: no "..", nothing hidden, nothing that could pose as `.venv`.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=~-]{0,199}")
_RELEASE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
# A clock may be wrong by this much before it is taken for a trick to outlive an expiry.
_CLOCK: Final = timedelta(days=1)
_AGAIN: Final = "Get the bundle again, and find out who changed it."


@dataclass(frozen=True, slots=True)
class Entry:
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        release: Name of the release, and of its folder.
        counter: Grows with every bundle; an older one is not installed over a newer.
        site_schema: The layout of a site that this release works with.
        made_at: When it was made; aware.
        expires: Until when it may be installed; aware.
        files: Relative POSIX path to its entry.
        digest: SHA-256 of the manifest's bytes: the identity of the whole.
        content: Those bytes.
        signature: Over them, as it was checked.
        signers: The allowed signers that it was checked with.
    """

    release: str
    counter: int
    site_schema: int
    made_at: datetime
    expires: datetime
    files: Mapping[str, Entry]
    digest: str
    content: bytes
    signature: bytes = b""
    signers: bytes = b""


def check_bundle(bundle: Path, signers: Path, now: datetime) -> Manifest:
    """The bundle's manifest; every byte in the directory is one that the supplier signed for now.

    Args:
        bundle: The directory.
        signers: An allowed-signers file.
        now: Aware.

    Raises:
        Refused: Anything is changed, missing, extra, linked, out of place, unsigned or expired.
    """
    if not bundle.is_dir():
        raise Refused(f"There is no directory {bundle}.", "Name that of a bundle.", BAD_INPUT)
    # Read once: what is kept of them later is what was checked, whatever became of the medium.
    content = _read(bundle / MANIFEST, "Get the whole bundle again.")
    signature = _read(bundle / SIGNATURE, "Get the whole bundle again.")
    allowed = _read(signers, "Name a file with the supplier's key: --allowed-signers FILE.")
    verify(content, signature, allowed)
    manifest = replace(parse_manifest(content), signature=signature, signers=allowed)
    check_time(manifest, now)
    check_files(bundle, manifest)
    return manifest


def parse_manifest(content: bytes) -> Manifest:
    """The manifest in `content`.

    Raises:
        Refused: It is not of the form that this installer knows.
    """
    try:
        raw = json.loads(content, object_pairs_hook=_without_twins, parse_constant=_fail)
        return _manifest(raw, content)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise Refused(
            "The manifest is not of the form that this installer knows.",
            "Use the installer that came with the bundle, once you trust it.",
        ) from None


def check_time(manifest: Manifest, now: datetime) -> None:
    """It may be installed at that time.

    Raises:
        Refused: It has expired, or the clock is wrong.
    """
    if now >= manifest.expires:
        raise Refused(f"The bundle expired at {manifest.expires.isoformat()}.", "Get a newer one.")
    if now < manifest.made_at - _CLOCK:
        raise Refused(
            f"This machine's clock says {now.isoformat()}, which is before the bundle was made.",
            "Set the clock.",
        )


def check_files(bundle: Path, manifest: Manifest) -> None:
    """The directory holds the files of the manifest, byte for byte, and nothing else.

    Raises:
        Refused: Not so; names the first file that differs.
    """
    wanted = {*manifest.files, MANIFEST, SIGNATURE}
    folders = {
        parent.as_posix() for name in manifest.files for parent in PurePosixPath(name).parents
    }
    seen = set()
    for name, mode in _walk(bundle, ""):
        if stat.S_ISDIR(mode) and name in folders:
            continue
        if not stat.S_ISREG(mode):
            raise Refused(f"{name!r} in the bundle is a link, or has no place there.", _AGAIN)
        if name not in wanted:
            raise Refused(f"{name!r} is in the bundle and not in its manifest.", _AGAIN)
        seen.add(name)
    missing = sorted(wanted - seen)
    if missing:
        raise Refused(f"{missing[0]!r} is missing from the bundle.", _AGAIN)
    for name, entry in manifest.files.items():
        _check_file(bundle / name, name, entry)


def copy_file(source: Path, target: Path, name: str, entry: Entry) -> None:
    """`target` holds what the manifest says of `name`, whatever became of the medium meanwhile.

    Raises:
        Refused: `source` is another file by now.
        OSError: `target` can't be written.
    """
    hasher = hashlib.sha256()
    with open_regular(source) as file, target.open("xb") as out:
        for chunk in read_through(file):
            hasher.update(chunk)
            out.write(chunk)
    if hasher.hexdigest() != entry.sha256:
        target.unlink()
        raise Refused(f"{name!r} was changed while it was copied.", _AGAIN)


def encode(manifest: Mapping[str, Any]) -> bytes:
    """The bytes of a manifest that is about to be signed."""
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode("ascii")


def _read(path: Path, next_step: str) -> bytes:
    try:
        return read_regular(path, _MOST)
    except (OSError, ValueError):
        raise Refused(f"{path} can't be read, or is a link.", next_step) from None


def _manifest(raw: dict[str, Any], content: bytes) -> Manifest:
    if set(raw) != _KEYS or raw["format"] != FORMAT or not raw["files"]:
        raise ValueError(FORMAT)
    files = {}
    for name, entry in raw["files"].items():
        if set(entry) != {"size", "sha256"} or not _SHA256.fullmatch(entry["sha256"]):
            raise ValueError(name)
        files[_plain(name)] = Entry(_count(entry["size"]), entry["sha256"])
    if not _RELEASE.fullmatch(raw["release"]):
        raise ValueError(RELEASE)
    return Manifest(
        raw["release"],
        _count(raw["counter"]),
        _count(raw["site_schema"]),
        _moment(raw["made_at"]),
        _moment(raw["expires"]),
        files,
        digest_of(content),
        content,
    )


def _plain(name: str) -> str:
    segments = name.split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(name)
    if name in {MANIFEST, SIGNATURE, RELEASE, RAN}:
        raise ValueError(name)
    return name


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no count")
    return value


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _fail(_: str) -> None:
    raise ValueError("no number")


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, int]]:
    """Every name below the directory with its mode, links not followed."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            name = f"{prefix}{entry.name}"
            mode = entry.stat(follow_symlinks=False).st_mode
            yield name, mode
            if stat.S_ISDIR(mode):
                yield from _walk(Path(entry.path), f"{name}/")


def _check_file(path: Path, name: str, entry: Entry) -> None:
    hasher = hashlib.sha256()
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size != entry.size:
                raise Refused(f"{name!r} has another size than the manifest says.", _AGAIN)
            for chunk in read_through(file):
                hasher.update(chunk)
    except OSError as error:
        raise Refused(f"{name!r} can't be read: {error.strerror}.", _AGAIN) from None
    if hasher.hexdigest() != entry.sha256:
        raise Refused(f"{name!r} is not what the manifest says.", _AGAIN)
