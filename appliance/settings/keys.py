"""The site's keys: made once at init, kept 0600, read through one Protocol.

A key provider hands out raw key bytes by purpose. They come from a file, from the service manager
(`settings.credentials`), or wrapped from a file and through a program (`settings.wrapping`).
"""

import errno
import hmac
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from appliance.errors import KeyMismatch, SiteError
from appliance.settings.credentials import find_secret, read_private
from appliance.settings.wrapping import LONGEST, SUFFIX, unwrap, wrap

KEY_BYTES: Final = 32
# What a program was asked and said; it can take long, and many parts of the product ask for a key.
_unwrapped: dict[tuple[Path, str, bytes], bytes] = {}


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
    """One file per purpose under `SITE/keys/`, mode 0600, in clear or wrapped.

    A service may have them by credential. Where a key lies there in clear and wrapped too, as while
    it is being wrapped, the one in clear counts.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def key(self, purpose: Purpose) -> bytes:
        """The 32 bytes in `PURPOSE.key`, or in the service's credential of that name."""
        path, others = find_secret(self._at(purpose))
        if path == self._at(purpose) and self.is_wrapped(purpose):
            return self._unwrap(path, purpose)
        return _read(path, purpose, others)

    def is_wrapped(self, purpose: Purpose) -> bool:
        """Whether its file is wrapped, and there is none in clear."""
        return not self._at(purpose).exists() and _wrapped(self._at(purpose)).exists()

    def is_in_clear(self, purpose: Purpose) -> bool:
        """Whether a file in clear has it, be it one that a killed wrapping left."""
        return self._at(purpose).exists() or _draft(self._at(purpose)).exists()

    def wrap(self, purpose: Purpose) -> None:
        """Its file is wrapped, and the one in clear is gone; what a killed wrapping left is too.

        Raises:
            BadInput, SiteError, KeyMismatch: As `settings.wrapping.wrap`; nothing was changed.
            OSError: It can't be written; nothing was changed.
        """
        path = self._at(purpose)
        if not self.is_wrapped(purpose):
            _write(_wrapped(path), wrap(self._directory, path.name, _read(path, purpose)))
            path.rename(_draft(path))
        _shred(_draft(path))

    def unwrap(self, purpose: Purpose) -> None:
        """Its file is in clear, and the wrapped one is gone."""
        path = self._at(purpose)
        if self.is_wrapped(purpose):
            _write(path, self._unwrap(path, purpose))
        _wrapped(path).unlink(missing_ok=True)
        _sync(self._directory)

    def make_next(self, purpose: Purpose) -> bytes:
        """The 32 bytes in `PURPOSE-next.key`, which is made where there is none, as the present."""
        path = self._next(purpose)
        if not self.has_next(purpose):
            key = secrets.token_bytes(KEY_BYTES)
            if self.is_wrapped(purpose):
                # By the name that it is going to have.
                content = wrap(self._directory, self._at(purpose).name, key)
                _write(_wrapped(path), content)
            else:
                _write(path, key)
        if path.exists():
            return _read(path, purpose)
        return self._unwrap(path, purpose)

    def has_next(self, purpose: Purpose) -> bool:
        """Whether there is a key that is to take the place of the present one."""
        return self._next(purpose).exists() or _wrapped(self._next(purpose)).exists()

    def promote_next(self, purpose: Purpose) -> None:
        """The next key is the present one; the one before is gone."""
        path, target = self._next(purpose), self._at(purpose)
        if path.exists():
            # Left by an interrupted change of form, and of the key before.
            _wrapped(target).unlink(missing_ok=True)
            path.rename(target)
        else:
            _wrapped(path).rename(_wrapped(target))
        _sync(self._directory)

    def _at(self, purpose: Purpose) -> Path:
        return self._directory / f"{purpose}.key"

    def _next(self, purpose: Purpose) -> Path:
        return self._directory / f"{purpose}-next.key"

    def _unwrap(self, path: Path, purpose: Purpose) -> bytes:
        content = _read_file(_wrapped(path), purpose, LONGEST)
        asked = (self._directory, self._at(purpose).name, content)
        if asked not in _unwrapped:
            _unwrapped[asked] = _check_size(unwrap(*asked), purpose)
        return _unwrapped[asked]


def read_key_file(path: Path) -> bytes:
    """The 32 bytes of a key in a file of its own.

    Raises:
        SiteError, KeyMismatch: As `KeyProvider.key`.
    """
    return _read(path, path.stem)


def _wrapped(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _draft(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _read(path: Path, purpose: str, *others: int) -> bytes:
    return _check_size(_read_file(path, purpose, KEY_BYTES + 1, *others), purpose)


def _read_file(path: Path, purpose: str, longest: int, *others: int) -> bytes:
    try:
        content, open_mode = read_private(path, longest, *others)
    except OSError as error:
        raise SiteError(
            f"The {purpose} key can't be read: {error.strerror}.",
            f"Run `chmod 600 {path}`, and `chown` it to the site's user, or work as that user."
            if error.errno == errno.EACCES
            else "Restore the site's keys directory from its backup.",
        ) from None
    if open_mode:
        raise KeyMismatch(
            f"The {purpose} key is readable by others (mode {open_mode}).",
            f"Run `chmod 600 {path}` and find out who could have read it.",
        )
    return content


def _check_size(key: bytes, purpose: str) -> bytes:
    if len(key) != KEY_BYTES:
        raise KeyMismatch(f"The {purpose} key has a wrong size.", "Restore it from the backup.")
    if not any(key):
        raise KeyMismatch(f"The {purpose} key was being wrapped.", "Run the same command again.")
    return key


def _shred(path: Path) -> None:
    """The file is gone; what it held was written over, as far as the disk does that in place."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _sync(path.parent)


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
    _fill(handle, secrets.token_bytes(KEY_BYTES))


def _write(path: Path, content: bytes) -> None:
    """The file is there, whole, or not at all."""
    draft = _draft(path)
    draft.unlink(missing_ok=True)
    _fill(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), content)
    draft.rename(path)
    _sync(path.parent)


def _fill(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """24 hex digits that stand for `value` and, without the key, reveal nothing about it.

    An unkeyed hash of an MRN can be inverted by trying all MRNs; HMAC-SHA-256 (RFC 2104) can't.
    """
    message = f"{kind}\x00{value}".encode()
    return hmac.digest(key, message, "sha256").hex()[:24]
