"""Texts composed from the frames of a label sheet: the same sheet and seed give the same texts.

Nothing of this is sent anywhere. It shows what notes hold beside sentences: headings, lists,
signatures, doses, and names in the company they have there.
"""

import random
from collections.abc import Iterator
from typing import Final

from appliance.records.examples import Line
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.synthesis.prompting.slots import SLOT, Slots

# Four texts in ten hold an entity in a line, about as many as sentences of abstracts do.
_ENTITY_SHARE: Final = 0.4
_GOES_ON: Final = 0.5
_LONGEST: Final = 5
_GLUE: Final = (" ", "\n", "\n\n")
_CAPITAL_SHARE: Final = 0.6


def lines(sheet: LabelSheet, vocabulary: Vocabulary, seed: int) -> Iterator[Line]:
    """Texts of one to five lines, without end; none where the sheet has no frame."""
    rng = random.Random(f"frames {seed}")
    slots = Slots(vocabulary, sheet.composition.slots, rng)
    frames = sheet.composition.frames
    kinds = (
        [frame for frame in frames if any(map(slots.names_entity, _slots_of(frame)))],
        [frame for frame in frames if not any(map(slots.names_entity, _slots_of(frame)))],
    )
    while frames:
        parts = [_compose(_draw(kinds, rng), slots, rng)]
        while len(parts) < _LONGEST and rng.random() < _GOES_ON:
            parts.append(_compose(_draw(kinds, rng), slots, rng))
        yield _join(parts, rng)


def _slots_of(frame: str) -> list[str]:
    return [found.group(1) for found in SLOT.finditer(frame)]


def _draw(kinds: tuple[list[str], list[str]], rng: random.Random) -> str:
    with_entity, without = kinds
    takes_entity = rng.random() < _ENTITY_SHARE
    return rng.choice((with_entity if takes_entity else without) or with_entity or without)


def _compose(frame: str, slots: Slots, rng: random.Random) -> Line:
    """One line, each slot filled."""
    pairs: dict[str, tuple[str, str]] = {}
    entities: list[str] = []
    text, position = "", 0
    for found in SLOT.finditer(frame):
        slot, form = found.groups()
        text += frame[position : found.start()]
        position = found.end()
        if not slots.names_entity(slot):
            word = slots.word(slot)
        else:
            word = _entity(slot, form, pairs, slots)
            entities.append(word)
        is_first = not text and rng.random() < _CAPITAL_SHARE
        text += word[:1].upper() + word[1:] if is_first else word
    return Line(text + frame[position:], tuple(entities))


def _entity(slot: str, form: str | None, pairs: dict[str, tuple[str, str]], slots: Slots) -> str:
    """A name; after a ".long" the next ".short" is its abbreviation."""
    if form is None:
        return slots.entity(slot)
    if form == "long":
        pairs[slot] = slots.pair(slot)
        return pairs[slot][0]
    return (pairs.pop(slot, None) or slots.pair(slot))[1]


def _join(parts: list[Line], rng: random.Random) -> Line:
    text = parts[0].text
    for part in parts[1:]:
        text += rng.choice(_GLUE) + part.text
    return Line(text, tuple(entity for part in parts for entity in part.entities))
