"""A directory is finished when its manifest is there, and intact when it still agrees with it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import write_atomically
from appliance.errors import ManifestMismatch
from appliance.records.identifiers import Digest

MANIFEST: Final = "manifest.json"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: Digest


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished directory holds.

    Attributes:
        kind: "corpus", "adapter", "findings" or "model".
        files: Relative POSIX path to its entry; the manifest itself is not among them.
        digest: SHA-256 over kind and files in canonical JSON: the identity of the whole.
    """

    kind: str
    files: Mapping[str, FileEntry]
    digest: Digest


def digest_file(path: Path) -> Digest:
    """SHA-256 of the file's bytes, read in chunks."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return Digest(hasher.hexdigest())


def write_manifest(directory: Path, kind: str) -> Manifest:
    """The directory is finished: a manifest of every regular file in it is written last."""
    files = _entries(
        directory,
        (path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file()),
    )
    manifest = Manifest(kind, files, _digest(kind, files))
    write_atomically(directory / MANIFEST, _encode(manifest))
    return manifest


def foresee_manifest(directory: Path, files: Iterable[Path], kind: str) -> Digest:
    """The digest of the manifest that a directory with these files would get.

    Args:
        directory: Where the files are now.
        files: Relative to it.
        kind: See `Manifest`.
    """
    return _digest(kind, _entries(directory, files))


def read_manifest(directory: Path, kind: str, *, check: bool = True) -> Manifest:
    """The manifest of a finished directory, checked against the files unless `check` is off.

    Raises:
        ManifestMismatch: Missing, unreadable, of another kind, or a file differs, is gone, or is
            a link.
    """
    manifest = _load(directory, kind)
    if not check:
        return manifest
    for name, entry in manifest.files.items():
        path = directory / name
        if path.is_symlink() or not path.is_file():
            raise ManifestMismatch(f"{directory.name}: {name} is missing.", "Make it again.")
        if path.stat().st_size != entry.size or digest_file(path) != entry.sha256:
            raise ManifestMismatch(
                f"{directory.name}: {name} is not what was written.",
                "Make it again, and find out who changed it.",
            )
    return manifest


def is_finished(directory: Path) -> bool:
    """Whether the directory's last file, the manifest, was written."""
    return (directory / MANIFEST).is_file()


def list_finished(parent: Path) -> list[Path]:
    """The finished directories in `parent`, by name; none where that is not there."""
    return sorted(path for path in parent.glob("[!.]*") if is_finished(path))


def _load(directory: Path, kind: str) -> Manifest:
    try:
        raw = json.loads((directory / MANIFEST).read_bytes())
        files = {
            str(name): FileEntry(int(entry["size"]), Digest(str(entry["sha256"])))
            for name, entry in raw["files"].items()
        }
        manifest = Manifest(str(raw["kind"]), files, Digest(str(raw["digest"])))
    except FileNotFoundError:
        raise ManifestMismatch(
            f"{directory.name} has no manifest: it does not exist or was never finished.",
            "Make it (again) with the command that writes it.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ManifestMismatch(
            f"{directory.name}: its manifest is unreadable.",
            "Remove the directory and make it again.",
        ) from None
    if manifest.kind != kind or manifest.digest != _digest(kind, files):
        raise ManifestMismatch(
            f"{directory.name}: its manifest is not that of a {kind}.",
            "Make it again, and find out who changed it.",
        )
    return manifest


def _entries(directory: Path, files: Iterable[Path]) -> dict[str, FileEntry]:
    return {
        file.as_posix(): FileEntry((directory / file).stat().st_size, digest_file(directory / file))
        for file in files
        if file.name != MANIFEST and not file.name.startswith(".")
    }


def _digest(kind: str, files: Mapping[str, FileEntry]) -> Digest:
    listing = {name: [entry.size, entry.sha256] for name, entry in sorted(files.items())}
    canonical = json.dumps([kind, listing], separators=(",", ":"), sort_keys=True)
    return Digest(hashlib.sha256(canonical.encode()).hexdigest())


def _encode(manifest: Manifest) -> bytes:
    body = {
        "kind": manifest.kind,
        "digest": manifest.digest,
        "files": {
            name: {"size": entry.size, "sha256": entry.sha256}
            for name, entry in manifest.files.items()
        },
    }
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()
