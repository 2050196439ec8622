"""What a note is about: one patient, one illness, one day, the people around."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from appliance.invented.people import Clinician, Person

GROWN: Final = 16


@dataclass(frozen=True, slots=True)
class Story:
    """What holds for all notes of a patient.

    Attributes:
        person: The patient.
        condition: Key of the main illness among the conditions.
        material: That condition's word material.
        comorbidities: Templates with mentions.
        admitted: Day 0.
        hospital: Its name.
        attending: Writes most notes.
        colleague: Is asked, or asks.
        nurse: Charts.
        phone: The hospital's switchboard.
    """

    person: Person
    condition: str
    material: Mapping[str, Any] = field(repr=False)
    comorbidities: tuple[str, ...]
    admitted: date = field(repr=False)
    hospital: str = field(repr=False)
    attending: Clinician
    colleague: Clinician
    nurse: Clinician
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """What holds for one note.

    Attributes:
        story: The patient's.
        kind: Note type.
        layout: Row of the layout files.
        day: Day of the note.
    """

    story: Story
    kind: str
    layout: Mapping[str, Any] = field(repr=False)
    day: date = field(repr=False)

    @property
    def style(self) -> str:
        """One of "formal", "terse", "letter" and "dictated"."""
        return str(self.layout["style"])

    @property
    def age(self) -> int:
        """Completed years on the note's day; 0 before birth."""
        return max(0, self.story.person.age_on(self.day))

    @property
    def is_child(self) -> bool:
        """Under sixteen."""
        return self.age < GROWN
