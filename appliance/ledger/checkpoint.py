"""Signed heads in the C2SP checkpoint format: whose ledger, how many entries, which root.

Source: https://c2sp.org/tlog-checkpoint.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from appliance.errors import LedgerBroken
from appliance.ledger.signing import Signer, Verifier, from_base64, public_key_of, to_base64

_ROOT_BYTES: Final = 32
_TEXT: Final = re.compile(
    r"(?P<origin>[^\s+]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/=]{44})\n(?:.+\n)*"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head: the ledger it is of, its number of entries, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The lines that are signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    def signed(self, signer: Signer) -> bytes:
        """The signed head."""
        return signer.sign(self.text())


def signer_of(seed: bytes) -> Signer:
    """The signer of the ledger whose key has that seed; the ledger is named after the key."""
    name = f"appliance-ledger/{hashlib.sha256(public_key_of(seed)).hexdigest()[:16]}"
    return Signer(name, seed)


def open_checkpoint(signed: bytes, verifier: Verifier) -> Checkpoint:
    """The head in `signed`, of the verifier's ledger and with its good signature.

    Raises:
        LedgerBroken: Not a checkpoint, of another ledger, or not signed by this ledger's key.
    """
    match = _TEXT.fullmatch(verifier.open(signed))
    try:
        root = from_base64(match["root"]) if match else b""
    except ValueError:
        root = b""
    if match is None or len(root) != _ROOT_BYTES:
        raise LedgerBroken("A head is not in the checkpoint format.")
    if match["origin"] != verifier.name:
        raise LedgerBroken("A head is of another ledger.")
    return Checkpoint(match["origin"], int(match["size"]), root)


def origin_of(signed: bytes) -> str | None:
    """The ledger that a signed head says it is of, on its word; None where it is no head."""
    try:
        text, parted, _ = signed.decode().partition("\n\n")
    except UnicodeDecodeError:
        return None
    match = _TEXT.fullmatch(f"{text}\n") if parted else None
    return match["origin"] if match else None
