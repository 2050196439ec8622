"""The same identifier as different people write it: dates, names, numbers."""

import random
from collections.abc import Callable
from datetime import date
from typing import Final

from appliance.invented.people import Clinician, Person

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
_DATES: Final[tuple[Callable[[date], str], ...]] = (
    lambda day: f"{day.month:02d}/{day.day:02d}/{day.year}",
    lambda day: f"{day.month}/{day.day}/{day.year % 100:02d}",
    lambda day: day.isoformat(),
    lambda day: f"{_MONTHS[day.month - 1]} {day.day}, {day.year}",
    lambda day: f"{day.day} {_MONTHS[day.month - 1]} {day.year}",
    lambda day: f"{day.day:02d}-{_MONTHS[day.month - 1][:3]}-{day.year}",
    lambda day: f"{_MONTHS[day.month - 1][:3]} {day.day}",
    lambda day: f"{day.month}/{day.day}",
    lambda day: f"{day.day:02d}.{day.month:02d}.{day.year}",
    lambda day: f"the {_ordinal(day.day)} of {_MONTHS[day.month - 1]}",
)
# Forms that a heading may use: with the year, and no words around.
_HEADING_DATES: Final = _DATES[:6]


def write_date(day: date, rng: random.Random, *, heading: bool = False) -> str:
    """A date in one of ten forms; in a heading always with the year."""
    return rng.choice(_HEADING_DATES if heading else _DATES)(day)


def write_phone(number: str, rng: random.Random) -> str:
    """`989-555-0123` in one of six forms."""
    area, exchange, line = number.split("-")
    return rng.choice(
        (
            number,
            f"({area}) {exchange}-{line}",
            f"{area}.{exchange}.{line}",
            f"+1 {area} {exchange} {line}",
            f"1-{area}-{exchange}-{line}",
            f"{area}{exchange}{line}",
        )
    )


def write_ssn(number: str, rng: random.Random) -> str:
    """A social security number with hyphens or spaces."""
    return rng.choice((number, number, number.replace("-", " ")))


def write_mrn(number: str, rng: random.Random) -> str:
    """A record number plain, with zeroes in front, or in two groups."""
    return rng.choice((number, number, f"00{number}", f"{number[:4]}-{number[4:]}"))


def write_name(person: Person, rng: random.Random) -> str:
    """A patient's whole name in one of seven forms."""
    given, family, middle = person.given, person.family, person.middle
    return rng.choice(
        (
            f"{given} {family}",
            f"{given} {middle}. {family}",
            f"{family}, {given}",
            f"{family.upper()}, {given} {middle}.",
            f"{family.upper()}, {given.upper()}",
            f"{given[0]}. {family}",
            f"{given} {family.upper()}",
        )
    )


def write_sorted_name(person: Person, rng: random.Random) -> str:
    """Family name first, as forms have it."""
    given, family, middle = person.given, person.family, person.middle
    return rng.choice(
        (
            f"{family}, {given}",
            f"{family.upper()}, {given} {middle}.",
            f"{family.upper()} {given.upper()}",
        )
    )


def write_clinician(clinician: Clinician, rng: random.Random) -> str:
    """A clinician with a title in front or behind."""
    given, family, title = clinician.given, clinician.family, clinician.title
    if "N" in title.split(",")[0] or title == "PA-C":
        return rng.choice((f"{given} {family}, {title}", f"{given[0]}. {family} {title}"))
    return rng.choice(
        (
            f"Dr. {family}",
            f"Dr. {given} {family}",
            f"{given} {family}, {title}",
            f"Dr {given[0]} {family}",
        )
    )


def initials(person: Person) -> str:
    """Two letters, as nurses chart."""
    return f"{person.given[0]}.{person.family[0]}."


def _ordinal(number: int) -> str:
    tens = 10
    teens = number // tens % tens == 1
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % tens, 'th')}"
