"""The site's keys: made once at init, kept 0600, read through one Protocol.

A key provider hands out raw key bytes by purpose. The file provider is the default; systemd
credentials, TPM2 and a transit service fit behind the same two methods.
"""

import hmac
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from appliance.errors import KeyMismatch, SiteError
from appliance.settings.credentials import find_secret, read_private

KEY_BYTES: Final = 32


class Purpose(StrEnum):
    """What a key is for; one key is never used for two things (NIST SP 800-57, 5.2)."""

    VAULT = "vault"
    PSEUDONYM = "pseudonym"
    PATIENT_INDEX = "patient-index"
    CLEARANCE = "clearance"
    LEDGER = "ledger"
    GATEWAY = "gateway"


class KeyProvider(Protocol):
    """Where keys come from."""

    def key(self, purpose: Purpose) -> bytes:
        """The 32 bytes of that purpose's key.

        Raises:
            SiteError: There is no such key.
            KeyMismatch: It is there but can't be trusted: wrong size, readable by others.
        """


class FileKeys:
    """One file per purpose under `SITE/keys/`, mode 0600; a service may have them by credential."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def key(self, purpose: Purpose) -> bytes:
        """The 32 bytes in `PURPOSE.key`, or in the service's credential of that name."""
        path, others = find_secret(self._directory / f"{purpose}.key")
        return _read(path, purpose, others)

    def make_next(self, purpose: Purpose) -> bytes:
        """The 32 bytes in `PURPOSE-next.key`, which is made where there is none."""
        path = self._next(purpose)
        if not path.exists():
            draft = path.with_suffix(".part")
            draft.unlink(missing_ok=True)
            _make(draft)
            draft.rename(path)
            _sync(self._directory)
        return _read(path, purpose)

    def has_next(self, purpose: Purpose) -> bool:
        """Whether there is a key that is to take the place of the present one."""
        return self._next(purpose).exists()

    def promote_next(self, purpose: Purpose) -> None:
        """The next key is the present one; the one before is gone."""
        self._next(purpose).rename(self._directory / f"{purpose}.key")
        _sync(self._directory)

    def _next(self, purpose: Purpose) -> Path:
        return self._directory / f"{purpose}-next.key"


def read_key_file(path: Path) -> bytes:
    """The 32 bytes of a key in a file of its own.

    Raises:
        SiteError, KeyMismatch: As `KeyProvider.key`.
    """
    return _read(path, path.stem)


def _read(path: Path, purpose: str, *others: int) -> bytes:
    try:
        content, open_mode = read_private(path, KEY_BYTES + 1, *others)
    except OSError as error:
        raise SiteError(
            f"The {purpose} key can't be read: {error.strerror}.",
            "Restore the site's keys directory from its backup.",
        ) from None
    if open_mode:
        raise KeyMismatch(
            f"The {purpose} key is readable by others (mode {open_mode}).",
            f"Run `chmod 600 {path}` and find out who could have read it.",
        )
    if len(content) != KEY_BYTES:
        raise KeyMismatch(f"The {purpose} key has a wrong size.", "Restore it from the backup.")
    return content


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_keys(directory: Path) -> None:
    """Every purpose has a fresh random key under `directory`; keys that are there stay."""
    for purpose in Purpose:
        _make(directory / f"{purpose}.key")


def _make(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """24 hex digits that stand for `value` and, without the key, reveal nothing about it.

    An unkeyed hash of an MRN can be inverted by trying all MRNs; HMAC-SHA-256 (RFC 2104) can't.
    """
    message = f"{kind}\x00{value}".encode()
    return hmac.digest(key, message, "sha256").hex()[:24]
