"""What a detector found in a text before, by digest; no text, and no more than fits."""

import hashlib
import secrets
import threading
from typing import Final

from appliance.records.verdicts import Hit

Hits = tuple[Hit, ...]

_DIGEST_BYTES: Final = 16


class Memory:
    """Hits by digest of the text they were found in.

    It lives no longer than its gate, which has one policy and one patient index: under others
    nothing is remembered. The digests are keyed with randomness of this process.

    Args:
        capacity: Texts it holds; the oldest goes first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, Hits] = {}
        self._turn = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def digest(self, text: str) -> bytes:
        """What `find` and `keep` know the text by."""
        content = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=_DIGEST_BYTES, key=self._key).digest()

    def find(self, digest: bytes) -> Hits | None:
        """The hits of that text, or None where it was never read."""
        return self._known.get(digest)

    def keep(self, digest: bytes, hits: Hits) -> None:
        """From now on these are the hits of that text."""
        with self._turn:
            self._known[digest] = hits
            while len(self._known) > self._capacity:
                del self._known[next(iter(self._known))]
