"""Which part of a label sheet stands where in a prompt; told by its number, never by its words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Final

from appliance.records.prompts import Draft, DraftKind
from appliance.records.tasks import OPENING_CODES, OPENING_SLOTS, LabelSheet, Vocabulary
from appliance.synthesis.prompting.template import (
    ANSWER,
    render_demonstration,
    render_pair_demonstration,
    render_request,
    render_task,
)

TITLE: Final = "title"
ASKED: Final = "what was asked for"
_CODES: Final = dict(zip(OPENING_CODES, ("TP53", "R175H"), strict=True))
_THREE: Final = len(OPENING_SLOTS)
_SLOT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class FixedText:
    """A piece of a prompt that shows one part of a sheet as prompts show it.

    Attributes:
        place: The part, e.g. "demonstration 2"; parts are counted from 1.
        text: The piece.
        start: Where in it that part begins; it ends with the piece.
    """

    place: str
    text: str = field(repr=False)
    start: int = 0


def fixed_texts(sheet: LabelSheet, vocabulary: Vocabulary) -> Iterator[FixedText]:
    """Every part of the sheet that prompts repeat word for word.

    Frames and the words of `[compose.slots]` are none: what is made of them is sent nowhere.
    """
    begin = render_task(sheet.title)
    yield FixedText(TITLE, begin)
    for place, shown in _shown(sheet):
        yield FixedText(place, begin + shown, len(begin))
    for place, value in _attributes(sheet):
        text = begin + render_request((), f"{sheet.registers[0]}, {value}")
        yield FixedText(place, text, text.rindex(value))
    if sheet.taught:
        return
    for number, topic in enumerate(sheet.topics, 1):
        text = begin + render_request((), sheet.registers[0], topic)
        yield FixedText(f"topic {number}", text, text.rindex(topic))
    yield from _openings(sheet, vocabulary, begin)


def place_of(sheet: LabelSheet, draft: Draft, at: int) -> str:
    """The part of the sheet that stands at one code point of the prompt, or `ASKED`."""
    if at < len(render_task(sheet.title)):
        return TITLE
    for place, shown in _shown(sheet):
        start = draft.prompt.find(shown)
        if start >= 0 and start <= at < start + len(shown):
            return place
    style = draft.prompt.rfind("\nRegister: ")
    for place, value in _attributes(sheet):
        start = draft.prompt.find(f", {value}", style)
        if 0 <= start <= at < start + len(value) + 2:
            return place
    if draft.kind is DraftKind.NONE:
        for number, topic in enumerate(sheet.topics, 1):
            if f", {topic}\n{ANSWER}" in draft.prompt:
                return f"topic {number}"
    return ASKED


def _attributes(sheet: LabelSheet) -> Iterator[tuple[str, str]]:
    for name, values in sheet.attributes.items():
        for number, value in enumerate(values, 1):
            yield f"attribute {name} {number}", value


def _shown(sheet: LabelSheet) -> Iterator[tuple[str, str]]:
    """Sentences with answers, as prompts show them; of a task about pairs, its examples."""
    is_one_of_several = len(sheet.taught) > 1
    for relation in sheet.taught:
        assert relation.teaching is not None
        for number, example in enumerate(relation.teaching.examples, 1):
            yield (
                f"relation {relation.name}, example {number}",
                render_pair_demonstration(relation, example, is_one_of_several=is_one_of_several),
            )
    if not sheet.taught:
        for number, shown in enumerate(sheet.demonstrations, 1):
            yield f"demonstration {number}", render_demonstration(shown)


def _openings(sheet: LabelSheet, vocabulary: Vocabulary, begin: str) -> Iterator[FixedText]:
    names = tuple(term.name for term in vocabulary.terms[:_THREE])
    words = dict(zip(OPENING_SLOTS, names, strict=False)) | _CODES
    words["First"] = names[0][:1].upper() + names[0][1:]
    request = begin + render_request(names, sheet.registers[0]) + " "
    for kind in fields(sheet.openings):
        for number, opening in enumerate(getattr(sheet.openings, kind.name), 1):
            filled = _SLOT.sub(lambda slot: words.get(slot[1], names[0]), opening)
            yield FixedText(f"opening {kind.name} {number}", request + filled, len(request))
