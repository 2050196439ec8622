"""One note under one key: envelopes of AES-256-GCM, and the keys they hang from.

From the site's vault key, HKDF (RFC 5869) makes three keys that are never used for two things:
one encrypts the database, one wraps data keys, one marks texts so that a change is seen.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.errors import IntegrityError
from appliance.records.identifiers import NoteId

KEY_BYTES: Final = 32
# 96 bits, random (NIST SP 800-38D, 8.2.2): fit for 2^32 wrappings under one key.
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """A note's text under a data key of its own, and that key under the site's.

    Attributes:
        wrapped_key: Nonce and the wrapped data key, 60 bytes.
        body: Nonce and the encrypted text.
    """

    wrapped_key: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class VaultKeys:
    """What the vault works with; 32 bytes each.

    Attributes:
        database: Encrypts the database's pages.
        wrapping: Wraps data keys.
        marking: Marks texts so that a change is seen.
        older: Wrapping keys under which data keys may still be.
        generation: How often keys were changed.
    """

    database: bytes = field(repr=False)
    wrapping: bytes = field(repr=False)
    marking: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)
    generation: int = 0


def derive_keys(key: bytes) -> VaultKeys:
    """The three keys of one vault key, always the same ones."""
    return VaultKeys(_derive(key, b"database"), _derive(key, b"wrapping"), _derive(key, b"marking"))


def seal(text: str, note_id: NoteId, version: int, wrapping: bytes) -> Sealed:
    """The text, sealed so that it opens only as this version of this note."""
    data_key = secrets.token_bytes(KEY_BYTES)
    bound = _bound(note_id, version)
    return Sealed(_encrypt(wrapping, data_key, bound), _encrypt(data_key, text.encode(), bound))


def unseal(sealed: Sealed, note_id: NoteId, version: int, wrapping: bytes) -> str:
    """The text that was sealed as this version of this note.

    Raises:
        IntegrityError: Another key, note or version, or bytes that were changed.
    """
    bound = _bound(note_id, version)
    try:
        data_key = _decrypt(wrapping, sealed.wrapped_key, bound)
        return _decrypt(data_key, sealed.body, bound).decode()
    except (InvalidTag, ValueError):
        pass
    raise IntegrityError(
        f"{note_id} does not open: its bytes were changed, or belong to another note.",
        "Import the note again, and find out who changed the vault.",
    )


def rewrap(sealed: Sealed, note_id: NoteId, version: int, old: bytes, new: bytes) -> bytes | None:
    """The note's data key from under `old` under `new`; None where `old` is not the one."""
    bound = _bound(note_id, version)
    try:
        data_key = _decrypt(old, sealed.wrapped_key, bound)
    except (InvalidTag, ValueError):
        return None
    return _encrypt(new, data_key, bound)


def mark(marking: bytes, *parts: str) -> bytes:
    """32 bytes that differ when any part differs, and reveal none without the key."""
    message = b"".join(
        len(encoded).to_bytes(8, "big") + encoded for encoded in (part.encode() for part in parts)
    )
    return hmac.digest(marking, message, "sha256")


def _derive(key: bytes, purpose: bytes) -> bytes:
    info = b"appliance vault v1 " + purpose
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _bound(note_id: NoteId, version: int) -> bytes:
    return f"{note_id}:{version}".encode()


def _encrypt(key: bytes, content: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, bound)


def _decrypt(key: bytes, content: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], bound)
