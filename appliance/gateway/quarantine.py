"""Replies in which the gate found an identifier: sealed, for whoever looks into the incident."""

import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.artifacts.writing import write_atomically
from appliance.errors import BadInput, KeyMismatch

_NONCE_BYTES: Final = 12


class Quarantine:
    """Sealed replies, one file each.

    Args:
        directory: Where they lie; made where it is missing, 0700.
        key: 32 bytes.
    """

    def __init__(self, directory: Path, key: bytes) -> None:
        self._directory = directory
        self._cipher = AESGCM(hmac.digest(key, b"appliance gateway: quarantine", "sha256"))

    def seal(self, request_id: str, reply: bytes) -> None:
        """The reply is on disk, readable only with the key, bound to its request."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, reply, request_id.encode())
        write_atomically(self._directory / request_id, nonce + sealed)

    def read_identified(self, request_id: str) -> bytes:
        """The reply, which holds what the gate took for an identifier.

        Raises:
            BadInput: There is none of that request.
            KeyMismatch: The key does not open it, or it is another request's.
        """
        try:
            content = (self._directory / request_id).read_bytes()
        except OSError:
            raise BadInput(
                "No reply of that request is in quarantine.",
                "Its id stands in the ledger's event egress.incident.",
            ) from None
        try:
            return self._cipher.decrypt(
                content[:_NONCE_BYTES], content[_NONCE_BYTES:], request_id.encode()
            )
        except InvalidTag:
            raise KeyMismatch(
                "The key does not open this reply.", "Restore the site's keys from their backup."
            ) from None
