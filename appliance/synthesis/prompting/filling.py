"""A line with slots filled around one pair: frames to compose with, openings to begin with."""

import re
from typing import Final

from appliance.errors import BadInput
from appliance.synthesis.prompting.slots import SLOT, Slots

# A vocabulary that has a fitting name at all has many.
_TRIES: Final = 200
_HEAD: Final = "head"
_TAIL: Final = "tail"
_PLAIN: Final = re.compile(r"[^a-z0-9]+")


def fill(line: str, head: str, tail: str, slots: Slots) -> str:
    """The line with head and tail in their places and something else in every other slot.

    Other entities are none that could be taken for one of the two: neither is part of the other.

    Raises:
        BadInput: The vocabulary has no such name.
    """
    used = [_plain(head), _plain(tail)]
    text, position = "", 0
    for found in SLOT.finditer(line):
        slot = found.group(1)
        text += line[position : found.start()]
        position = found.end()
        if slot == _HEAD:
            word = head
        elif slot == _TAIL:
            word = tail
        elif slots.names_entity(slot):
            word = _another(slot, used, slots)
            used.append(_plain(word))
        else:
            word = slots.word(slot)
        text += word[:1].upper() + word[1:] if not text and _is_lower(word) else word
    return text + line[position:]


def _another(label: str, used: list[str], slots: Slots) -> str:
    for _ in range(_TRIES):
        name = slots.entity(label)
        plain = _plain(name)
        if not any(plain in other or other in plain for other in used):
            return name
    raise BadInput(
        f"The vocabulary has too few names of {label} that are no part of each other.",
        "Add terms of that label, or leave it out of openings and frames.",
    )


def _plain(name: str) -> str:
    return f" {_PLAIN.sub(' ', name.lower()).strip()} "


def _is_lower(word: str) -> bool:
    """Whether a capital at the beginning would do: not in "p53", not in "eNOS"."""
    first = word.split(" ", 1)[0]
    return first.isalpha() and first.islower()
