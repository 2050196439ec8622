"""Verify an appliance's ledger without the appliance: reads files, writes none, opens no socket.

    verify_ledger.py KEY entries LEDGER_DIRECTORY [WITNESSED_HEAD ...]
    verify_ledger.py KEY export FILE                      of `appliance ledger export`
    verify_ledger.py KEY proof ENTRY_FILE PROOF_FILE      of `appliance ledger prove`
    verify_ledger.py KEY growth FILE OLD_HEAD NEW_HEAD    of `ledger consistency --json`
    verify_ledger.py KEY note FILE                        any text signed by KEY

KEY is NAME+HASH+KEY, got by another way than the files. Ends with 0 for good, 8 for not, 2 for a
wrong call. Needs Python 3.10 and `cryptography`. Sources: RFC 9162 2.1, c2sp.org/signed-note,
/tlog-checkpoint, /tlog-proof. Tags before the entries need the site's key and are not looked at.
"""

import base64
import hashlib
import json
import sys
from functools import partial
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TAG, SLOT = 33, 512  # Bytes of an entry's tag with its space, and of a slot of the head.
plain = partial(base64.b64decode, validate=True)


class Bad(Exception): ...


def leaf(body, prefix=b"\x00"):
    return hashlib.sha256(prefix + body).digest()


def node(left, right):
    return leaf(left + right, b"\x01")


def add(peaks, top, width=1):
    """A full subtree of that width stands right of those before."""
    while peaks and peaks[-1][0] == width:
        top, width = node(peaks.pop()[1], top), width * 2
    peaks.append((width, top))


def root_of(peaks):
    top = peaks[-1][1] if peaks else hashlib.sha256().digest()
    for _, left in reversed(peaks[:-1]):
        top = node(left, top)
    return top


def read_key(text):
    name, digits, encoded = text.split("+", 2)
    content = plain(encoded)
    key_hash = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    if content[:1] != b"\x01" or len(content) != 33 or digits != key_hash.hex():
        raise Bad("that is no Ed25519 verifier key")
    return name, key_hash, Ed25519PublicKey.from_public_bytes(content[1:])


def verify_note(key, signed):
    """The text of a signed note, or of a file with one, that bears the key's good signature."""
    name, key_hash, public = key
    signed = signed if isinstance(signed, bytes) else Path(signed).read_bytes()
    text, parted, lines = signed.decode().rpartition("\n\n")
    for line in lines.splitlines() if parted else []:
        who, _, blob = line.removeprefix("\u2014 ").partition(" ")
        if who == name and plain(blob)[:4] == key_hash:
            public.verify(plain(blob)[4:], (text + "\n").encode())
            return text + "\n"
    raise Bad("it bears no signature of that key")


def open_head(signed, key):
    lines = verify_note(key, signed).split("\n")
    if lines[0] != key[0]:
        raise Bad("the head is of another ledger")
    return int(lines[1]), plain(lines[2])


def verify_entries(key, directory, *witnesses):
    """Entries, the two head slots, and heads that were kept elsewhere, all agree."""
    slots, heads = (Path(directory) / "head").read_bytes(), {}
    for at in (0, SLOT):
        try:
            heads[f"head slot {at // SLOT}"] = open_head(slots[at : at + SLOT].rstrip(b"\0"), key)
        except (Bad, InvalidSignature, ValueError, IndexError):
            continue  # A power cut may spoil one of the two.
    if not heads:
        raise Bad("neither slot holds a good head")
    heads.update({name: open_head(Path(name).read_bytes(), key) for name in witnesses})
    peaks, count, roots = [], 0, {0: root_of([])}
    with (Path(directory) / "entries.log").open("rb") as file:
        # An incomplete last line was torn by a crash: nobody was told that it is there.
        for line in (line for line in file if line.endswith(b"\n")):
            if json.loads(line[TAG:]).get("index") != count:
                raise Bad(f"line {count} is not entry {count}")
            add(peaks, leaf(line[TAG:-1]))
            count += 1
            if any(count == size for size, _ in heads.values()):
                roots[count] = root_of(peaks)
    for name, (size, root) in heads.items():
        if size not in roots:
            raise Bad(f"{name} has {size} entries, there are {count}: cut or rolled back")
        if roots[size] != root:
            raise Bad(f"the first {size} entries are not those of {name}: altered or forked")
    (size, top), late, n = max(heads.values()), count - max(heads.values())[0], len(heads)
    return f"{size} entries under {n} heads, root {top.hex()}; {late} after them unsigned"


def verify_export(key, path):
    """The entries of an export stand where they say under its head."""
    document = json.loads(Path(path).read_bytes())
    size, root = open_head(document["head"].encode(), key)
    at = start = document["start"]
    widths = [1 << bit for bit in reversed(range(start.bit_length())) if start >> bit & 1]
    peaks = list(zip(widths, map(plain, document["left"]), strict=True))
    for entry in document["entries"]:
        if json.loads(entry)["index"] != at:
            raise Bad(f"entry {at} is another one")
        add(peaks, leaf(entry.encode()))
        at += 1
    for top in document["right"]:
        width = min(widest := 1 << (size - at).bit_length() - 1, at & -at or widest)
        add(peaks, plain(top), width)
        at += width
    if at != size or root_of(peaks) != root:
        raise Bad("the entries do not make the root of the head")
    return f"entries {start} to {start + len(document['entries']) - 1} of {size}, root {root.hex()}"


def climb(at, last, path):
    """Each hash of a proof, and whether it stands to the left (RFC 9162, 2.1.3.2 and 2.1.4.2)."""
    for other in path:
        if last == 0:
            raise Bad("the proof is too long")
        is_left = bool(at & 1) or at == last
        yield other, is_left
        while is_left and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    if last:
        raise Bad("the proof is too short")


def verify_proof(key, entry_path, proof_path):
    """One entry stands where it says under a signed head."""
    entry = Path(entry_path).read_bytes().rstrip(b"\n")
    head, _, signed = Path(proof_path).read_bytes().partition(b"\n\n")
    first, second, *path = head.decode().split("\n")
    (size, root), index = open_head(signed, key), int(second.removeprefix("index "))
    if first != "c2sp.org/tlog-proof@v1" or json.loads(entry)["index"] != index or index >= size:
        raise Bad("the proof is not of that entry")
    top = leaf(entry)
    for other, is_left in climb(index, size - 1, map(plain, path)):
        top = node(other, top) if is_left else node(top, other)
    if top != root:
        raise Bad("the proof does not lead to the head")
    return f"entry {index} of {size} stands under root {root.hex()}"


def verify_growth(key, path, old, new):
    """A newer head continues an older one."""
    nodes = [bytes.fromhex(one) for one in json.loads(Path(path).read_bytes())["path"]]
    first, first_root = open_head(Path(old).read_bytes(), key)
    second, second_root = open_head(Path(new).read_bytes(), key)
    if not 0 < first <= second or (first == second and nodes):
        raise Bad("the heads are in the wrong order")
    nodes = [first_root, *nodes] if first & (first - 1) == 0 or first == second else nodes
    at, last = first - 1, second - 1
    while at & 1 or (first == second and last):
        at, last = at >> 1, last >> 1
    one = two = nodes[0]
    for other, is_left in climb(at, last, nodes[1:]):
        one = node(other, one) if is_left else one
        two = node(other, two) if is_left else node(two, other)
    if one != first_root or two != second_root:
        raise Bad("the ledger of the new head is no continuation of the old one")
    return f"{second} entries continue {first}"


def main(arguments):
    fewest = {"entries": 3, "export": 3, "proof": 4, "growth": 5, "note": 3}
    few, given = fewest.get("".join(arguments[1:2]), 99), len(arguments)
    if given < few or (given > few and arguments[1] != "entries"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("good:", globals()[f"verify_{arguments[1]}"](read_key(arguments[0]), *arguments[2:]))
    except (Bad, InvalidSignature, OSError, ValueError, LookupError, TypeError) as error:
        # A library's message may hold what was read.
        print("NOT GOOD:", error if isinstance(error, Bad) else type(error).__name__)
        return 8
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
