"""The registry's row of a patient, with identifiers of every kind."""

from appliance.invented.scene import Story
from appliance.records.notes import PatientIdentifier, SourcePatient


def registry_row(story: Story) -> SourcePatient:
    """The patient as the hospital's registry exports it.

    Source: the kinds are those of 45 CFR 164.514(b)(2)(i)(A)-(R).
    """
    person = story.person
    rows = [
        ("name", f"{person.given} {person.family}"),
        ("birth-date", person.born.isoformat()),
        ("date", story.admitted.isoformat()),
        *((kind, value) for kind, value in person.numbers.items()),
        ("relative", f"{person.relative.given} {person.relative.family}"),
        ("phone", person.relative.phone),
    ]
    return SourcePatient(person.source_id, tuple(PatientIdentifier(k, v) for k, v in rows))
