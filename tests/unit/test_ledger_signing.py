"""Heads are signed notes and checkpoints of C2SP, byte for byte."""

import base64

import pytest

from appliance.errors import LedgerBroken
from appliance.ledger.checkpoint import Checkpoint, open_checkpoint, signer_of
from appliance.ledger.signing import Signer, Verifier, to_base64

# The key and text of the tests of Go's sumdb/note, the format's first implementation.
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_SIGNATURE = (
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_SIGNED = f"{GO_TEXT}\n{GO_SIGNATURE}".encode()


@pytest.fixture
def signer():
    return signer_of(bytes(range(32)))


def test_we_sign_as_the_reference_does():
    signer = Signer("PeterNeumann", GO_SEED)

    assert signer.sign(GO_TEXT) == GO_SIGNED
    assert signer.verifier.verifier_key() == GO_VERIFIER


def test_we_open_what_the_reference_signed():
    assert Verifier.from_key(GO_VERIFIER).open(GO_SIGNED) == GO_TEXT


def test_signatures_of_others_are_passed_over():
    """A witness may have added its own line."""
    other = GO_SIGNED + "\u2014 witness.example mJirIg==\n".encode()

    assert Verifier.from_key(GO_VERIFIER).open(other) == GO_TEXT


@pytest.mark.parametrize(
    "signed",
    [
        b"",
        b"no signature\n",
        GO_TEXT.encode(),
        GO_SIGNED[:-1],
        GO_SIGNED.replace(b"cryptography", b"cryptographY"),
        GO_SIGNED.replace(b"x08go", b"x08gp"),
        GO_SIGNED.replace(b"x08go/", b"x08go"),
        GO_SIGNED.replace(b"PeterNeumann", b"PeterNewmann"),
        GO_SIGNED.replace(b"x08go/Z", b"x08go/Y"),
        GO_SIGNED + b"not a signature\n",
        b"\xff" + GO_SIGNED,
        b"x" * 70_000 + GO_SIGNED,
    ],
)
def test_a_text_that_is_not_as_signed_is_refused(signed):
    with pytest.raises(LedgerBroken):
        Verifier.from_key(GO_VERIFIER).open(signed)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "PeterNeumann",
        GO_VERIFIER.replace("c74f", "c74e"),
        GO_VERIFIER.replace("+AR", "+BR"),
        GO_VERIFIER[:-4],
        GO_VERIFIER + "=",
    ],
)
def test_a_verifier_key_that_does_not_fit_itself_is_refused(key):
    with pytest.raises(LedgerBroken):
        Verifier.from_key(key)


def test_a_head_comes_back_as_it_was_signed(signer):
    head = Checkpoint(signer.verifier.name, 7, b"\x01" * 32)

    assert open_checkpoint(head.signed(signer), signer.verifier) == head


def test_the_ledger_is_named_after_its_key(signer):
    """Two sites never share an origin, and the name says nothing of the place."""
    assert signer.verifier.name.startswith("appliance-ledger/")
    assert signer.verifier.name != signer_of(bytes(32)).verifier.name


@pytest.mark.parametrize(
    "text",
    [
        "{origin}\n07\n{root}\n",
        "{origin}\n-1\n{root}\n",
        "{origin}\n7\n{root}x\n",
        "{origin}\n7\n" + "=" * 44 + "\n",
        "{origin}\n7\n" + "A" * 40 + "A===\n",
        "other\n7\n{root}\n",
        "{origin}\n7\n",
    ],
)
def test_a_head_that_is_no_checkpoint_is_refused(signer, text):
    """A good signature alone makes no head."""
    filled = text.format(origin=signer.verifier.name, root=to_base64(bytes(32)))

    with pytest.raises(LedgerBroken):
        open_checkpoint(signer.sign(filled), signer.verifier)
