"""A secret of 32 bytes in N shares, any M of which give it back, and M - 1 of which say nothing.

Shamir 1979, "How to share a secret", in the words and checksums of SLIP-0039, so that a share can
be kept on paper: 33 words. Each lists how many are needed; a word that is wrong is noticed.
"""

from collections.abc import Sequence
from typing import Final

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from appliance.errors import BadInput, KeyMismatch

SECRET_BYTES: Final = 32
MOST: Final = 16
"""Shares of one secret; so many SLIP-0039 can tell apart."""
_LEAST: Final = 2


def split(secret: bytes, needed: int, total: int) -> list[str]:
    """So many shares in words, `needed` of which give the secret back.

    Raises:
        BadInput: Not two of at least two, or more than 16.
    """
    if not _LEAST <= needed <= total <= MOST:
        raise BadInput(
            f"{needed} of {total} shares is no way to split a key.",
            f"Ask for M-of-N with {_LEAST} <= M <= N <= {MOST}, such as 2-of-3.",
        )
    assert len(secret) == SECRET_BYTES
    [group] = generate_mnemonics(1, [(needed, total)], secret, b"")
    return list(group)


def combine(shares: Sequence[str]) -> bytes:
    """The secret that the shares are of; no share is quoted in an error.

    Raises:
        BadInput: A share has a wrong word, or there are too few.
        KeyMismatch: They are not of one secret.
    """
    known: dict[int, str] = {}
    needed, sets = 0, set()
    for number, words in enumerate(shares, start=1):
        try:
            share = Share.from_mnemonic(words)
        except MnemonicError:
            raise BadInput(
                f"Share {number} has a wrong word, or not all of them.",
                "Compare it with what is on the paper.",
            ) from None
        known.setdefault(share.index, words)
        needed = share.member_threshold
        sets.add(share.identifier)
    if len(sets) > 1:
        raise KeyMismatch("The shares are not of one key.", "Bring shares that were made together.")
    if len(known) < max(needed, 1):
        raise BadInput(
            f"{len(known)} of {needed} shares are there.",
            "Bring more of those that were made together.",
        )
    try:
        return bytes(combine_mnemonics(list(known.values())[:needed], b""))
    except MnemonicError:
        raise KeyMismatch(
            "The shares do not give a key.", "Bring shares that were made together."
        ) from None
