"""The tree for every size: against the recursive definition of RFC 6962, and against forgery."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from appliance.ledger.tree import (
    Frontier,
    consistency_proof,
    frontier_of,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root,
    subtree_widths,
)

LEAVES = [leaf_hash(str(number).encode()) for number in range(130)]
SIZES = st.integers(1, len(LEAVES))


def _by_definition(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = max(1 << power for power in range(8) if 1 << power < len(leaves))
    left, right = _by_definition(leaves[:split]), _by_definition(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(SIZES)
def test_the_growing_root_is_that_of_the_definition(size):
    """RFC 6962, section 2.1, word for word."""
    assert root(LEAVES[:size]) == _by_definition(LEAVES[:size])


@given(SIZES, st.data())
def test_every_leaf_can_be_proved_and_no_other(size, data):
    leaves = LEAVES[:size]
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves, index)

    assert is_included(leaves[index], index, size, path, root(leaves))
    assert not is_included(leaf_hash(b"other"), index, size, path, root(leaves))
    for other in range(size):
        assert is_included(leaves[index], other, size, path, root(leaves)) == (other == index)


@given(SIZES, st.data())
def test_growth_can_be_proved_and_rewriting_can_not(size, data):
    leaves = LEAVES[:size]
    first = data.draw(st.integers(0, size))
    path = consistency_proof(leaves, first)

    assert is_consistent(first, root(leaves[:first]), size, root(leaves), path)
    if first:
        changed = data.draw(st.integers(0, first - 1))
        rewritten = [*leaves[:changed], leaf_hash(b"other"), *leaves[changed + 1 :]]
        assert not is_consistent(first, root(rewritten[:first]), size, root(leaves), path)
        assert not is_consistent(first, root(leaves[:first]), size, root(rewritten), path)


@given(SIZES, st.data())
def test_a_proof_with_one_node_changed_proves_nothing(size, data):
    leaves = LEAVES[:size]
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    for path, holds in (
        (inclusion_proof(leaves, index), _inclusion(leaves, index)),
        (consistency_proof(leaves, first), _consistency(leaves, first)),
    ):
        for position in range(len(path)):
            changed = (*path[:position], leaf_hash(b"other"), *path[position + 1 :])
            assert not holds(changed)
            assert not holds((*path[:position], *path[position + 1 :]))


@given(SIZES, st.data())
def test_a_stretch_between_its_neighbours_makes_the_root(size, data):
    """Peaks on the left, leaves, full subtrees on the right: the way an export proves itself."""
    leaves = LEAVES[:size]
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    left = frontier_of(leaves[:start])

    frontier = Frontier(left.size, left.peaks)
    for leaf in leaves[start:end]:
        frontier.append(leaf)
    for width in subtree_widths(end, size):
        frontier.append(root(leaves[frontier.size : frontier.size + width]), width)

    assert (frontier.size, frontier.root()) == (size, root(leaves))


def _inclusion(leaves, index):
    return lambda path: is_included(leaves[index], index, len(leaves), path, root(leaves))


def _consistency(leaves, first):
    return lambda path: is_consistent(first, root(leaves[:first]), len(leaves), root(leaves), path)
