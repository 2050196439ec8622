"""The Merkle tree of RFC 6962, section 2.1: leaf and node hashes, and the root of a growing list.

Pure: takes and returns bytes. Hashes are SHA-256, 32 bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry. Source: RFC 6962, section 2.1."""
    return hashlib.sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node. Source: RFC 6962, section 2.1."""
    return hashlib.sha256(_NODE + left + right).digest()


class Frontier:
    """All that is needed of a tree to append to it: the roots of its full subtrees.

    Attributes:
        size: Number of leaves.
        peaks: Roots of the full subtrees, widest first; one per set bit of `size`.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(peaks):
            message = f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(peaks)}"
            raise ValueError(message)
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> None:
        """The tree holds one more leaf, given by its hash."""
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        return _bag(self.peaks)

    def copy(self) -> "Frontier":
        """An independent copy."""
        return Frontier(self.size, self.peaks)


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over `leaves`, given by their hashes, in order."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def _bag(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = node_hash(peak, node)
    return node
