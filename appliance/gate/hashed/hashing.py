"""Hashes under the site's key: without it nothing can be read from them or tried against them.

A word is hashed with keyed BLAKE2b; a pair of words with SipHash-2-4 over the words' hashes, which
numpy computes for millions at a time.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

# Words of the prompts and names of a registry come again and again.
_REMEMBERED: Final = 1 << 18
_BLOCK: Final = 1 << 14
_LENGTH_OF_PAIR: Final = np.uint64(16 << 56)


class Hasher:
    """The hashes of one site.

    Args:
        key: 32 bytes.
        use: What they are for; hashes for different uses have nothing to do with each other.
        remembered: How many words are remembered; each takes some 200 bytes.
    """

    def __init__(self, key: bytes, use: bytes, remembered: int = _REMEMBERED) -> None:
        words = hashlib.blake2b(b"words", digest_size=32, key=key, person=use).digest()
        pairs = hashlib.blake2b(b"pairs", digest_size=16, key=key, person=use).digest()
        self._base = hashlib.blake2b(digest_size=8, key=words)
        self._pair_key = (int.from_bytes(pairs[:8], "big"), int.from_bytes(pairs[8:], "big"))
        self.word = lru_cache(remembered)(self.once)

    def once(self, tagged: str) -> int:
        """The hash of a word that seldom comes again, such as a number."""
        hasher = self._base.copy()
        hasher.update(tagged.encode("utf-8", "surrogatepass"))
        return int.from_bytes(hasher.digest(), "big")

    def many(self, tagged: Iterable[str]) -> Hashes:
        """The hashes of words that seldom come again, in order."""
        copy = self._base.copy
        digests = []
        for one in tagged:
            hasher = copy()
            hasher.update(one.encode("utf-8", "surrogatepass"))
            digests.append(hasher.digest())
        return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)

    def pairs(self, first: Hashes, second: Hashes) -> Hashes:
        """The hashes of pairs of word hashes, order kept.

        Source: SipHash-2-4, Aumasson and Bernstein 2012.
        """
        # What is worked on stays in the processor's cache.
        cuts = range(_BLOCK, len(first), _BLOCK)
        blocks = zip(np.split(first, cuts), np.split(second, cuts), strict=True)
        return np.concatenate([self._pairs(*block) for block in blocks])

    def _pairs(self, first: Hashes, second: Hashes) -> Hashes:
        k0, k1 = (np.uint64(half) for half in self._pair_key)
        v0 = np.full(len(first), k0 ^ np.uint64(0x736F6D6570736575))
        v1 = np.full(len(first), k1 ^ np.uint64(0x646F72616E646F6D))
        v2 = np.full(len(first), k0 ^ np.uint64(0x6C7967656E657261))
        v3 = np.full(len(first), k1 ^ np.uint64(0x7465646279746573))
        for block in (first, second, np.full(len(first), _LENGTH_OF_PAIR)):
            v3 ^= block
            _rounds(v0, v1, v2, v3, 2)
            v0 ^= block
        v2 ^= np.uint64(0xFF)
        _rounds(v0, v1, v2, v3, 4)
        return v0 ^ v1 ^ v2 ^ v3


def to_hashes(values: "list[int]") -> Hashes:
    """The values as an array."""
    return np.array(values, np.uint64)


def _rounds(v0: Hashes, v1: Hashes, v2: Hashes, v3: Hashes, count: int) -> None:
    """SipRounds, in place."""
    for _ in range(count):
        v0 += v1
        v2 += v3
        _turn(v1, 13)
        _turn(v3, 16)
        v1 ^= v0
        v3 ^= v2
        _turn(v0, 32)
        v2 += v1
        v0 += v3
        _turn(v1, 17)
        _turn(v3, 21)
        v1 ^= v2
        v3 ^= v0
        _turn(v2, 32)


def _turn(values: Hashes, by: int) -> None:
    high = values >> np.uint64(64 - by)
    values <<= np.uint64(by)
    values |= high
