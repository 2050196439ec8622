"""Signed heads in the C2SP checkpoint format, which is a signed note.

Three lines say whose log, how many entries and which root; a signature line follows an empty
one. Sources: https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note, RFC 8032.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import LedgerBroken

_ED25519: Final = b"\x01"
_KEY_HASH_BYTES: Final = 4
_ROOT_BYTES: Final = 32
_NOTE: Final = re.compile(
    r"(?P<text>(?P<origin>[^\s+]+)\n(?P<size>0|[1-9][0-9]*)\n(?P<root>[A-Za-z0-9+/=]+)\n)"
    r"\n(?P<signatures>(?:\u2014 [^\s+]+ [A-Za-z0-9+/=]+\n)+)"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head: the log it is of, its number of entries, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The lines that are signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


class LogVerifier:
    """Checks heads of one log, knowing its public key (32 bytes)."""

    def __init__(self, public_key: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(public_key)
        self.public_key = public_key
        self.origin = f"appliance-ledger/{hashlib.sha256(public_key).hexdigest()[:16]}"
        message = self.origin.encode() + b"\n" + _ED25519 + public_key
        self._key_hash = hashlib.sha256(message).digest()[:_KEY_HASH_BYTES]

    def verifier_key(self) -> str:
        """The public key as other C2SP tools take it: name+hash+key."""
        return f"{self.origin}+{self._key_hash.hex()}+{_base64(_ED25519 + self.public_key)}"

    def open(self, note: bytes) -> Checkpoint:
        """The head in `note`, whose signature is good.

        Raises:
            LedgerBroken: Not a checkpoint, of another log, or not signed by this log's key.
        """
        try:
            match = _NOTE.fullmatch(note.decode())
            root = base64.b64decode(match["root"], validate=True) if match else b""
        except (UnicodeDecodeError, binascii.Error):
            match, root = None, b""
        if match is None or len(root) != _ROOT_BYTES:
            raise LedgerBroken("A head is not in the checkpoint format.")
        if match["origin"] != self.origin:
            raise LedgerBroken("A head is of another ledger, or signed with another key.")
        if not any(self._is_good(line, match["text"]) for line in match["signatures"].splitlines()):
            raise LedgerBroken("A head's signature is not good.")
        return Checkpoint(self.origin, int(match["size"]), root)

    def key_hash(self) -> bytes:
        """The 4 bytes by which a signature line names this key."""
        return self._key_hash

    def _is_good(self, line: str, text: str) -> bool:
        _, name, encoded = line.split(" ")
        try:
            blob = base64.b64decode(encoded, validate=True)
            if name != self.origin or blob[:_KEY_HASH_BYTES] != self._key_hash:
                return False
            self._key.verify(blob[_KEY_HASH_BYTES:], text.encode())
        except (binascii.Error, InvalidSignature):
            return False
        return True


class LogSigner:
    """Signs heads of one log with the Ed25519 key whose seed is `seed` (32 bytes)."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = LogVerifier(self._key.public_key().public_bytes_raw())

    def sign(self, size: int, root: bytes) -> bytes:
        """The signed note over that head."""
        text = Checkpoint(self.verifier.origin, size, root).text()
        blob = self.verifier.key_hash() + self._key.sign(text.encode())
        return f"{text}\n\u2014 {self.verifier.origin} {_base64(blob)}\n".encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
