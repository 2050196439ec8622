"""Invented gene symbols and amino acid changes: codes that look like entities and name nothing."""

import random
from collections.abc import Container
from typing import Final

_CONSONANTS: Final = "BCDFGHKLMNPRSTVXZ"
_LETTERS: Final = "ABCDEFGHIKLMNPRSTUVXZ"
_RESIDUES: Final = "ACDEFGHIKLMNPQRSTVWY"
_NUMBERED_SHARE: Final = 0.7
_MIN_LETTERS: Final = 3


def invent_symbol(rng: random.Random, taken: Container[str]) -> str:
    """Like a gene: two to four letters and, mostly, a number; none of `taken` (capitals)."""
    while True:
        letters = "".join(rng.choices(_LETTERS, k=rng.randint(1, 3)))
        number = str(rng.randint(1, 19)) if rng.random() < _NUMBERED_SHARE else ""
        symbol = rng.choice(_CONSONANTS) + letters + number
        # "IV" is a word.
        if symbol not in taken and len(symbol) >= _MIN_LETTERS:
            return symbol


def invent_variant(rng: random.Random) -> str:
    """Like a change of one amino acid: R117H."""
    first, last = rng.sample(_RESIDUES, 2)
    return f"{first}{rng.randint(11, 999)}{last}"
