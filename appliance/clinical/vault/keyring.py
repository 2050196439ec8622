"""The vault's working keys in a file, sealed under the site's key: so that this one can change.

Without the file the working keys follow from the site's key, as they did before it was ever
changed. With it they are random, and each of its slots opens under one key of the site: two of
them while keys are being changed, so that whichever of the two is in force, the vault opens.

SITE/vault/keyring.json, mode 0600. Sealed with AES-256-GCM, bound to the file's purpose.
"""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.artifacts.writing import write_atomically
from appliance.clinical.vault.sealing import KEY_BYTES, VaultKeys, derive_keys
from appliance.errors import IntegrityError, KeyMismatch

FILE: Final = "keyring.json"
_BOUND: Final = b"appliance vault keyring v1"
_NONCE_BYTES: Final = 12
_NEXT_STEP: Final = "Restore the vault and the keys from one and the same backup."


@dataclass(frozen=True, slots=True)
class Keyring:
    """The working keys, and how far a change of keys has come.

    Attributes:
        keys: In force; `keys.older` holds wrapping keys under which some notes may still be.
        next_database: What the database's pages are, or are about to be, encrypted with; b"" where
            no change is under way.
    """

    keys: VaultKeys
    next_database: bytes = field(default=b"", repr=False)

    @property
    def is_changing(self) -> bool:
        """Whether a change was begun and not ended."""
        return bool(self.next_database)

    def begun(self) -> "Keyring":
        """With fresh keys that are to take the place of the present ones."""
        keys = self.keys
        fresh = replace(
            keys,
            wrapping=secrets.token_bytes(KEY_BYTES),
            older=(keys.wrapping, *keys.older),
            generation=keys.generation + 1,
        )
        return Keyring(fresh, secrets.token_bytes(KEY_BYTES))

    def ended(self) -> "Keyring":
        """With the fresh keys alone."""
        return Keyring(replace(self.keys, database=self.next_database, older=()))


def read_keyring(directory: Path, key: bytes) -> Keyring:
    """The working keys of the vault in `directory`.

    Args:
        directory: `SITE/vault`.
        key: The site's vault key, 32 bytes.

    Raises:
        KeyMismatch: No slot opens with that key.
        IntegrityError: The file is damaged.
    """
    try:
        content = json.loads((directory / FILE).read_bytes())
        slots = [base64.b64decode(slot, validate=True) for slot in content["slots"]]
    except FileNotFoundError:
        return Keyring(derive_keys(key))
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        raise IntegrityError("The vault's keyring is damaged.", _NEXT_STEP) from None
    for slot in slots:
        opened = _open(slot, key)
        if opened is not None:
            return opened
    raise KeyMismatch("The vault does not open with this site's key.", _NEXT_STEP)


def write_keyring(directory: Path, keyring: Keyring, *keys: bytes) -> None:
    """The keyring is on disk, durably, and opens under each of these keys and no other.

    Raises:
        NoSpace: The disk is full; the keyring is as it was.
    """
    slots = [base64.b64encode(_seal(keyring, key)).decode() for key in keys]
    write_atomically(directory / FILE, json.dumps({"version": 1, "slots": slots}).encode())


def _seal(keyring: Keyring, key: bytes) -> bytes:
    keys = keyring.keys
    body = {
        "database": keys.database.hex(),
        "wrapping": keys.wrapping.hex(),
        "marking": keys.marking.hex(),
        "older": [one.hex() for one in keys.older],
        "generation": keys.generation,
        "next_database": keyring.next_database.hex(),
    }
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, json.dumps(body).encode(), _BOUND)


def _open(slot: bytes, key: bytes) -> Keyring | None:
    try:
        content = AESGCM(key).decrypt(slot[:_NONCE_BYTES], slot[_NONCE_BYTES:], _BOUND)
    except (InvalidTag, ValueError):
        return None
    body: dict[str, Any] = json.loads(content)
    keys = VaultKeys(
        bytes.fromhex(body["database"]),
        bytes.fromhex(body["wrapping"]),
        bytes.fromhex(body["marking"]),
        tuple(map(bytes.fromhex, body["older"])),
        body["generation"],
    )
    return Keyring(keys, bytes.fromhex(body["next_database"]))
