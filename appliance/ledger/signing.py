"""Signed texts in the C2SP signed-note format, with Ed25519 (RFC 8032).

A text of whole lines, an empty line, then one line for every signature: an em dash, the key's
name, and base64 of 4 bytes that name the key and 64 bytes of signature.
Source: https://c2sp.org/signed-note.
"""

import base64
import hashlib
import re
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import LedgerBroken

_ALGORITHM: Final = b"\x01"
_KEY_HASH_BYTES: Final = 4
MAX_BYTES: Final = 1 << 16
_SIGNATURE: Final = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/=]+)")


class Verifier:
    """Opens signed texts of one key, known by its name and its 32 public bytes."""

    def __init__(self, name: str, public_key: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(public_key)
        self.name = name
        self.public_key = public_key
        identity = name.encode() + b"\n" + _ALGORITHM + public_key
        self.key_hash = hashlib.sha256(identity).digest()[:_KEY_HASH_BYTES]

    @classmethod
    def from_key(cls, verifier_key: str) -> "Verifier":
        """The verifier written as name+hash+key.

        Raises:
            LedgerBroken: Not in that form, or the hash is not that of name and key.
        """
        try:
            name, digits, encoded = verifier_key.split("+", 2)
            content = from_base64(encoded)
            verifier = cls(name, content[1:])
        except ValueError:
            raise LedgerBroken("A verifier key is not in the form name+hash+key.") from None
        if content[:1] != _ALGORITHM or digits != verifier.key_hash.hex():
            raise LedgerBroken("A verifier key's hash is not that of its name and key.")
        return verifier

    def verifier_key(self) -> str:
        """Name+hash+key, as other tools of the format take it."""
        return f"{self.name}+{self.key_hash.hex()}+{to_base64(_ALGORITHM + self.public_key)}"

    def open(self, signed: bytes) -> str:
        """The text, which this key signed; signatures of keys unknown here are passed over.

        Raises:
            LedgerBroken: Not in the format, or this key's signature is missing or not good.
        """
        text, lines = _split(signed)
        good = False
        for line in lines:
            match = _SIGNATURE.fullmatch(line)
            if match is None:
                raise LedgerBroken("A signed text has a line that is no signature.")
            blob = _signature(match["blob"])
            if match["name"] == self.name and blob[:_KEY_HASH_BYTES] == self.key_hash:
                self._check(blob[_KEY_HASH_BYTES:], text)
                good = True
        if not good:
            raise LedgerBroken("A signed text bears no signature of this ledger's key.")
        return text

    def _check(self, signature: bytes, text: str) -> None:
        try:
            self._key.verify(signature, text.encode())
        except InvalidSignature:
            raise LedgerBroken("A signature is not good: the text was altered.") from None


class Signer:
    """Signs texts with the Ed25519 key whose seed is `seed` (32 bytes)."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """`text`, which ends with a newline, and its signature."""
        assert text.endswith("\n")
        blob = self.verifier.key_hash + self._key.sign(text.encode())
        return f"{text}\n\u2014 {self.verifier.name} {to_base64(blob)}\n".encode()


def public_key_of(seed: bytes) -> bytes:
    """The 32 public bytes of the key whose seed is `seed`."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def to_base64(content: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(content).decode()


def from_base64(encoded: str) -> bytes:
    """What `to_base64` was given; no second spelling of it is accepted.

    Raises:
        ValueError: Not standard base64, or not the way `to_base64` writes it.
    """
    content = base64.b64decode(encoded, validate=True)
    if to_base64(content) != encoded:
        raise ValueError("base64 with stray bits or padding")
    return content


def _signature(encoded: str) -> bytes:
    try:
        return from_base64(encoded)
    except ValueError:
        raise LedgerBroken("A signature line is not in base64.") from None


def _split(signed: bytes) -> tuple[str, list[str]]:
    try:
        whole = signed.decode()
    except UnicodeDecodeError:
        whole = ""
    # The last empty line parts them: the text itself may hold empty ones.
    text, parted, signatures = whole.rpartition("\n\n")
    if not parted or not signatures.endswith("\n") or len(signed) > MAX_BYTES:
        raise LedgerBroken("A signed text is not in the signed-note format.")
    return f"{text}\n", signatures[:-1].split("\n")
