"""Texts as words with their places, and the few ways in which one word may be written."""

import re
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
# What may stand between two words of one name: "beta-thalassemia", "Wilson's disease".
_JOINTS: Final = frozenset({" ", "-", "'", "\N{RIGHT SINGLE QUOTATION MARK}", "/", "\N{EN DASH}"})


@dataclass(frozen=True, slots=True)
class Word:
    """One run of letters and digits.

    Attributes:
        start: First code point of the text.
        end: One past the last.
        text: As written.
        folded: For comparison.
    """

    start: int
    end: int
    text: str
    folded: str


def split_words(text: str) -> list[Word]:
    """Every run of letters and digits, in order."""
    return [
        Word(found.start(), found.end(), found.group(), found.group().casefold())
        for found in _WORD.finditer(text)
    ]


def are_joined(text: str, left: Word, right: Word) -> bool:
    """Whether two neighbouring words can belong to one name."""
    return text[left.end : right.start] in _JOINTS


def singulars(folded: str) -> tuple[str, ...]:
    """The word itself, then what it is the plural of, by the commonest English rules.

    >>> singulars("myopathies")
    ('myopathies', 'myopathie', 'myopathi', 'myopathy')
    """
    forms = [folded]
    if len(folded) > 3 and folded.endswith("s") and not folded.endswith("ss"):  # noqa: PLR2004 - "gas"
        forms.append(folded[:-1])
        if folded.endswith("es"):
            forms += [folded[:-2], f"{folded[:-2]}is"]
        if folded.endswith("ies"):
            forms[-1] = f"{folded[:-3]}y"
    return tuple(forms)


def normalise(text: str) -> str:
    """The words alone, folded: texts that differ by case or punctuation only are the same."""
    return " ".join(word.folded for word in split_words(text))
