"""The part of a label sheet that says how sentences about pairs of entities are made."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from appliance.records.spans import UNRELATED
from appliance.records.tasks import (
    INVENTED_SLOTS,
    PairExample,
    PairKind,
    PairTeaching,
    RelationType,
)

HEAD: Final = "head"
TAIL: Final = "tail"
_SUM_TOLERANCE: Final = 1e-6
_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_BRACES: Final = re.compile(r"[{}]")

_Text = Annotated[str, Field(min_length=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Example(_Strict):
    kind: PairKind
    head: _Text
    tail: _Text
    text: _Text
    register_: Annotated[str, Field(alias="register", min_length=1)]


class _Mix(_Strict):
    stated: _Share
    denied: _Share
    unrelated: _Share


class _Words(_Strict):
    stated: tuple[_Text, ...] = ()
    denied: tuple[_Text, ...] = ()
    unrelated: tuple[_Text, ...] = ()


class SheetRelation(_Strict):
    """`[[relation]]` of a sheet; with examples of its kinds, sentences are made for it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    definition: _Text
    head: _Text
    tail: _Text
    denied_counts: bool = False
    lines: Annotated[float, Field(ge=0, le=20)] = 0.0
    mix: _Mix = _Mix(stated=0.4, denied=0.2, unrelated=0.4)
    openings: _Words = _Words()
    frames: _Words = _Words()
    example: tuple[_Example, ...] = ()


def is_written(name: str, text: str) -> bool:
    """Whether the name stands in the text as it is, in whole words: runs of letters and digits.

    >>> is_written("beta", "a beta-blocker"), is_written("scopolamin", "no scopolamine")
    (True, False)
    """
    before = r"(?<![^\W_])" if name[:1].isalnum() else ""
    after = r"(?![^\W_])" if name[-1:].isalnum() else ""
    return re.search(before + re.escape(name) + after, text) is not None


def to_relation(parsed: SheetRelation) -> RelationType:
    """The relation as the rest of the product knows it."""
    teaching = None
    if parsed.example:
        teaching = PairTeaching(
            denied_counts=parsed.denied_counts,
            mix={kind: getattr(parsed.mix, kind) for kind in PairKind},
            openings=_by_kind(parsed.openings),
            lines=parsed.lines,
            frames=_by_kind(parsed.frames),
            examples=tuple(
                PairExample(one.kind, one.head, one.tail, one.text, one.register_)
                for one in parsed.example
            ),
        )
    return RelationType(parsed.name, parsed.definition, parsed.head, parsed.tail, teaching)


def slots_of(relation: SheetRelation) -> set[str]:
    """Every slot that a frame or an opening of it has."""
    return set(_SLOT.findall(" ".join((*_lines(relation.frames), *_lines(relation.openings)))))


def relation_complaints(
    relation: SheetRelation,
    entities: Sequence[str],
    registers: Sequence[str],
    slots: Mapping[str, tuple[str, ...]],
) -> Iterator[str]:
    """What is wrong with it, by key.

    Args:
        relation: As it was read.
        entities: Entity types of the sheet.
        registers: Of the sheet.
        slots: Of the sheet's frames.
    """
    at = f"relation.{relation.name}"
    if relation.name == UNRELATED:
        yield f"{at}: {UNRELATED!r} is the label of pairs that stand in no relation"
    if relation.head not in entities or relation.tail not in entities:
        yield f"{at}: head and tail must be entity types of this sheet"
    if not relation.example:
        if any((*_lines(relation.frames), *_lines(relation.openings))):
            yield f"{at}: frames and openings need an example of each kind"
        return
    yield from _mix_complaints(relation, at)
    yield from _example_complaints(relation, at, registers)
    known = {*INVENTED_SLOTS, *slots, *entities, HEAD, TAIL}
    for key, words in (("frames", relation.frames), ("openings", relation.openings)):
        for kind in PairKind:
            for number, line in enumerate(getattr(words, kind), 1):
                yield from _line_complaints(f"{at}.{key}.{kind} {number}", line, known)
    if relation.lines and not all(getattr(relation.frames, kind) for kind in _asked(relation)):
        yield f"{at}.lines: each kind of the mix needs a frame to make lines of"


def _example_complaints(
    relation: SheetRelation, at: str, registers: Sequence[str]
) -> Iterator[str]:
    for number, example in enumerate(relation.example, 1):
        if example.register_ not in registers:
            yield f"{at}.example {number}: its register is not among the sheet's registers"
        for end in (example.head, example.tail):
            if not is_written(end, example.text):
                yield f"{at}.example {number}: {end!r} is not so written in its text"


def _mix_complaints(relation: SheetRelation, at: str) -> Iterator[str]:
    mix = relation.mix
    if abs(mix.stated + mix.denied + mix.unrelated - 1) > _SUM_TOLERANCE:
        yield f"{at}.mix: the three shares must sum to 1"
    shown = {example.kind for example in relation.example}
    for kind in _asked(relation):
        if kind not in shown:
            yield f"{at}.mix.{kind}: there is no example of that kind"
    if not mix.stated or not (mix.unrelated or (mix.denied and not relation.denied_counts)):
        yield f"{at}.mix: pairs that count and pairs that do not are both needed"


def _line_complaints(where: str, line: str, known: set[str]) -> Iterator[str]:
    found = _SLOT.findall(line)
    if unknown := sorted(set(found) - known):
        yield f"{where}: no such slot: {', '.join(unknown)}"
    if _BRACES.search(_SLOT.sub("", line)):
        yield f"{where}: a brace without its partner"
    for end in (HEAD, TAIL):
        if found.count(end) != 1:
            yield f"{where}: {{{end}}} must stand in it once"


def _asked(relation: SheetRelation) -> list[PairKind]:
    return [kind for kind in PairKind if getattr(relation.mix, kind) > 0]


def _lines(words: _Words) -> tuple[str, ...]:
    return (*words.stated, *words.denied, *words.unrelated)


def _by_kind(words: _Words) -> dict[PairKind, tuple[str, ...]]:
    return {kind: getattr(words, kind) for kind in PairKind}
