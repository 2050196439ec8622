"""The first words of an answer, given to the model for a share of the drafts.

Left alone, a small model begins every second sentence with "The patient"; and asked for a rare
name, it forgets it in two answers of five. An opening cures both. It is used for a share only:
if every sentence began with its entity, position is what an encoder would learn.
"""

import random
from typing import Final

from appliance.records.prompts import DraftKind

SHARES: Final = {
    DraftKind.SINGLE: 0.5,
    DraftKind.SEVERAL: 0.6,
    DraftKind.ABBREVIATION: 0.75,
    DraftKind.NONE: 0.6,
}
# {0} and {1} are the entities, {0:C} the first one with a capital. No word here belongs to one
# entity type: the same openings must serve diseases, drugs and genes.
_OPENINGS: Final = {
    DraftKind.SINGLE: (
        "{C}",
        "{C} was",
        "{C}, which",
        "The {0}",
        "In {0},",
        "Known {0},",
        "No {0}",
        "No evidence of {0}",
        "Because of {0},",
        "Given her {0},",
        "We studied {0}",
        "This is a case of {0}",
        "After treatment for {0},",
        "Further work-up showed {0}",
        "There was concern for {0}",
        "The role of this gene in {0}",
        "A family history of {0}",
        "Assessment: {0}",
        "These results suggest that {0}",
    ),
    DraftKind.SEVERAL: (
        "{C} and {1}",
        "{C}, {1}",
        "{C} with {1}",
        "{C} without {1}",
        "Both {0} and {1}",
        "No {0} or {1}",
        "In {0} and in {1},",
        "Unlike {0}, {1}",
        "Known {0}, now with {1}",
        "History of {0} and {1},",
        "Compared with {0}, {1}",
        "She has {0} and {1}",
        "Assessment: {0}, {1}",
        "We compared {0} with {1}",
        "Mutations in this gene cause {0} or {1}",
    ),
    DraftKind.ABBREVIATION: (
        "{C} ({1})",
        "{C} ({1}) is",
        "The {0} ({1})",
        "In {0} ({1}),",
        "We studied {0} ({1})",
        "Known {0} ({1}),",
        "Features of {0} ({1})",
    ),
    DraftKind.NONE: (
        "The",
        "We",
        "In",
        "A",
        "No",
        "All",
        "On",
        "Both",
        "Each",
        "After",
        "There was",
        "This",
        "These",
        "Using",
        "To",
        "He",
        "She",
        "Normal",
        "Two",
        "Results",
    ),
}
_SHORT_ALONE: Final = (
    "{0}",
    "{0} is",
    "Known {0},",
    "In {0},",
    "The {0}",
    "No {0}",
    "The {0} gene",
    "Most {0} patients",
    "Treated for {0}",
    "The diagnosis of {0}",
    "As for the {0},",
)


def choose_opening(kind: DraftKind, entities: tuple[str, ...], rng: random.Random) -> str:
    """The first words of the answer, or "" where the model shall begin by itself."""
    if rng.random() >= SHARES[kind]:
        return ""
    short_alone = kind is DraftKind.ABBREVIATION and len(entities) == 1
    form = rng.choice(_SHORT_ALONE if short_alone else _OPENINGS[kind])
    if not entities:
        return form
    capital = entities[0][:1].upper() + entities[0][1:]
    return form.format(*entities, C=capital)
