"""The markup of the word material: `[mention]`, `<one|or|other>`, `{slot}` and `{slot:argument}`.

Choices and mentions nest. A template without its closing sign is a mistake in the data files and
raises at once.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

_CLOSERS: Final = {"[": "]", "<": ">"}


@dataclass(frozen=True, slots=True)
class Words:
    """Plain words."""

    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Something the writer fills in."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A disease mention."""

    body: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: "tuple[tuple[Node, ...], ...]"


Node = Words | Slot | Mention | Choice


@cache
def parse(template: str) -> tuple[Node, ...]:
    """The template as a tree.

    Raises:
        ValueError: A bracket that is not closed, or closed and never opened.

    >>> parse("no [PE] {date:-2}")
    (Words(text='no '), Mention(body=(Words(text='PE'),)), Words(text=' '), \
Slot(name='date', argument='-2'))
    """
    nodes, position = _sequence(template, 0, stops="")
    if position != len(template):
        raise ValueError(f"a sign at {position} closes nothing in: {template[:60]!r}")
    return nodes


def _sequence(template: str, position: int, stops: str) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    words = ""
    while position < len(template) and template[position] not in stops:
        sign = template[position]
        if sign not in "[<{":
            words, position = words + sign, position + 1
            continue
        if words:
            nodes.append(Words(words))
            words = ""
        node, position = _bracket(template, position)
        nodes.append(node)
    if words:
        nodes.append(Words(words))
    return tuple(nodes), position


def _bracket(template: str, position: int) -> tuple[Node, int]:
    sign = template[position]
    if sign == "{":
        end = template.find("}", position)
        if end < 0:
            raise ValueError(f"a slot is not closed in: {template[:60]!r}")
        name, _, argument = template[position + 1 : end].partition(":")
        return Slot(name, argument), end + 1
    closer = _CLOSERS[sign]
    options: list[tuple[Node, ...]] = []
    position += 1
    while True:
        # A bar separates only inside a choice; in a mention it is a letter like any other.
        body, position = _sequence(template, position, stops=closer + ("|" if sign == "<" else ""))
        options.append(body)
        if position >= len(template):
            raise ValueError(f"{sign!r} is not closed in: {template[:60]!r}")
        position += 1
        if template[position - 1] == closer:
            break
    return (Mention(options[0]) if sign == "[" else Choice(tuple(options))), position
