"""Whether a vocabulary was made from the very gold that is to be scored on.

Who learned from such names, and the dictionary beside, would be scored on what they were told.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.errors import BadInput
from appliance.records.gold import GoldDocument
from appliance.records.tasks import Term

# Of NCBI-Disease's distinct mentions MeSH, the Disease Ontology and the shipped vocabulary, each
# by itself, hold 13 to 34 in a hundred; of an invented hospital's, 34.
_MAX_HELD: Final = 0.95
_FEW_TO_HOLD: Final = 30
# A public list names a few per cent of any text's mentions with a small share of its terms.
_MAX_IN_GOLD: Final = 0.5
_FEW_MENTIONS: Final = 20
# Token files put spaces round hyphens and apostrophes.
_BETWEEN: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of one entity type stands both in a vocabulary and in gold.

    Attributes:
        label: The type.
        mentions: Distinct mentions of the gold.
        held: Of them, names, synonyms or abbreviations of the vocabulary.
        terms: Of the vocabulary.
        named: Of them, those that the gold mentions under some name.
    """

    label: str
    mentions: int
    held: int
    terms: int
    named: int

    @property
    def is_made_from(self) -> bool:
        """Whether an honest list would not hold so much of the gold, or so little else."""
        is_whole = self.mentions >= _FEW_TO_HOLD and self.held >= _MAX_HELD * self.mentions
        is_most = self.mentions >= _FEW_MENTIONS and self.named > _MAX_IN_GOLD * self.terms
        return is_whole or is_most


def find_overlaps(terms: Sequence[Term], documents: Iterable[GoldDocument]) -> tuple[Overlap, ...]:
    """One for each label of the gold, in name order.

    Capitals, punctuation and spaces are set aside.
    """
    mentions: dict[str, set[str]] = {}
    for document in documents:
        for span in document.spans:
            folded = _fold(document.text[span.start : span.end])
            mentions.setdefault(span.label, set()).add(folded)
    return tuple(
        _overlap(label, mentions[label], [term for term in terms if term.label == label])
        for label in sorted(mentions)
    )


def is_made_from(terms: Sequence[Term], documents: Iterable[GoldDocument]) -> bool:
    """Whether of any entity type the vocabulary looks made from the gold."""
    return any(one.is_made_from for one in find_overlaps(terms, documents))


def check_apart(terms: Sequence[Term], documents: Iterable[GoldDocument]) -> None:
    """The vocabulary was not made from the gold.

    Raises:
        BadInput: It looks so: of some type it holds 95 in a hundred mentions (of at least 30), or
            more than half of its terms are mentions (of at least 20).
    """
    for one in find_overlaps(terms, documents):
        if one.is_made_from:
            raise BadInput(
                f"{one.held} of this gold's {one.mentions} distinct mentions of {one.label} stand "
                f"in the vocabulary, and {one.named} of the vocabulary's {one.terms} terms are "
                "mentions of this gold: it looks made from it.",
                "Take a vocabulary that was not made from the texts to be scored on. Of gold that "
                "was marked up with this very vocabulary, say so to `appliance evaluate` with "
                "--vocabulary-is-independent.",
            )


def _overlap(label: str, mentions: set[str], terms: Sequence[Term]) -> Overlap:
    found = [{_fold(surface) for surface in term.surfaces} & mentions for term in terms]
    return Overlap(
        label=label,
        mentions=len(mentions),
        held=len(set[str]().union(*found)),
        terms=len(terms),
        named=sum(map(bool, found)),
    )


def _fold(surface: str) -> str:
    return _BETWEEN.sub(" ", surface.casefold()).strip()
