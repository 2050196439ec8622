"""What a stamped request carries to the gateway, beside its body."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

HEADER: Final = "x-appliance-clearance"
# On a UNIX socket the kernel says who calls; clients that insist on a key send this word.
NO_KEY: Final = "appliance"
_FIELDS: Final = ("draft", "policy", "expires", "nonce", "stamp", "seal")


@dataclass(frozen=True, slots=True)
class Passport:
    """The gate's stamp on a prompt, and the seal that ties it to the one body that carries it.

    Attributes:
        draft_id: The draft that was stamped.
        policy_digest: Policies under which it passed.
        expires_at: Aware, UTC.
        nonce: A stamp is good for one sending.
        stamp: The gate's signature over all of the above and the prompt.
        seal: HMAC-SHA-256 over nonce and body, under the key of `derive_seal_key`.
    """

    draft_id: str
    policy_digest: str
    expires_at: datetime
    nonce: str
    stamp: bytes = field(repr=False)
    seal: bytes = field(repr=False)

    def encode(self) -> str:
        """The value of the header."""
        values = (
            self.draft_id,
            self.policy_digest,
            self.expires_at.isoformat(),
            self.nonce,
            self.stamp.hex(),
            self.seal.hex(),
        )
        packed = json.dumps(dict(zip(_FIELDS, values, strict=True)), separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode()

    @classmethod
    def decode(cls, header: str) -> Self:
        """The passport in a header.

        Raises:
            ValueError: It is none; says nothing of what it held.
        """
        try:
            raw = json.loads(base64.b64decode(header.encode(), altchars=b"-_", validate=True))
            draft, policy, expires, nonce, stamp, seal = (str(raw[name]) for name in _FIELDS)
            expires_at = datetime.fromisoformat(expires)
            passport = cls(
                draft, policy, expires_at, nonce, bytes.fromhex(stamp), bytes.fromhex(seal)
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ValueError("not a clearance") from None
        # One form only: nothing more in it, and a time with its zone.
        if expires_at.tzinfo is None or passport.encode() != header:
            raise ValueError("not a clearance")
        return passport


def derive_seal_key(key: bytes) -> bytes:
    """The key that ties stamps to bodies, apart from the signing key of the same secret."""
    return hmac.digest(key, b"appliance gateway: body seal", "sha256")


def seal_body(seal_key: bytes, nonce: str, body: bytes) -> bytes:
    """The seal of that body under that stamp's nonce."""
    return hmac.digest(seal_key, nonce.encode() + hashlib.sha256(body).digest(), "sha256")
