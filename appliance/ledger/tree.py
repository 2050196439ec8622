"""The Merkle tree of RFC 6962, section 2.1, of which RFC 9162 keeps the hashes.

Pure: takes and returns bytes. Hashes are SHA-256, 32 bytes; leaves are given by their hashes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

HASH_BYTES: Final = 32
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
        if size < 0 or size.bit_count() != len(peaks):
            message = f"a tree of {size} leaves does not have {len(peaks)} peaks"
            raise ValueError(message)
        self.size = size
        self.peaks = list(peaks)

    def append(self, node: bytes, width: int = 1) -> None:
        """The tree holds `width` more leaves, whose subtree has the root `node`.

        Args:
            node: A leaf's hash, or the root of a full subtree.
            width: A power of two that divides `size`.
        """
        assert self.size % width == 0, "a subtree begins at a multiple of its width"
        level = self.size // width
        while level & 1:
            node = node_hash(self.peaks.pop(), node)
            level >>= 1
        self.peaks.append(node)
        self.size += width

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node

    def copy(self) -> "Frontier":
        """An independent copy."""
        return Frontier(self.size, self.peaks)


def frontier_of(leaves: Iterable[bytes]) -> Frontier:
    """The frontier of the tree over `leaves`."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over `leaves`, in order."""
    return frontier_of(leaves).root()


def subtree_widths(start: int, end: int) -> tuple[int, ...]:
    """Widths of the full subtrees that cover leaves `start` to `end`, left to right."""
    widths = []
    while start < end:
        aligned = start & -start or 1 << (end - start).bit_length()
        while aligned > end - start:
            aligned >>= 1
        widths.append(aligned)
        start += aligned
    return tuple(widths)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index`, lowest first. Source: RFC 6962, section 2.1.1."""
    path, start, end = [], 0, len(leaves)
    if not start <= index < end:
        message = f"there is no leaf {index} in a tree of {end}"
        raise IndexError(message)
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root(leaves[middle:end]))
            end = middle
        else:
            path.append(root(leaves[start:middle]))
            start = middle
    return tuple(reversed(path))


def consistency_proof(leaves: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """The proof that the first `first` leaves' tree is a prefix. Source: RFC 6962, 2.1.2."""
    path, start, end = [], 0, len(leaves)
    if not 0 <= first <= end:
        message = f"a tree of {first} leaves is no prefix of one of {end}"
        raise IndexError(message)
    if first in {0, end}:
        return ()
    # Leaves before `start` are a full subtree that the proof has covered already.
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(root(leaves[middle:end]))
            end = middle
        else:
            path.append(root(leaves[start:middle]))
            start = middle
    if start:
        path.append(root(leaves[start:end]))
    return tuple(reversed(path))


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], top: bytes) -> bool:
    """Whether `path` proves that `leaf` stands at `index` under the root `top` of `size` leaves.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    node, position, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node == top


def is_consistent(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` proves that the second tree only added leaves to the first.

    Source: RFC 9162, section 2.1.4.2; the empty tree, which it leaves out, is a prefix of all.
    """
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    # A first tree that is full is its own first node.
    nodes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not nodes:
        return False
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, node)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(width: int) -> int:
    """The largest power of two below `width`, which is at least 2."""
    return 1 << (width - 1).bit_length() - 1
