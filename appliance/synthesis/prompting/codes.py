"""Invented gene symbols and amino acid changes: codes that look like entities and name nothing."""

import random
from collections.abc import Container
from typing import Final

from appliance.records.tasks import Vocabulary

_CONSONANTS: Final = "BCDFGHKLMNPRSTVXZ"
_LETTERS: Final = "ABCDEFGHIKLMNPRSTUVXZ"
_RESIDUES: Final = "ACDEFGHIKLMNPQRSTVWY"
_NUMBERED_SHARE: Final = 0.7
# Digits that look like no letter: the gate reads LI11 as "Lill", and asks who that is.
_CLEAR_DIGITS: Final = "26"
_NUMBERS: Final = (2, 6, 12, 16, *range(20, 30))
# So begin the numbers of rooms.
_ROOM: Final = "RM"
_MIN_LETTERS: Final = 3


def invent_symbol(rng: random.Random, taken: Container[str]) -> str:
    """Like a gene: two to four letters and, mostly, a number; none of `taken` (capitals)."""
    while True:
        number = str(rng.choice(_NUMBERS)) if rng.random() < _NUMBERED_SHARE else ""
        # Without a number and with a vowel it could be somebody: "MIA".
        letters = "".join(rng.choices(_LETTERS if number else _CONSONANTS, k=rng.randint(1, 3)))
        symbol = rng.choice(_CONSONANTS) + letters + number
        # "IV" is a word.
        is_free = symbol not in taken and not symbol.startswith(_ROOM)
        if is_free and len(symbol) >= _MIN_LETTERS:
            return symbol


def invent_variant(rng: random.Random) -> str:
    """Like a change of one amino acid: R112H."""
    first, last = rng.sample(_RESIDUES, 2)
    return f"{first}{rng.randint(1, 99)}{rng.choice(_CLEAR_DIGITS)}{last}"


class Codes:
    """Invents what stands in the slots {symbol} and {variant}.

    Args:
        vocabulary: No symbol is one of its names.
        rng: Decides.
    """

    def __init__(self, vocabulary: Vocabulary, rng: random.Random) -> None:
        self._taken = {surface.upper() for term in vocabulary.terms for surface in term.surfaces}
        self._rng = rng

    def make(self, slot: str) -> str:
        """One of `OPENING_CODES`."""
        if slot == "variant":
            return invent_variant(self._rng)
        return invent_symbol(self._rng, self._taken)
