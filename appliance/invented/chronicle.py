"""Who the patients are, what they have, and which notes are written about them on which day."""

import random
from datetime import date, timedelta
from typing import Any, Final

from appliance.invented import material
from appliance.invented.decks import Decks
from appliance.invented.people import (
    ELDER,
    Person,
    invent_birth,
    invent_clinician,
    invent_person,
    invent_phone,
)
from appliance.invented.scene import GROWN, Scene, Story

NOTES_PER_PATIENT: Final = 8 / 3
_FIRST_DAY: Final = date(2021, 1, 4)
_DAYS: Final = 1300
# One patient in so many is above eighty-nine, where the illness allows it.
_ELDER_EVERY: Final = 8


def invent_stories(seed: int, patients: int) -> tuple[Story, ...]:
    """So many patients; illnesses are dealt evenly."""
    decks = Decks()
    keys = tuple(material.conditions())
    return tuple(_story(seed, number, keys, decks) for number in range(1, patients + 1))


def plan_scenes(seed: int, stories: tuple[Story, ...], notes: int) -> tuple[Scene, ...]:
    """So many notes over all patients, every kind and layout about equally often."""
    rng = random.Random(f"{seed}/scenes")
    decks = Decks()
    scenes: list[Scene] = []
    for number, story in enumerate(stories):
        share = notes * (number + 1) // len(stories) - notes * number // len(stories)
        scenes.extend(sorted(_scenes(story, share, rng, decks), key=lambda scene: scene.day))
    return tuple(scenes)


def _story(seed: int, number: int, keys: tuple[str, ...], decks: Decks) -> Story:
    rng = random.Random(f"{seed}/patient/{number}")
    (place,) = decks.draw("conditions", len(keys), 1, rng)
    row = material.conditions()[keys[place]]
    admitted = _FIRST_DAY + timedelta(days=rng.randrange(_DAYS))
    person = _person(number, row, admitted, rng)
    places = material.read("people.toml")["places"]
    return Story(
        person=person,
        condition=keys[place],
        material=row,
        comorbidities=_comorbidities(row, person.age_on(admitted), person.sex, decks, rng),
        admitted=admitted,
        hospital=rng.choice(places["hospitals"]),
        attending=invent_clinician(rng),
        colleague=invent_clinician(rng),
        nurse=invent_clinician(rng, nurse=True),
        phone=invent_phone(rng.choice(places["towns"])[3], rng),
    )


def _person(number: int, row: Any, admitted: date, rng: random.Random) -> Person:
    low, high = row["age"]
    if number % _ELDER_EVERY == 0 and high > ELDER:
        low = ELDER + 1
    sex = row.get("sex") or rng.choice("fm")
    born = invent_birth(low, high, admitted, rng)
    return invent_person(number, sex, born, admitted.year - born.year, rng)


def _comorbidities(
    row: Any, age: int, sex: str, decks: Decks, rng: random.Random
) -> tuple[str, ...]:
    if "comorbidities" in row:
        return tuple(rng.sample(row["comorbidities"], rng.randrange(2, 4)))
    phrases = material.read("phrases.toml")
    pool = "young_comorbidities" if age < GROWN else f"comorbidities_{sex}"
    items = phrases[pool] if age < GROWN else [*phrases[pool], *phrases["comorbidities"]]
    count = rng.randrange(2, 4) if age < GROWN else rng.randrange(3, 7)
    return tuple(items[place] for place in decks.draw(pool, len(items), count, rng))


def _scenes(story: Story, count: int, rng: random.Random, decks: Decks) -> list[Scene]:
    kinds = [kind for kind in material.layouts() if _layouts(kind, story)]
    scenes: list[Scene] = []
    for _ in range(count):
        written = {scene.kind for scene in scenes}
        fresh = [kind for kind in kinds if kind not in written]
        kind = _next_kind(story, fresh or kinds, decks, rng)
        rows = _layouts(kind, story)
        (place,) = decks.draw(kind, len(rows), 1, rng)
        first, last = rows[place]["day"]
        day = story.admitted + timedelta(days=rng.randint(first, last))
        scenes.append(Scene(story, kind, rows[place], max(day, story.person.born)))
    return scenes


def _next_kind(story: Story, kinds: list[str], decks: Decks, rng: random.Random) -> str:
    """A kind that few notes, and none about this illness, have been of so far."""
    own = decks.least_drawn(f"{story.condition}/kinds", kinds)
    kind = rng.choice(decks.least_drawn("kinds", own))
    decks.count(f"{story.condition}/kinds", kind)
    decks.count("kinds", kind)
    return kind


def _layouts(kind: str, story: Story) -> tuple[Any, ...]:
    return tuple(
        row for row in material.layouts()[kind] if row.get("needs", "hpi") in story.material
    )
