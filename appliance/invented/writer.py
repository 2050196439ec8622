"""Writes a note: walks a layout's template and lets slots fill in."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from appliance.invented import material
from appliance.invented.decks import Decks
from appliance.invented.grammar import Choice, Mention, Node, Slot, Words, parse
from appliance.invented.manuscript import DISEASE, Manuscript
from appliance.invented.scene import Scene

SlotFunction = Callable[["Writer", str], None]

_TYPO_SHARE: Final = {"terse": 0.07, "dictated": 0.02, "formal": 0.01, "letter": 0.01}
_TYPO_LENGTH: Final = 7
_JOINS: Final = {
    "prose": " ",
    "lines": "\n",
    "semi": "; ",
    "inline": ", ",
    "list": "\n",
    "num": "\n",
}


class Writer:
    """One note in the making.

    Attributes:
        scene: What it is about.
        rng: Its own randomness.
        decks: Shared by all notes of the hospital.
        manuscript: What is written so far.
    """

    def __init__(
        self, scene: Scene, rng: random.Random, decks: Decks, slots: Mapping[str, SlotFunction]
    ) -> None:
        self.scene = scene
        self.rng = rng
        self.decks = decks
        self.manuscript = Manuscript()
        self._slots = slots
        self._drawn: defaultdict[str, list[int]] = defaultdict(list)
        self._rows: dict[str, Sequence[str]] = {}

    def write(self, template: str) -> None:
        """The template, filled in, stands at the end of the manuscript."""
        for node in parse(template):
            self._write_node(node)

    def write_mention(self, surface: str) -> None:
        """A disease mention; now and then misspelt, as in life."""
        if self.rng.random() < _TYPO_SHARE[self.scene.style]:
            surface = misspell(surface, self.rng)
        self.manuscript.add(surface, DISEASE)

    def write_identifier(self, text: str, kind: str) -> None:
        """Something by which a person could be recognised."""
        self.manuscript.add(text, kind)

    def pool(self, name: str) -> tuple[str, Sequence[str]]:
        """Where a pool's draws are counted, and its phrases: the illness's own, or everybody's."""
        story = self.scene.story
        if name in story.material:
            return f"{story.condition}/{name}", story.material[name]
        phrases = material.read("phrases.toml")
        if self.scene.is_child and f"young_{name}" in phrases:
            name = f"young_{name}"
        return name, phrases[name]

    def draw(self, name: str, count: int) -> tuple[str, ...]:
        """`count` phrases of a pool that this note has not used yet."""
        key, phrases = self.pool(name)
        places = self.decks.draw(key, len(phrases), count, self.rng, self._drawn[key])
        self._drawn[key].extend(places)
        return tuple(phrases[place] for place in places)

    def row(self, name: str) -> Sequence[str]:
        """The one row of a table of the illness that this note is about, e.g. its imaging study."""
        if name not in self._rows:
            key, rows = self.pool(name)
            (place,) = self.decks.draw(key, len(rows), 1, self.rng)
            self._rows[name] = rows[place]
        return self._rows[name]

    def write_all(self, templates: Sequence[str], form: str) -> None:
        """Several templates as prose, lines, list, numbered list, or separated by signs."""
        for number, template in enumerate(templates, start=1):
            if number > 1:
                self.manuscript.add(_JOINS[form])
            if form in {"list", "num"}:
                self.manuscript.add("- " if form == "list" else f"{number}. ")
            self.write(template.rstrip(".") if form in {"semi", "inline"} else template)

    def _write_node(self, node: Node) -> None:
        match node:
            case Words(text):
                self.manuscript.add(text)
            case Choice(options):
                for inner in self.rng.choice(options):
                    self._write_node(inner)
            case Mention(body):
                self.write_mention(self._spell(body))
            case Slot(name, argument):
                self._fill(name, argument)

    def _fill(self, name: str, argument: str) -> None:
        if name in self._slots:
            self._slots[name](self, argument)
            return
        count, _, form = argument.partition(",")
        self.write_all(self.draw(name, int(count or 1)), form or "prose")

    def _spell(self, body: Sequence[Node]) -> str:
        """A mention's words; only words and choices may stand in a mention."""
        spelt = ""
        for node in body:
            match node:
                case Words(text):
                    spelt += text
                case Choice(options):
                    spelt += self._spell(self.rng.choice(options))
                case _:
                    raise ValueError("a mention holds words and choices only")
        return spelt


def misspell(surface: str, rng: random.Random) -> str:
    """The surface with one long word's inner letters swapped or one left out, if it has one."""
    words = surface.split(" ")
    long = [
        place for place, word in enumerate(words) if len(word) >= _TYPO_LENGTH and word.isalpha()
    ]
    if not long:
        return surface
    place = rng.choice(long)
    word = words[place]
    at = rng.randrange(2, len(word) - 2)
    words[place] = rng.choice(
        (word[:at] + word[at + 1 :], word[:at] + word[at + 1] + word[at] + word[at + 2 :])
    )
    return " ".join(words)


def capitalised(text: str) -> str:
    """First letter upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def arguments(argument: str, count: int, form: str) -> tuple[int, str]:
    """`3,list` as (3, "list"); a bare form or count takes the other's default."""
    first, _, second = argument.partition(",")
    if first.isdigit():
        return int(first), second or form
    return count, first or form
