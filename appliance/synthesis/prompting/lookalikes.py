"""Invented codes that look like entities and are none: what teaches where a label ends.

Trained on sentences in which every word in capitals was an entity, an encoder took every gene for
a disease: precision 17 % on abstracts. Whether such codes are no entities of a task is the label
sheet's word: they are used where one of its counter-examples is such a code.
"""

import random
from typing import Final

from appliance.records.prompts import DraftKind
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.synthesis.prompting.codes import invent_symbol, invent_variant

SHARES: Final = {DraftKind.SINGLE: 0.25, DraftKind.SEVERAL: 0.15, DraftKind.NONE: 0.35}
_FORMS: Final = {
    DraftKind.NONE: (
        "The {x} gene",
        "{x} is",
        "{x} encodes",
        "{x} and {y} were",
        "The {x} protein",
        "Mutations in {x} were",
        "Expression of {x} in",
        "We sequenced {x} in",
        "Exons of {x} were",
        "A missense mutation in {x}",
        "Binding of {x} to {y}",
        "The {v} mutation of {x}",
        "Deletion of {x} in mice",
        "Carriers of {v} in {x}",
        "PCR products of {x} were",
        "The promoter of {x}",
        "cDNA of {x} was",
        "No mutation was found in {x},",
    ),
    DraftKind.SINGLE: (
        "Mutations in {x} cause {0},",
        "{x} is mutated in {0} and",
        "The {x} gene in {0}",
        "{x} mutations in families with {0}",
        "Loss of {x} in {0}",
        "Of all {0} patients, carriers of {v} in {x}",
        "{C} is linked to {x}, and",
        "The {v} mutation of {x} in {0}",
        "Expression of {x} is low in {0},",
        "{x}, the gene for {0},",
    ),
    DraftKind.SEVERAL: (
        "Mutations in {x} cause {0} and {1},",
        "{x} is mutated in {0}, {y} in {1},",
        "Carriers of {v} in {x} had {0} and {1},",
        "The {x} gene, known from {0}, in {1}",
    ),
}


class LookAlikes:
    """Openings that hold invented codes, where the task calls such codes no entities.

    They speak of genes and diseases: a kind of draft for which the sheet has openings of its own
    has none of these.

    Args:
        sheet: Its counter-examples decide.
        vocabulary: No code is one of its names.
        rng: Decides everything else.
    """

    def __init__(self, sheet: LabelSheet, vocabulary: Vocabulary, rng: random.Random) -> None:
        counters = [word for entity in sheet.entities for word in entity.counter_examples]
        self._is_on = any(_is_code(word) for word in counters)
        self._own = sheet.openings
        self._taken = {surface.upper() for term in vocabulary.terms for surface in term.surfaces}
        self._rng = rng

    def choose(self, kind: DraftKind, entities: tuple[str, ...]) -> str:
        """An opening with a code in it, or "" where there shall be none."""
        if not self._is_on or getattr(self._own, kind.value):
            return ""
        if self._rng.random() >= SHARES.get(kind, 0):
            return ""
        if len(entities) > 2:  # noqa: PLR2004 - the forms name two
            return ""
        form = self._rng.choice(_FORMS[kind])
        capital = entities[0][:1].upper() + entities[0][1:] if entities else ""
        first, second = (invent_symbol(self._rng, self._taken) for _ in range(2))
        names = {"x": first, "y": second, "v": invent_variant(self._rng)}
        return form.format(*entities, C=capital, **names)


def _is_code(word: str) -> bool:
    return word.isupper() and " " not in word and any(letter.isdigit() for letter in word)
