"""Proofs that leave the site: one entry, growth between two heads, a stretch of entries.

Each holds all that an auditor needs beside the public key, and each is checked here the way the
auditor would, from its own content only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.errors import BadInput, LedgerBroken
from appliance.ledger import entry as entries
from appliance.ledger import files
from appliance.ledger.checkpoint import Checkpoint, open_checkpoint
from appliance.ledger.signing import Verifier, from_base64, to_base64
from appliance.ledger.tree import (
    HASH_BYTES,
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

EXPORT_FORMAT: Final = "appliance-ledger-export/1"
_PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class EntryProof:
    """That one entry stands at its index under a signed head.

    Attributes:
        index: Of the entry.
        entry: Its canonical JSON, the Merkle leaf.
        path: Hashes, 32 bytes each, lowest first.
        head: The signed head.
    """

    index: int
    entry: bytes
    path: tuple[bytes, ...]
    head: bytes

    def text(self) -> str:
        """In the C2SP tlog-proof format, to be kept beside the entry.

        Source: https://c2sp.org/tlog-proof.
        """
        path = "".join(f"{to_base64(node)}\n" for node in self.path)
        return f"{_PROOF_HEADER}\nindex {self.index}\n{path}\n{self.head.decode()}"

    def check(self, verifier: Verifier) -> Checkpoint:
        """The head that the entry stands under.

        Raises:
            LedgerBroken: The head or the path is not good.
        """
        head = open_checkpoint(self.head, verifier)
        leaf = leaf_hash(self.entry)
        if not is_included(leaf, self.index, head.size, self.path, head.root):
            raise LedgerBroken(f"The proof does not lead from entry {self.index} to the head.")
        return head


@dataclass(frozen=True, slots=True)
class Growth:
    """That the ledger only grew between two sizes.

    Attributes:
        first: Smaller size.
        second: Larger size.
        first_root: Root at `first`, 32 bytes.
        second_root: Root at `second`.
        path: Hashes of the RFC 6962 consistency proof.
    """

    first: int
    second: int
    first_root: bytes
    second_root: bytes
    path: tuple[bytes, ...]

    def is_good(self) -> bool:
        """Whether the path leads from one root to the other."""
        return is_consistent(self.first, self.first_root, self.second, self.second_root, self.path)


def read_bodies(directory: Path, size: int) -> list[bytes]:
    """The JSON of the first `size` entries.

    Raises:
        LedgerBroken: There are fewer.
    """
    bodies: list[bytes] = []
    with (
        files.locked(directory, exclusive=False),
        files.disk_errors(),
        (directory / files.ENTRIES).open("rb") as file,
    ):
        bodies += [_body(line) for _, line in zip(range(size), file, strict=False)]
    if len(bodies) < size:
        raise LedgerBroken(f"The ledger has {len(bodies)} entries, not {size}.")
    return bodies


def prove_entry(bodies: Sequence[bytes], index: int, head: bytes) -> EntryProof:
    """The proof that entry `index` stands under `head`, signed over all of `bodies`.

    Raises:
        BadInput: There is no such entry.
    """
    if not 0 <= index < len(bodies):
        raise BadInput(
            f"There is no entry {index}.", f"The ledger has entries 0 to {len(bodies) - 1}."
        )
    path = inclusion_proof([leaf_hash(body) for body in bodies], index)
    return EntryProof(index, bodies[index], path, head)


def prove_growth(bodies: Sequence[bytes], first: int) -> Growth:
    """The proof that the first `first` of `bodies` are still what they were.

    Raises:
        BadInput: There are not that many.
    """
    if not 0 <= first <= len(bodies):
        raise BadInput(
            f"The ledger never had {first} entries.", f"It has {len(bodies)}; name a smaller size."
        )
    leaves = [leaf_hash(body) for body in bodies]
    path = consistency_proof(leaves, first)
    return Growth(first, len(leaves), root(leaves[:first]), root(leaves), path)


def export(bodies: Sequence[bytes], start: int, end: int, head: bytes, key: str) -> bytes:
    """Entries `start` to `end` (exclusive) as JSON that proves itself under the signed `head`.

    The entries are the proof's own: with the peaks to their left and the subtrees to their right
    they make the root, so that none can be left out or changed.
    """
    assert 0 <= start < end <= len(bodies), "callers check the stretch"
    leaves = [leaf_hash(body) for body in bodies]
    right, position = [], end
    for width in subtree_widths(end, len(leaves)):
        right.append(root(leaves[position : position + width]))
        position += width
    document = {
        "format": EXPORT_FORMAT,
        "verifier_key": key,
        "head": head.decode(),
        "start": start,
        "left": [to_base64(peak) for peak in frontier_of(leaves[:start]).peaks],
        "right": [to_base64(node) for node in right],
        "entries": [body.decode() for body in bodies[start:end]],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def check_export(content: bytes, verifier: Verifier) -> tuple[Checkpoint, tuple[bytes, ...]]:
    """The head and the entries' JSON of an export that proves itself.

    Raises:
        LedgerBroken: Not an export, or its entries do not make the signed root.
    """
    try:
        document = json.loads(content)
        head = open_checkpoint(document["head"].encode(), verifier)
        bodies = tuple(body.encode() for body in document["entries"])
        made = _grow(document, bodies, head.size)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LedgerBroken("The file is not a ledger export.") from None
    if made.size != head.size or made.root() != head.root:
        raise LedgerBroken("The export's entries do not make the root of its head.")
    return head, bodies


def _grow(document: Mapping[str, Any], bodies: Sequence[bytes], size: int) -> Frontier:
    frontier = Frontier(document["start"], _nodes(document["left"]))
    for body in bodies:
        frontier.append(leaf_hash(body))
    widths = subtree_widths(frontier.size, size)
    for node, width in zip(_nodes(document["right"]), widths, strict=True):
        frontier.append(node, width)
    return frontier


def _nodes(encoded: Sequence[str]) -> list[bytes]:
    nodes = [from_base64(node) for node in encoded]
    # Nodes of another length would let two trees share a root.
    if any(len(node) != HASH_BYTES for node in nodes):
        raise ValueError("a node is not 32 bytes")
    return nodes


def _body(line: bytes) -> bytes:
    return line[entries.TAG_DIGITS + 1 :].removesuffix(b"\n")
