"""The first words of an answer, given to the model for a share of the drafts.

Left alone, a small model begins every second sentence with "The patient"; and asked for a rare
name, it forgets it in two answers of five. An opening cures both. It is used for a share only:
if every sentence began with its entity, position is what an encoder would learn.
"""

import random
import re
from typing import Final

from appliance.records.prompts import DraftKind
from appliance.records.tasks import OPENING_CODES, OPENING_SLOTS, Openings
from appliance.synthesis.prompting.codes import Codes

# Left alone, answers kept every requested name in 66 % of single drafts, but in 17 % of those
# with several names and 22 % of abbreviations.
SHARES: Final = {
    DraftKind.SINGLE: 0.5,
    DraftKind.SEVERAL: 0.85,
    DraftKind.ABBREVIATION: 0.85,
    DraftKind.NONE: 0.6,
}
TOPIC_SHARE: Final = 0.4
_SLOT: Final = re.compile(r"\{(\w+)\}")
# {0} and {1} are the entities, {C} the first one with a capital. Some suit nothing but diseases: a
# sheet of another kind gives its own.
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
        "We studied {0} in",
        "This is a case of {0} in",
        "After treatment for {0},",
        "Further work-up showed {0} with",
        "There was concern for {0} because",
        "The role of this gene in {0}",
        "A family history of {0} and",
        "Assessment: {0},",
        "These results suggest that {0}",
    ),
    DraftKind.SEVERAL: (
        "{C} and {1}",
        "{C}, {1}",
        "{C} with {1}",
        "{C} without {1}",
        "Both {0} and {1}",
        "No {0} or {1} was",
        "In {0} and in {1},",
        "Unlike {0}, {1}",
        "Known {0}, now with {1} and",
        "History of {0} and {1},",
        "Compared with {0}, {1}",
        "She has {0} and {1}, and",
        "Assessment: {0}, {1},",
        "We compared {0} with {1} in",
        "Mutations in this gene cause {0} or {1} in",
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
_THREE: Final = (
    "{C}, {1} and {2}",
    "{C}, {1}, and {2} are",
    "{C}, {1}, {2},",
    "No {0}, {1} or {2}",
    "History of {0}, {1} and {2},",
    "Known {0}, {1} and {2}, now",
    "Assessment: {0}, {1}, {2},",
    "Unlike {0} and {1}, {2}",
    "We compared {0} with {1} and {2} in",
    "Treated for {0} and {1}, then for {2}",
)
_SHORT_ALONE: Final = (
    "{0}",
    "{0} is",
    "Known {0},",
    "In {0},",
    "The {0}",
    "No {0}",
    "The {0} gene",
    "Most {0} patients",
    "Treated for {0} with",
    "The diagnosis of {0}",
    "As for the {0},",
)


def choose_opening(
    kind: DraftKind, entities: tuple[str, ...], own: Openings, codes: Codes, rng: random.Random
) -> str:
    """The first words of the answer, or "" where the model shall begin by itself.

    Args:
        kind: Of the draft.
        entities: That were asked for.
        own: Openings of the sheet, which take the place of the product's.
        codes: Makes what stands in their slots {symbol} and {variant}.
        rng: Decides.
    """
    if rng.random() >= SHARES[kind]:
        return ""
    if forms := getattr(own, kind.value):
        return _fill(forms, entities, codes, rng)
    form = rng.choice(_forms(kind, len(entities)))
    if not entities:
        return form
    capital = entities[0][:1].upper() + entities[0][1:]
    return form.format(*entities, C=capital)


def _fill(
    forms: tuple[str, ...], entities: tuple[str, ...], codes: Codes, rng: random.Random
) -> str:
    """One of the sheet's openings that names just as many; "" where there is none such."""
    names = dict(zip(OPENING_SLOTS, entities, strict=False))
    # An opening has each slot of its kind once (`load_sheet_file`).
    fitting = [form for form in forms if _entities_in(form) == len(names)]
    if not fitting:
        return ""
    if entities:
        names["First"] = entities[0][:1].upper() + entities[0][1:]
    return _SLOT.sub(lambda found: names.get(found[1]) or codes.make(found[1]), rng.choice(fitting))


def _entities_in(form: str) -> int:
    return sum(slot not in OPENING_CODES for slot in _SLOT.findall(form))


def choose_topic_opening(topic: str, rng: random.Random) -> str:
    """The topic itself as the first words, for a share: else the model changes the subject."""
    if not topic or rng.random() >= TOPIC_SHARE:
        return ""
    return topic[:1].upper() + topic[1:]


def _forms(kind: DraftKind, count: int) -> tuple[str, ...]:
    if kind is DraftKind.SEVERAL and count > 2:  # noqa: PLR2004 - the forms above name two
        return _THREE
    return _SHORT_ALONE if kind is DraftKind.ABBREVIATION and count == 1 else _OPENINGS[kind]
