"""Who is signed in: tokens that are good once and soon expire, and the sessions they begin.

Everything is in this process's memory. Tokens and cookies are kept as hashes only.
"""

import hashlib
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.errors import Forbidden
from appliance.records.access import Identity
from appliance.records.identifiers import ExampleId

TOKEN_S: Final = 120.0
"""For how long a token is good."""
IDLE_S: Final = 15 * 60.0
"""After how long without a request a session ends."""
LONGEST_S: Final = 8 * 3600.0
"""When it ends in any case."""
FAILURES: Final = 10
"""Refusals in a row of `WINDOW_S` seconds after which no more of them are looked into."""
WINDOW_S: Final = 60.0
_PENDING: Final = 5
_BYTES: Final = 32


@dataclass(slots=True)
class Session:
    """Somebody who is signed in.

    Attributes:
        who: As the operating system knows them.
        csrf: What every form of theirs holds.
        decisions: Digest of a corpus to what was decided of its examples, until it is taken over.
    """

    who: Identity
    csrf: str
    began: float
    seen: float
    decisions: dict[str, dict[ExampleId, bool]] = field(default_factory=dict)


class TooMany(Exception):
    """Too many refusals of late: the next has to wait."""


class Sessions:
    """Tokens and sessions of one server; threads may share it.

    Args:
        now: Seconds that never go back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._turn = threading.Lock()
        self._tokens: dict[bytes, tuple[Identity, float]] = {}
        self._sessions: dict[bytes, Session] = {}
        self._failures: deque[float] = deque(maxlen=FAILURES)

    def issue(self, who: Identity) -> str:
        """A token of that person's; the oldest of theirs goes where there are too many."""
        token = secrets.token_urlsafe(_BYTES)
        with self._turn:
            self._forget()
            own = [key for key, (holder, _) in self._tokens.items() if holder.uid == who.uid]
            for key in own[: max(0, len(own) + 1 - _PENDING)]:
                del self._tokens[key]
            self._tokens[_hash(token)] = who, self._now() + TOKEN_S
        return token

    def begin(self, token: str) -> tuple[str, Session]:
        """The cookie of a new session, and the session; the token is spent.

        Raises:
            TooMany: It is wrong, as too many were of late.
            Forbidden: It is wrong, spent or too old.
        """
        with self._turn:
            self._forget()
            # A good one first: who guesses must not keep others out.
            found = self._tokens.pop(_hash(token), None)
            if found is None:
                if is_too_many(self._failures, self._now()):
                    raise TooMany
                self._failures.append(self._now())
                raise Forbidden(
                    "That token is wrong, was used before or is too old.",
                    "Get another one with `appliance console token`.",
                )
            cookie = secrets.token_urlsafe(_BYTES)
            now = self._now()
            session = Session(found[0], secrets.token_urlsafe(_BYTES), now, now)
            self._sessions[_hash(cookie)] = session
            return cookie, session

    def find(self, cookie: str, *, is_person: bool = True) -> Session | None:
        """The session of that cookie; None where there is none any more.

        Args:
            cookie: Its value.
            is_person: Whether a person asks, which keeps it alive, or a page by itself.
        """
        with self._turn:
            self._forget()
            session = self._sessions.get(_hash(cookie))
            if session is not None and is_person:
                session.seen = self._now()
            return session

    def end(self, cookie: str) -> None:
        """The cookie opens nothing any more."""
        with self._turn:
            self._sessions.pop(_hash(cookie), None)

    def _forget(self) -> None:
        now = self._now()
        self._tokens = {key: one for key, one in self._tokens.items() if one[1] > now}
        self._sessions = {
            key: one
            for key, one in self._sessions.items()
            if now - one.seen < IDLE_S and now - one.began < LONGEST_S
        }


def is_too_many(moments: deque[float], now: float) -> bool:
    """Whether `FAILURES` of them are no older than `WINDOW_S`."""
    return len(moments) == FAILURES and now - moments[0] < WINDOW_S


def _hash(secret: str) -> bytes:
    # Looked up by its hash: how long that takes says nothing of the secret.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
