"""Invented people and their identifiers: all eighteen kinds of the Safe Harbor rule.

Source: 45 CFR 164.514(b)(2)(i)(A)-(R). Telephone numbers are of the 555-01xx block, addresses of
the Internet of documentation blocks, and towns of nowhere, so that no number is somebody's own.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from appliance.invented import material

ELDER: Final = 89
"""The oldest age that is not an identifier. Source: 45 CFR 164.514(b)(2)(i)(C)."""
_DAYS_PER_YEAR: Final = 365.25
_ONE_DAY: Final = 2 / _DAYS_PER_YEAR
_CHILDHOOD: Final = 18
_MIDDLE_AGE: Final = 48
# Area numbers that were never a whole range of rejects: not 000, not 666, below 734.
_SSN_AREAS: Final = (*range(101, 666), *range(667, 734))
_SAME_NAME_SHARE: Final = 0.6
_MAIL_HOSTS: Final = ("example.org", "example.net", "mail.example.com")
_VIN_SIGNS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Clinician:
    """Somebody who writes or is copied in."""

    given: str = field(repr=False)
    family: str = field(repr=False)
    title: str


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative who is named in notes."""

    relation: str
    given: str = field(repr=False)
    family: str = field(repr=False)
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """An invented patient.

    Attributes:
        source_id: The registry's id.
        sex: "f" or "m".
        given: Given name or names.
        middle: Initial.
        family: Family name.
        born: Date of birth.
        numbers: Every other identifier by kind, as the registry writes it.
        relative: Next of kin.
    """

    source_id: str = field(repr=False)
    sex: str
    given: str = field(repr=False)
    middle: str = field(repr=False)
    family: str = field(repr=False)
    born: date = field(repr=False)
    numbers: dict[str, str] = field(repr=False)
    relative: Relative = field(repr=False)

    def age_on(self, day: date) -> int:
        """Completed years."""
        before_birthday = (day.month, day.day) < (self.born.month, self.born.day)
        return day.year - self.born.year - before_birthday


def invent_person(number: int, sex: str, born: date, age: int, rng: random.Random) -> Person:
    """The patient with this number in the registry."""
    names = material.read("people.toml")
    family = rng.choice(names["family"]["names"])
    given = rng.choice(names["given"][sex]["names"])
    town = rng.choice(names["places"]["towns"])
    return Person(
        source_id=f"PT-{number:05d}",
        sex=sex,
        given=given,
        middle=rng.choice("ABCDEFGHJKLMNPRSTW"),
        family=family,
        born=born,
        numbers=_numbers(number, given, family, born, town, rng),
        relative=_relative(family, town[3], age, rng),
    )


def invent_clinician(rng: random.Random, *, nurse: bool = False) -> Clinician:
    """Somebody with a licence."""
    names = material.read("people.toml")["clinicians"]
    title = rng.choice(names["nurses"] if nurse else names["titles"])
    return Clinician(rng.choice(names["given"]), rng.choice(names["family"]), title)


def invent_phone(area: str, rng: random.Random) -> str:
    """A number of the block that no subscriber has.

    Source: NANPA, 555 line numbers 0100-0199 are reserved for fiction.
    """
    return f"{area}-555-01{rng.randrange(100):02d}"


def invent_birth(low: float, high: float, today: date, rng: random.Random) -> date:
    """A birthday that makes somebody `low` to `high` years old on `today`."""
    # A child's limits are meant to the day, an adult's to the year.
    years = rng.uniform(low, high + (0 if high < 1 else 1 - _ONE_DAY))
    return today - timedelta(days=int(years * _DAYS_PER_YEAR) + 1)


def _relative(family: str, area: str, age: int, rng: random.Random) -> Relative:
    names = material.read("people.toml")
    sex = rng.choice("fm")
    of = "child" if age < _CHILDHOOD else "young" if age < _MIDDLE_AGE else "old"
    relation = rng.choice(names["places"]["relations"][of][sex])
    own = family if rng.random() < _SAME_NAME_SHARE else rng.choice(names["family"]["names"])
    return Relative(
        relation, rng.choice(names["given"][sex]["names"]), own, invent_phone(area, rng)
    )


def _numbers(
    number: int, given: str, family: str, born: date, town: list[str], rng: random.Random
) -> dict[str, str]:
    def digits(count: int) -> str:
        return "".join(rng.choice("0123456789") for _ in range(count))

    def letters(count: int) -> str:
        return "".join(rng.choice("ABCDEFGHKLMNPRTWXYZ") for _ in range(count))

    places: dict[str, Any] = material.read("people.toml")["places"]
    handle = "".join(
        sign for sign in f"{given[0]}{family}".lower() if sign.isascii() and sign.isalpha()
    )
    street = f"{rng.randrange(3, 980)} {rng.choice(places['streets'])}"
    apartment = rng.choice(["", "", f", Apt {rng.randrange(1, 40)}{rng.choice('ABC')}"])
    return {
        "address": f"{street}{apartment}, {town[0]}, {town[1]} {town[2]}",
        "street": street,
        "city": town[0],
        "zip": town[2],
        "phone": invent_phone(town[3], rng),
        "fax": invent_phone(town[3], rng),
        "email": f"{handle}{born.year % 100:02d}@{rng.choice(_MAIL_HOSTS)}",
        "ssn": f"{rng.choice(_SSN_AREAS)}-{rng.randrange(11, 99)}-{rng.randrange(1012, 9899)}",
        "mrn": f"{rng.randrange(1000, 9999)}{number:04d}",
        "health-plan": f"{letters(3)}{digits(9)}",
        "account": f"{digits(4)}-{digits(6)}",
        "licence": f"{letters(1)}{digits(3)}-{digits(4)}-{digits(4)}",
        "vehicle": "".join(rng.choice(_VIN_SIGNS) for _ in range(17)),
        "plate": f"{letters(3)} {digits(4)}",
        "device": f"SN-{letters(2)}{digits(7)}",
        "url": f"https://portal.example.org/p/{handle}-{digits(4)}",
        "ip": f"{rng.choice(['192.0.2', '198.51.100', '203.0.113'])}.{rng.randrange(2, 254)}",
        "biometric": f"FP-{digits(4)}-{letters(4)}-{digits(2)}",
        "photo": f"IMG_{born.year}_{digits(5)}.jpg",
        "other-id": f"{letters(2)}-{digits(5)}-{letters(1)}",
    }
