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
# Of sheets that have none of their own: they suit whatever a task's entities are. What suits one
# kind of entity alone ("a case of ...") stands in its sheet.
_NEUTRAL: Final = Openings(
    single=(
        "{First}",
        "{First} was",
        "{First}, which",
        "{First} and",
        "The {first}",
        "No {first}",
        "In addition to {first},",
        "With {first},",
        "As for {first},",
        "We studied {first} in",
        "These results suggest that {first}",
        "There was {first}",
    ),
    several=(
        "{First} and {second}",
        "{First}, {second}",
        "{First} with {second}",
        "{First} without {second}",
        "Both {first} and {second}",
        "Neither {first} nor {second}",
        "No {first} or {second} was",
        "Unlike {first}, {second}",
        "Compared with {first}, {second}",
        "We compared {first} with {second} in",
        "{First}, {second} and {third}",
        "{First}, {second}, and {third} are",
        "No {first}, {second} or {third}",
        "Unlike {first} and {second}, {third}",
        "We compared {first} with {second} and {third} in",
    ),
    abbreviation=(
        "{First} ({second})",
        "{First} ({second}) is",
        "The {first} ({second})",
        "In addition to {first} ({second}),",
        "We studied {first} ({second})",
        "{first}",
        "{first} is",
        "The {first}",
        "No {first}",
        "With {first},",
        "As for the {first},",
    ),
    none=(
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
    forms = getattr(own, kind.value) or getattr(_NEUTRAL, kind.value)
    return _fill(forms, entities, codes, rng)


def _fill(
    forms: tuple[str, ...], entities: tuple[str, ...], codes: Codes, rng: random.Random
) -> str:
    """One of the openings that names just as many; "" where there is none such."""
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
