"""Composes every note of a plan, and writes one anew where it came out too much like another."""

import random
from collections.abc import Mapping, Sequence
from typing import Final

from appliance.invented import slots_clinical, slots_people
from appliance.invented.decks import Decks
from appliance.invented.likeness import Shelf, shingles
from appliance.invented.manuscript import Manuscript
from appliance.invented.scene import Scene
from appliance.invented.writer import SlotFunction, Writer

ENOUGH_UNLIKE: Final = 0.3
"""Highest Jaccard likeness to an earlier note at which a first attempt is kept."""
_ATTEMPTS: Final = 6
_SLOTS: Final[Mapping[str, SlotFunction]] = {**slots_clinical.SLOTS, **slots_people.SLOTS}


def compose_all(seed: int, scenes: Sequence[Scene]) -> tuple[Manuscript, ...]:
    """One manuscript per scene, in order, each as unlike the earlier ones as six attempts allow."""
    decks = Decks()
    shelf = Shelf()
    manuscripts = []
    for number, scene in enumerate(scenes):
        manuscript = _most_unlike(seed, number, scene, decks, shelf)
        shelf.put(shingles(manuscript))
        manuscripts.append(manuscript)
    return tuple(manuscripts)


def compose(scene: Scene, rng: random.Random, decks: Decks) -> Manuscript:
    """The scene's note: its layout filled in, shouted and wrapped where the layout says so."""
    writer = Writer(scene, rng, decks, _SLOTS)
    writer.write(scene.layout["text"])
    manuscript = writer.manuscript
    if scene.layout.get("shout"):
        manuscript = manuscript.shouted()
    manuscript = manuscript.tidied()
    if "wrap" in scene.layout:
        manuscript = manuscript.wrapped(scene.layout["wrap"])
    return manuscript


def _most_unlike(seed: int, number: int, scene: Scene, decks: Decks, shelf: Shelf) -> Manuscript:
    best, best_likeness = None, 2.0
    for attempt in range(_ATTEMPTS):
        manuscript = compose(scene, random.Random(f"{seed}/note/{number}/{attempt}"), decks)
        likeness = shelf.highest_likeness(shingles(manuscript))
        if likeness < best_likeness:
            best, best_likeness = manuscript, likeness
        if likeness < ENOUGH_UNLIKE:
            break
    assert best is not None
    return best
