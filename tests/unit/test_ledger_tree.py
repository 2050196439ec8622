"""The tree is that of RFC 6962: checked against the vectors of the reference implementation."""

import pytest

from appliance.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root,
)

# Inputs, roots and paths of certificate-transparency's merkle tree tests.
INPUTS = (
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
)
LEAVES = [leaf_hash(bytes.fromhex(digits)) for digits in INPUTS]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
# The reference counts leaves from 1.
INCLUSION = (
    (1, 1, ()),
    (1, 8, (A, B, C)),
    (6, 8, (D, E, ROOTS[3])),
    (3, 3, (ROOTS[1],)),
    (2, 5, (ROOTS[0], B, D)),
)
CONSISTENCY = ((1, 1, ()), (1, 8, (A, B, C)), (6, 8, (F, E, ROOTS[3])), (2, 5, (B, D)))


def _hex(nodes):
    return tuple(node.hex() for node in nodes)


def test_the_empty_tree_has_the_hash_of_nothing():
    assert root([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size):
    assert root(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("leaf", "size", "path"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_reference(leaf, size, path):
    proof = inclusion_proof(LEAVES[:size], leaf - 1)

    assert _hex(proof) == path
    top = bytes.fromhex(ROOTS[size - 1])
    assert is_included(LEAVES[leaf - 1], leaf - 1, size, proof, top)


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference(first, second, path):
    proof = consistency_proof(LEAVES[:second], first)

    assert _hex(proof) == path
    roots = [bytes.fromhex(ROOTS[size - 1]) for size in (first, second)]
    assert is_consistent(first, roots[0], second, roots[1], proof)


def test_a_proof_is_of_an_entry_that_there_is():
    """Asking for a leaf or a size beyond the tree is a mistake of the caller."""
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES, 8)
    with pytest.raises(IndexError):
        consistency_proof(LEAVES, 9)


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [(-1, 8, ()), (8, 8, ()), (0, 1, (LEAVES[1],)), (0, 2, ()), (0, 2, (LEAVES[1],) * 2)],
)
def test_an_inclusion_proof_of_a_wrong_shape_proves_nothing(index, size, path):
    assert not is_included(LEAVES[0], index, size, path, root(LEAVES[:size]))


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        (-1, 2, ()),
        (3, 2, ()),
        (2, 2, (LEAVES[0],)),
        (0, 2, (LEAVES[0],)),
        (3, 5, ()),
        (1, 2, ()),
        (1, 2, (LEAVES[1], LEAVES[1])),
    ],
)
def test_a_consistency_proof_of_a_wrong_shape_proves_nothing(first, second, path):
    roots = root(LEAVES[: max(first, 0)]), root(LEAVES[:second])

    assert not is_consistent(first, roots[0], second, roots[1], path)


def test_every_tree_grew_from_the_empty_one():
    assert consistency_proof(LEAVES, 0) == ()
    assert is_consistent(0, EMPTY_ROOT, 8, root(LEAVES), ())
    assert not is_consistent(0, LEAVES[0], 8, root(LEAVES), ())


def test_a_frontier_has_one_peak_for_each_full_subtree():
    """A state that can't be is refused where it is made."""
    with pytest.raises(ValueError, match="peaks"):
        Frontier(3, [b""])
