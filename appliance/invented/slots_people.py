"""Slots about people, places, dates and numbers: every identifier that a note holds."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from appliance.invented import material, surfaces
from appliance.invented.people import ELDER, Clinician
from appliance.invented.slots_clinical import capital
from appliance.invented.writer import SlotFunction, Writer


def number(slot: str) -> SlotFunction:
    """An identifier of the registry, as it stands there."""

    def write(writer: Writer, argument: str) -> None:
        del argument
        writer.write_identifier(writer.scene.story.person.numbers[slot], slot)

    return write


def varied(kind: str, choose: Callable[[Writer], str]) -> SlotFunction:
    """An identifier in one of its written forms."""

    def write(writer: Writer, argument: str) -> None:
        del argument
        writer.write_identifier(choose(writer), kind)

    return write


def note_date(writer: Writer, argument: str) -> None:
    """`{date}` the note's day, `{date:h}` for headings, `{date:-3}` days before it."""
    heading = argument == "h"
    offset = 0 if heading or not argument else int(argument)
    day = writer.scene.day + timedelta(days=offset)
    writer.write_identifier(surfaces.write_date(day, writer.rng, heading=heading), "date")


def polite_name(writer: Writer, argument: str) -> None:
    """`{Mr}`: title and family name; a child goes by the given name."""
    del argument
    person = writer.scene.story.person
    if writer.scene.is_child:
        writer.write_identifier(person.given, "name-part")
        return
    title = "Mr." if person.sex == "m" else writer.rng.choice(("Mrs.", "Ms."))
    writer.manuscript.add(f"{title} ")
    writer.write_identifier(person.family, "name-part")


def age(writer: Writer, argument: str) -> None:
    """`{age}`: years, an identifier only above eighty-nine."""
    del argument
    years = writer.scene.age
    if years < 1:
        writer.manuscript.add(f"{max(1, _days_old(writer))}-day-old")
        return
    text = writer.rng.choice(
        (f"{years}-year-old", f"{years} year old", f"{years}yo", f"{years} y/o")
    )
    if years > ELDER:
        writer.write_identifier(text, "age")
    else:
        writer.manuscript.add(text)


def relative(writer: Writer, argument: str) -> None:
    """`{relative}`: relation and given name."""
    del argument
    kin = writer.scene.story.person.relative
    writer.manuscript.add(f"{writer.rng.choice(('', 'the '))}{kin.relation} ")
    writer.write_identifier(kin.given, "relative-part")


def relative_full(writer: Writer, argument: str) -> None:
    """`{relative_full}`: relation and whole name."""
    del argument
    kin = writer.scene.story.person.relative
    writer.manuscript.add(f"{kin.relation} ")
    writer.write_identifier(f"{kin.given} {kin.family}", "relative")


def clinician(which: str) -> SlotFunction:
    """`{dr}`, `{dr2}`, `{nurse}`."""

    def write(writer: Writer, argument: str) -> None:
        del argument
        person: Clinician = getattr(writer.scene.story, which)
        writer.write_identifier(surfaces.write_clinician(person, writer.rng), "clinician")

    return write


def maiden(writer: Writer, argument: str) -> None:
    """`{maiden}`: given name and an earlier family name."""
    del argument
    given = writer.scene.story.person.given
    family = writer.rng.choice(material.read("people.toml")["family"]["names"])
    writer.write_identifier(f"{given} {family}", "name")


def typist(writer: Writer, argument: str) -> None:
    """`{initials_typist}`: who typed a dictation."""
    del argument
    writer.manuscript.add("".join(writer.rng.choice("abcdefghklmnprstw") for _ in "ab"))


def pronoun(female: str, male: str) -> SlotFunction:
    """A word that follows the patient's sex."""

    def write(writer: Writer, argument: str) -> None:
        del argument
        writer.manuscript.add(female if writer.scene.story.person.sex == "f" else male)

    return write


def person_noun(writer: Writer, argument: str) -> None:
    """`{man}`: man, woman, boy, girl, male, female."""
    del argument
    female = writer.scene.story.person.sex == "f"
    grown = not writer.scene.is_child
    pair = ("woman", "man") if grown else ("girl", "boy")
    if writer.scene.style == "terse":
        pair = ("F", "M")
    writer.manuscript.add(pair[0] if female else pair[1])


def _place(table: str, kind: str) -> SlotFunction:
    def write(writer: Writer, argument: str) -> None:
        del argument
        writer.write_identifier(
            writer.rng.choice(material.read("people.toml")["places"][table]), kind
        )

    return write


def _plain(table: str) -> SlotFunction:
    def write(writer: Writer, argument: str) -> None:
        del argument
        writer.manuscript.add(writer.rng.choice(material.read("people.toml")["places"][table]))

    return write


def _days_old(writer: Writer) -> int:
    return (writer.scene.day - writer.scene.story.person.born).days


def _of(writer: Writer, kind: str) -> str:
    return writer.scene.story.person.numbers[kind]


# Slot to kind, where the registry's own form is written.
_NUMBERS: Final = {
    "policy": "health-plan",
    "other": "other-id",
    **{
        kind: kind
        for kind in (
            *("account", "licence", "vehicle", "plate", "device", "url", "ip", "biometric"),
            *("photo", "address", "street", "city", "zip", "email"),
        )
    },
}

SLOTS: Final[dict[str, SlotFunction]] = {
    **{slot: number(kind) for slot, kind in _NUMBERS.items()},
    "phone": varied("phone", lambda w: surfaces.write_phone(_of(w, "phone"), w.rng)),
    "fax": varied("fax", lambda w: surfaces.write_phone(_of(w, "fax"), w.rng)),
    "relphone": varied(
        "phone", lambda w: surfaces.write_phone(w.scene.story.person.relative.phone, w.rng)
    ),
    "drphone": varied("hospital-phone", lambda w: surfaces.write_phone(w.scene.story.phone, w.rng)),
    "ssn": varied("ssn", lambda w: surfaces.write_ssn(_of(w, "ssn"), w.rng)),
    "mrn": varied("mrn", lambda w: surfaces.write_mrn(_of(w, "mrn"), w.rng)),
    "pt": varied("name", lambda w: surfaces.write_name(w.scene.story.person, w.rng)),
    "sorted_name": varied(
        "name", lambda w: surfaces.write_sorted_name(w.scene.story.person, w.rng)
    ),
    "initials": varied("initials", lambda w: surfaces.initials(w.scene.story.person)),
    "dob": varied(
        "birth-date",
        lambda w: surfaces.write_date(w.scene.story.person.born, w.rng, heading=True),
    ),
    "admitted": varied(
        "date", lambda w: surfaces.write_date(w.scene.story.admitted, w.rng, heading=True)
    ),
    "date": note_date,
    "Mr": polite_name,
    "age": age,
    "Age": capital(age),
    "relative": relative,
    "Relative": capital(relative),
    "relative_full": relative_full,
    "Relative_full": capital(relative_full),
    "dr": clinician("attending"),
    "dr2": clinician("colleague"),
    "nurse": clinician("nurse"),
    "hospital": varied("hospital", lambda w: w.scene.story.hospital),
    "ward": _place("wards", "ward"),
    "employer": _place("employers", "employer"),
    "employer_place": _place("employers", "employer"),
    "maiden": maiden,
    "insurer": _plain("insurers"),
    "vehicle_name": _plain("vehicles"),
    "device_name": _plain("devices"),
    "initials_typist": typist,
    "he": pronoun("she", "he"),
    "He": pronoun("She", "He"),
    "him": pronoun("her", "him"),
    "his": pronoun("her", "his"),
    "man": person_noun,
}
