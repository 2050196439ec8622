"""Who can open a backup: recipients and identities of age, and which keys of a site are in it.

Source: https://age-encryption.org/v1. age says nothing of who wrote a file: whoever has a
recipient's public name can write one. That a backup is of a site is told by its ledger.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import bech32
import pyrage

from appliance.errors import BadInput, KeyMismatch
from appliance.settings.credentials import find_secret, read_private

_HRP: Final = "age-secret-key-"
_LONGEST_FILE: Final = 65_536
_FINGERPRINT_HEX: Final = 32
_MAKE: Final = "Make one with `appliance backup recovery make --out FILE`, or with age-keygen."
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:/[A-Za-z0-9_][A-Za-z0-9._@-]{0,63})?")

Recipient = Any
Identity = Any


def read_recipients(names: Sequence[str]) -> list[Recipient]:
    """The recipients of these names (age1...), each once.

    Raises:
        BadInput: There is none, or a name is none.
    """
    if not names:
        raise BadInput(
            "A backup needs somebody who can open it.",
            "Give --recipient age1..., or list recipients in policies/backup.toml.",
        )
    try:
        return [pyrage.x25519.Recipient.from_str(name) for name in dict.fromkeys(names)]
    except pyrage.RecipientError:
        raise BadInput("A recipient is no public name of age (age1...).", _MAKE) from None


def read_identities(path: Path) -> list[Identity]:
    """The identities in a file as age-keygen writes it; nothing of it is quoted.

    Raises:
        BadInput: It can't be read, or holds none.
        KeyMismatch: Others can read it.
    """
    path, others = find_secret(path)
    try:
        content, open_mode = read_private(path, _LONGEST_FILE, others)
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Name an identity file."
        ) from None
    if open_mode:
        raise KeyMismatch(
            f"The identity {path.name} is readable by others (mode {open_mode}).",
            f"Run `chmod 600 {path}` and find out who could have read it.",
        )
    kept = [
        line.strip() for line in content.splitlines() if line.strip() and not line.startswith(b"#")
    ]
    try:
        found = [pyrage.x25519.Identity.from_str(line.decode("ascii")) for line in kept]
    except (pyrage.IdentityError, UnicodeDecodeError):
        found = []
    if not found:
        raise BadInput(f"{path.name} holds no identity of age.", _MAKE)
    return found


def make_identity() -> tuple[str, str]:
    """A new identity in words, and its public name."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def identity_bytes(identity: Identity) -> bytes:
    """The 32 secret bytes of an identity (BIP 173)."""
    _, data = bech32.bech32_decode(str(identity).lower())
    raw = bech32.convertbits(data or (), 5, 8, pad=False)
    assert raw, "age wrote it"
    return bytes(raw)


def identity_of(secret: bytes) -> tuple[str, str]:
    """The identity with these 32 bytes in words, and its public name."""
    words = bech32.bech32_encode(_HRP, bech32.convertbits(secret, 8, 5) or ()).upper()
    return words, str(pyrage.x25519.Identity.from_str(words).to_public())


def fingerprint(keys: Mapping[str, bytes]) -> str:
    """128 bits that stand for these keys, in hexadecimal, and reveal none of them."""
    hasher = hashlib.sha256(b"appliance keys v1")
    for name, key in sorted(keys.items()):
        hasher.update(hmac.new(key, name.encode(), hashlib.sha256).digest())
    return hasher.hexdigest()[:_FINGERPRINT_HEX]


def wrap_keys(keys: Mapping[str, bytes], recipients: Sequence[Recipient]) -> bytes:
    """The keys, by the names of their files, encrypted to the recipients once more.

    Whoever unpacks a backup by hand has no key in clear on a disk by that alone.
    """
    body = json.dumps({name: key.hex() for name, key in sorted(keys.items())})
    return bytes(pyrage.encrypt(body.encode(), list(recipients)))


def unwrap_keys(wrapped: bytes, identities: Sequence[Identity]) -> dict[str, bytes]:
    """The keys by name.

    Raises:
        KeyMismatch: None of the identities opens them, or they are damaged.
    """
    try:
        body = json.loads(pyrage.decrypt(wrapped, list(identities)))
        keys = {str(name): bytes.fromhex(key) for name, key in body.items()}
    except (pyrage.DecryptError, ValueError, AttributeError, TypeError):
        keys = {}
    # A name that leads elsewhere would be written there.
    if not keys or not all(map(_NAME.fullmatch, keys)):
        raise KeyMismatch(
            "The keys in the backup do not open.", "Take another backup; this one was altered."
        ) from None
    return keys
