"""What leaves the site proves itself to who has the public key and nothing else."""

import json

import pytest

from appliance.errors import BadInput, LedgerBroken
from appliance.ledger.checkpoint import signer_of
from appliance.ledger.proofs import (
    EntryProof,
    check_export,
    export,
    prove_entry,
    prove_growth,
    read_bodies,
)
from tests.lib.ledgers import KEY, filled

COUNT = 11
STRANGER = signer_of(bytes(32)).verifier


@pytest.fixture
def ledger(tmp_path):
    return filled(tmp_path, COUNT)


@pytest.fixture
def bodies(ledger, tmp_path):
    return read_bodies(tmp_path, ledger.head().size)


def _export(ledger, bodies, start, end):
    key = ledger.verifier.verifier_key()
    return export(bodies, start, end, ledger.signed_head(), key)


@pytest.mark.parametrize("index", range(COUNT))
def test_every_entry_can_be_proved(ledger, bodies, index):
    proof = prove_entry(bodies, index, ledger.signed_head())

    assert proof.check(ledger.verifier) == ledger.head()
    assert f'"number":{index}' in proof.entry.decode()


def test_a_proof_of_another_entry_is_refused(ledger, bodies):
    proof = prove_entry(bodies, 3, ledger.signed_head())
    moved = EntryProof(4, proof.entry, proof.path, proof.head)
    forged = EntryProof(3, bodies[4], proof.path, proof.head)

    for wrong in (moved, forged):
        with pytest.raises(LedgerBroken, match="does not lead"):
            wrong.check(ledger.verifier)


def test_a_proof_under_another_key_is_refused(ledger, bodies):
    with pytest.raises(LedgerBroken):
        prove_entry(bodies, 3, ledger.signed_head()).check(STRANGER)


def test_a_proof_is_written_in_the_common_format(ledger, bodies):
    """C2SP tlog-proof: header, index, path, an empty line, the signed head."""
    text = prove_entry(bodies, 3, ledger.signed_head()).text()

    header, index, *path = text.split("\n\n")[0].split("\n")
    assert (header, index) == ("c2sp.org/tlog-proof@v1", "index 3")
    assert len(path) == 4
    assert text.endswith(ledger.signed_head().decode())


def test_there_is_no_proof_of_an_entry_that_is_not_there(ledger, bodies):
    for index in (-1, COUNT):
        with pytest.raises(BadInput, match=f"entry {index}"):
            prove_entry(bodies, index, ledger.signed_head())


@pytest.mark.parametrize("first", range(COUNT + 1))
def test_growth_from_every_size_can_be_proved(bodies, first):
    assert prove_growth(bodies, first).is_good()


def test_there_is_no_growth_from_a_size_never_reached(bodies):
    with pytest.raises(BadInput, match="never had"):
        prove_growth(bodies, COUNT + 1)


def test_more_entries_than_there_are_can_not_be_read(tmp_path):
    filled(tmp_path, COUNT)

    with pytest.raises(LedgerBroken, match="not 12"):
        read_bodies(tmp_path, COUNT + 1)


@pytest.mark.parametrize(("start", "end"), [(0, COUNT), (0, 1), (3, 4), (5, COUNT), (2, 7)])
def test_an_exported_stretch_proves_itself(ledger, bodies, start, end):
    head, found = check_export(_export(ledger, bodies, start, end), ledger.verifier)

    assert head == ledger.head()
    assert list(found) == bodies[start:end]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start", 4),
        ("start", -3),
        ("start", "3"),
        ("left", []),
        ("right", []),
        ("left", ["AA=="] * 2),
        ("right", ["?"]),
        ("entries", []),
        ("entries", ["{}"]),
        ("entries", [1]),
        ("head", "x"),
        ("head", None),
    ],
)
def test_an_export_that_was_changed_is_refused(ledger, bodies, field, value):
    document = json.loads(_export(ledger, bodies, 3, 7))
    document[field] = value

    with pytest.raises(LedgerBroken):
        check_export(json.dumps(document).encode(), ledger.verifier)


def test_an_export_with_an_entry_left_out_is_refused(ledger, bodies):
    document = json.loads(_export(ledger, bodies, 3, 7))
    del document["entries"][1]

    with pytest.raises(LedgerBroken):
        check_export(json.dumps(document).encode(), ledger.verifier)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000])
def test_a_file_that_is_no_export_is_refused(ledger, content):
    with pytest.raises(LedgerBroken, match="not a ledger export"):
        check_export(content, ledger.verifier)


def test_an_export_under_another_key_is_refused(ledger, bodies):
    with pytest.raises(LedgerBroken):
        check_export(_export(ledger, bodies, 0, 3), STRANGER)
    assert ledger.verifier.name == signer_of(KEY).verifier.name
