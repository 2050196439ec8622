"""The stamp: the gate's signed leave to send one prompt, once, by one route, for a short time.

The sender checks it again with the gate's own key, so that a prompt that was changed, kept too
long, sent twice or never inspected does not go out. Needs no detector and no Presidio.

Each route has a door of its own that remembers the stamps it has taken, and they need not share
that memory: a stamp for one route is worth nothing at the door of another.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import ClearanceInvalid
from appliance.gate.spending import SpentStamps
from appliance.records.clock import Clock
from appliance.records.events import Fact
from appliance.records.identifiers import Digest
from appliance.records.prompts import Draft, Route

_DOMAIN: Final = b"appliance clearance v2"
_NONCE_BYTES: Final = 16
# A stamp from the future means that a clock jumped; a minute of drift is ordinary.
_DRIFT: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClearedPrompt:
    """A draft that the gate has let pass.

    Attributes:
        draft: The draft, unchanged.
        route: The only one that it may take.
        policy_digest: Policies under which it passed.
        expires_at: From then on the stamp is worth nothing; aware, UTC.
        nonce: 32 hex digits; a stamp is good for one sending.
        stamp: Ed25519 signature over all of the above, 64 bytes (RFC 8032).
    """

    draft: Draft
    route: Route
    policy_digest: Digest
    expires_at: datetime
    nonce: str
    stamp: bytes = field(repr=False)


class Stamper:
    """Stamps drafts; only the gate holds one.

    Args:
        seed: 32 bytes, the Ed25519 private key.
        clock: The time.
        policy_digest: Policies in force.
        life: How long a stamp is good.
    """

    def __init__(self, seed: bytes, clock: Clock, policy_digest: Digest, life: timedelta) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._clock = clock
        self._policy_digest = policy_digest
        self._life = life

    def stamp(self, draft: Draft, route: Route) -> ClearedPrompt:
        """The draft with a fresh stamp for that route."""
        expires_at = self._clock.now() + self._life
        nonce = secrets.token_hex(_NONCE_BYTES)
        message = _message(draft, route, self._policy_digest, expires_at, nonce)
        stamp = self._key.sign(message)
        return ClearedPrompt(draft, route, self._policy_digest, expires_at, nonce, stamp)


class ClearanceChecker:
    """Checks stamps where prompts are sent; each is good once.

    Args:
        seed: 32 bytes, the Ed25519 private key; only its public half is kept.
        clock: The time.
        policy_digest: Policies in force now.
        life: The longest life a stamp can have.
        route: Stamps for another one are refused.
        spent: Remembers the stamps that were used on this route.
    """

    def __init__(
        self,
        seed: bytes,
        clock: Clock,
        policy_digest: Digest,
        life: timedelta,
        route: Route,
        spent: SpentStamps,
    ) -> None:
        self._key = public_key_of(seed)
        self._clock = clock
        self._policy_digest = policy_digest
        self._life = life
        self._route = route
        self._spent = spent

    def check(self, cleared: ClearedPrompt) -> None:
        """The stamp is genuine, in time, for this route, policy and prompt, and now spent.

        Raises:
            ClearanceInvalid: It is not; the sentence says which.
        """
        [complaint] = self.check_many([cleared])
        if complaint is not None:
            raise complaint

    def check_many(self, many: Sequence[ClearedPrompt]) -> list[ClearanceInvalid | None]:
        """For each, in order, what `check` would raise; the good ones are spent with one sync.

        Raises:
            ClearanceInvalid: Whether they were used can't be told; none may be sent.
        """
        now = self._clock.now()
        complaints = [self._find_fault(cleared, now) for cleared in many]
        good = [at for at, complaint in enumerate(complaints) if complaint is None]
        stamps = [(many[at].nonce, many[at].expires_at) for at in good]
        were_unused = self._spent.spend_many(stamps, now) if stamps else []
        for at, was_unused in zip(good, were_unused, strict=True):
            if not was_unused:
                complaints[at] = _invalid(many[at], "was used before")
        return complaints

    def _find_fault(self, cleared: ClearedPrompt, now: datetime) -> ClearanceInvalid | None:
        message = _message(
            cleared.draft, cleared.route, cleared.policy_digest, cleared.expires_at, cleared.nonce
        )
        try:
            self._key.verify(cleared.stamp, message)
        except (InvalidSignature, TypeError, ValueError):
            return _invalid(cleared, "is not the gate's for this prompt")
        if cleared.route is not self._route:
            return _invalid(cleared, "is for another route")
        if cleared.policy_digest != self._policy_digest:
            return _invalid(cleared, "was given under other policies")
        if now >= cleared.expires_at:
            return _invalid(cleared, "has expired")
        if cleared.expires_at - now > self._life + _DRIFT:
            return _invalid(cleared, "comes from the future")
        return None


def sending_facts(cleared: ClearedPrompt) -> dict[str, Fact]:
    """Facts of the event that a prompt is about to be sent: all that its stamp was given over.

    The prompt is invented, so its plain digest tells nothing; with it an auditor can check the
    stamp again when the prompt itself is gone. The stamp is spent by then, or soon worth nothing.
    """
    return {
        "draft": cleared.draft.draft_id,
        "prompt": _digest_of(cleared.draft.prompt).hex(),
        "route": cleared.route.value,
        "expires": cleared.expires_at.isoformat(),
        "nonce": cleared.nonce,
        "stamp": cleared.stamp.hex(),
    }


def is_stamped(facts: Mapping[str, Fact], policy_digest: str, public_key: Ed25519PublicKey) -> bool:
    """Whether those facts, of an event under that policy, bear the gate's good stamp.

    Args:
        facts: Of `sending_facts`.
        policy_digest: In force when the event was written.
        public_key: Of the site's stamps.
    """
    try:
        signed = (
            str(facts["draft"]).encode(),
            str(facts["route"]).encode(),
            policy_digest.encode(),
            bytes.fromhex(str(facts["prompt"])),
            str(facts["expires"]).encode(),
            str(facts["nonce"]).encode(),
        )
        public_key.verify(bytes.fromhex(str(facts["stamp"])), _join(signed))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


def public_key_of(seed: bytes) -> Ed25519PublicKey:
    """What checks the stamps made with that seed (32 bytes) and can make none."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key()


def _message(
    draft: Draft, route: Route, policy_digest: Digest, expires_at: datetime, nonce: str
) -> bytes:
    return _join(
        (
            draft.draft_id.encode(),
            route.encode(),
            policy_digest.encode(),
            _digest_of(draft.prompt),
            expires_at.isoformat().encode(),
            nonce.encode(),
        )
    )


def _digest_of(prompt: str) -> bytes:
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()


def _join(parts: Sequence[bytes]) -> bytes:
    """What is signed: each part with its length before it, so that none can run into the next."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (_DOMAIN, *parts))


def _invalid(cleared: ClearedPrompt, complaint: str) -> ClearanceInvalid:
    return ClearanceInvalid(
        f"The stamp of draft {cleared.draft.draft_id} {complaint}.",
        "Let the gate inspect the draft again.",
    )
