"""What stands in a backup, format 1: a tar archive inside one age file.

    backup.json     which site, when, how much of what; its first member
    keys.age        the site's keys, encrypted once more
    ...             the files of the site, by their paths in it
    manifest.json   size and SHA-256 of each; its last member

A file that was cut short lacks the last member, and age's own last chunk. A later format gets
another number, and this program's successors read this one: `tests/fixtures/backups/` holds one.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.artifacts.manifest import FileEntry
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.identifiers import Digest

FORMAT: Final = 1
HEADER: Final = "backup.json"
KEYS: Final = "keys.age"
MANIFEST: Final = "manifest.json"
SETTINGS: Final = "site.toml"
# The number of the site's layout; a site that was never migrated has none.
SCHEMA: Final = "schema.json"
SUFFIX: Final = ".age"
# Everything of a site that is kept; what services write while they run is not, nor are base models.
DIRECTORIES: Final = (
    *("policies", "vault", "ledger", "journal", "corpora", "adapters", "findings", "exports"),
    *("cohorts", "reviews", "reports", "gateway"),
)
# A door that shut itself stays shut in a site that was restored.
LATCH: Final = "run/gateway.latch"
# Held in memory by who reads a backup: header and keys; and the manifest, which has some 150 bytes
# for each file.
LONGEST_SMALL: Final = 4 << 20
LONGEST_MANIFEST: Final = 64 << 20
_LONGEST_NAME: Final = 1024
_FORMAT_NUMBER: Final = re.compile(rb'"format":\s*(\d{1,6})\b')
_DAMAGED: Final = "Take another backup; this one is not whole, or was altered."

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]


class Header(BaseModel):
    """What a backup says of itself.

    Attributes:
        format: Of the file.
        product: Version of the program that wrote it.
        made_at: ISO 8601, UTC.
        ledger: Name of the ledger, which is that of the site's key.
        begun: The ledger's entry that says that the backup was begun; what was erased since then
            may still be in it.
        entries: Entries of the ledger.
        root: Its root, in hexadecimal.
        fingerprint: Of the site's keys.
        policy_digest: Of the policies in force.
        counts: What there is of each kind of thing.
        models: Base models that the site had, name to digest; they are not in the backup.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    format: Annotated[int, Field(ge=1, le=FORMAT)]
    product: Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+-]{0,40}$")]
    made_at: Annotated[str, Field(pattern=r"^[0-9T:.+-]{19,40}$")]
    ledger: Annotated[str, Field(pattern=r"^appliance-ledger/[0-9a-f]{16}$")]
    begun: _Count
    entries: _Count
    root: _Hex
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    policy_digest: _Hex
    counts: Mapping[str, _Count]
    models: Mapping[str, _Hex]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    size: _Count
    sha256: _Hex


class _Listing(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    files: Mapping[str, _Entry]


def encode_header(header: Header) -> bytes:
    """As it stands in the file."""
    return header.model_dump_json(indent=1).encode()


def decode_header(content: bytes) -> Header:
    """What the backup says of itself.

    Raises:
        BadInput: A newer program wrote it.
        ManifestMismatch: It is none.
    """
    number = _FORMAT_NUMBER.search(content)
    if number and int(number[1]) > FORMAT:
        raise BadInput(
            f"The backup has format {int(number[1])}; this program knows those up to {FORMAT}.",
            "Use the program's version that wrote it, or a newer one.",
        )
    try:
        return Header.model_validate_json(content)
    except ValidationError:
        raise ManifestMismatch("The backup does not say what it is of.", _DAMAGED) from None


def encode_manifest(files: Mapping[str, FileEntry]) -> bytes:
    """As it stands in the file."""
    entries = {
        name: _Entry(size=entry.size, sha256=entry.sha256) for name, entry in sorted(files.items())
    }
    return _Listing(files=entries).model_dump_json(indent=1).encode()


def decode_manifest(content: bytes) -> dict[str, FileEntry]:
    """Name to size and digest.

    Raises:
        ManifestMismatch: It is none.
    """
    try:
        listing = _Listing.model_validate_json(content)
    except ValidationError:
        raise ManifestMismatch("The backup's manifest is damaged.", _DAMAGED) from None
    return {
        name: FileEntry(entry.size, Digest(entry.sha256)) for name, entry in listing.files.items()
    }


def check_name(name: str) -> None:
    """It is the path of a file that a backup may hold.

    Raises:
        ManifestMismatch: It leads elsewhere; it is not quoted.
    """
    path = PurePosixPath(name)
    is_plain = (
        0 < len(name) <= _LONGEST_NAME
        and name == path.as_posix()
        and not path.is_absolute()
        and ".." not in path.parts
        and "\x00" not in name
        and "\\" not in name
    )
    if not is_plain or (name not in {SETTINGS, SCHEMA, LATCH} and _is_foreign(path)):
        raise ManifestMismatch("A file in the backup has a path that leads elsewhere.", _DAMAGED)


def _is_foreign(path: PurePosixPath) -> bool:
    return len(path.parts) < 2 or path.parts[0] not in DIRECTORIES  # noqa: PLR2004 - a file in one
