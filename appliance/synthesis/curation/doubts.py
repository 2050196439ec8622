"""Where a well-formed label sheet contradicts itself, told by place and number, never by words.

Nothing here is refused: sites have such sheets, and a model learns from them, only less.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.records.tasks import Demonstration, EntityType, LabelSheet, Vocabulary
from appliance.synthesis.curation.lexicon import Lexicon, lexicon_of
from appliance.synthesis.curation.words import normalise

_SLOT: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A part of a sheet that contradicts another, or its vocabulary.

    Attributes:
        place: E.g. "demonstration 12"; parts are counted from 1.
        what: What is wrong with it.
    """

    place: str
    what: str


def doubts_about(sheet: LabelSheet, vocabulary: Vocabulary) -> tuple[Doubt, ...]:
    """Every such part, in the sheet's order. Names are looked up as curation labels them."""
    lexicon = lexicon_of(sheet, vocabulary)
    found = [*_blanks(sheet)]
    names = Lexicon(vocabulary)
    for entity in sheet.entities:
        found += _rules(entity)
        found += _counter_examples(entity, names)
    found += _twice("register", sheet.registers)
    found += _twice("topic", sheet.topics)
    # No prompt of a task about pairs shows a topic or a demonstration.
    if not sheet.taught:
        found += _topics(sheet, lexicon)
        for number, shown in enumerate(sheet.demonstrations, 1):
            found += _demonstration(f"demonstration {number}", shown, lexicon)
    for place, frame in _frames(sheet):
        found += _literals(place, frame, lexicon)
    return tuple(found)


def _blanks(sheet: LabelSheet) -> Iterator[Doubt]:
    for entity in sheet.entities:
        if not entity.definition.strip():
            yield Doubt(f"entity {entity.name}", "its definition is blank")
    for relation in sheet.relations:
        if not relation.definition.strip():
            yield Doubt(f"relation {relation.name}", "its definition is blank")


def _rules(entity: EntityType) -> Iterator[Doubt]:
    counted = {normalise(rule): number for number, rule in enumerate(entity.includes, 1)}
    for number, rule in enumerate(entity.excludes, 1):
        if normalise(rule) in counted:
            yield Doubt(
                f"entity {entity.name}, excludes {number}",
                f"the same rule as includes {counted[normalise(rule)]}",
            )


def _counter_examples(entity: EntityType, names: Lexicon) -> Iterator[Doubt]:
    for number, phrase in enumerate(entity.counter_examples, 1):
        if any(
            match.span.label == entity.name
            and normalise(phrase[match.span.start : match.span.end]) == normalise(phrase)
            for match in names.find(phrase)
        ):
            yield Doubt(
                f"entity {entity.name}, counter-example {number}",
                "a name of the vocabulary: it is labelled all the same",
            )


def _twice(what: str, parts: Sequence[str]) -> Iterator[Doubt]:
    first: dict[str, int] = {}
    for number, part in enumerate(parts, 1):
        before = first.setdefault(normalise(part), number)
        if before != number:
            yield Doubt(f"{what} {number}", f"the same as {what} {before}")


def _topics(sheet: LabelSheet, lexicon: Lexicon) -> Iterator[Doubt]:
    for number, topic in enumerate(sheet.topics, 1):
        if count := len(lexicon.find(topic)):
            yield Doubt(
                f"topic {number}",
                f"{count} name(s) of the vocabulary, in a topic for texts without an entity",
            )


def _demonstration(place: str, shown: Demonstration, lexicon: Lexicon) -> Iterator[Doubt]:
    matches = lexicon.find(shown.text, shown.entities)
    found = {shown.text[match.span.start : match.span.end] for match in matches}
    said = set(shown.entities)
    if beyond := len(found - said):
        yield Doubt(place, f"{beyond} name(s) of the vocabulary that it does not call an entity")
    if missing := len(said - found):
        yield Doubt(place, f"{missing} of its entities would not be labelled so in its text")


def _frames(sheet: LabelSheet) -> Iterator[tuple[str, str]]:
    for number, frame in enumerate(sheet.composition.frames, 1):
        yield f"compose.frames {number}", frame
    for relation in sheet.taught:
        assert relation.teaching is not None
        for kind, frames in relation.teaching.frames.items():
            for number, frame in enumerate(frames, 1):
                yield f"relation {relation.name}, frames.{kind.value} {number}", frame


def _literals(place: str, frame: str, lexicon: Lexicon) -> Iterator[Doubt]:
    """A short form that could mean anything is labelled in no line."""
    matches = [match for piece in _SLOT.split(frame) for match in lexicon.find(piece)]
    if count := sum(not match.is_doubtful for match in matches):
        yield Doubt(place, f"{count} name(s) of the vocabulary outside its braces")
