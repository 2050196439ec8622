"""Real clinical text and the patients it belongs to; every text field is kept out of repr."""

from dataclasses import dataclass, field
from typing import Final

from appliance.records.identifiers import NoteId, PatientId


@dataclass(frozen=True, slots=True)
class Edition:
    """What a message says of its place among all messages about one note.

    Attributes:
        updated: When its system changed it last, as `YYYY-MM-DDTHH:MM:SS.ffffff` in UTC; "" where
            it does not say.
        number: Which version it is there; None where it does not say, or not by a number.
    """

    updated: str = field(default="", repr=False)
    number: int | None = None

    def is_older_than(self, other: "Edition") -> bool:
        """Whether the time says so; the number, where the times are alike or one is not known.

        >>> Edition(number=2).is_older_than(Edition(number=10))
        True
        """
        if self.updated and other.updated and self.updated != other.updated:
            return self.updated < other.updated
        if self.number is None or other.number is None:
            return False
        return self.number < other.number

    def with_rest_of(self, other: "Edition") -> "Edition":
        """The same, with what only the other says."""
        number = other.number if self.number is None else self.number
        return Edition(self.updated or other.updated, number)


NO_EDITION: Final = Edition()
"""Nothing is said: then the message that is read later is the newer one."""


@dataclass(frozen=True, slots=True)
class SourceNote:
    """One note as an export gives it, before the vault.

    Attributes:
        source_id: The id in the exporting system; may hold an MRN, hence out of repr.
        patient_source_id: The patient's id there, or None where the export names none.
        kind: Type of note in the hospital's words, e.g. "discharge-summary"; "" when unknown.
        written_on: ISO 8601 date, or "" when unknown.
        text: The note, newline-normalised, otherwise as exported.
        encoding: In what its bytes were: a character set, "xml" or "pdf".
        is_message: Whether its format says what became of a note later under the same id, as FHIR
            and HL7 v2 do: then another of this id in an export is a newer version, and no clash.
        is_withdrawn: Whether it is the word that the note of this id is not to be read any more;
            without text.
        edition: Of a message that says which of several is the newest, whatever is read last.
    """

    source_id: str = field(repr=False)
    patient_source_id: str | None = field(repr=False)
    kind: str
    written_on: str = field(repr=False)
    text: str = field(repr=False)
    encoding: str = "utf-8"
    is_message: bool = field(default=False, compare=False)
    is_withdrawn: bool = False
    edition: Edition = field(default=NO_EDITION, compare=False)


def withdrawal_of(
    source_id: str, patient_source_id: str | None, edition: Edition = NO_EDITION
) -> SourceNote:
    """The word that the note of that id is withdrawn, as a message says it."""
    return SourceNote(
        source_id,
        patient_source_id,
        "",
        "",
        "",
        is_message=True,
        is_withdrawn=True,
        edition=edition,
    )


@dataclass(frozen=True, slots=True)
class Note:
    """One note as it comes out of the vault.

    Attributes:
        note_id: The site's own id, a keyed hash of the source id.
        patient_id: The site's own id of the patient, or None.
        kind: As in `SourceNote`.
        written_on: As in `SourceNote`.
        text: As in `SourceNote`.
        encoding: As in `SourceNote`.
    """

    note_id: NoteId
    patient_id: PatientId | None
    kind: str
    written_on: str = field(repr=False)
    text: str = field(repr=False)
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class PatientIdentifier:
    """One thing by which a registered patient could be recognised.

    Attributes:
        kind: What it is: "name", "birth-date", "mrn", "phone", "ssn", "address", "email", ...
        value: As the registry writes it.
    """

    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourcePatient:
    """One row of the registry as the hospital exports it."""

    source_id: str = field(repr=False)
    identifiers: tuple[PatientIdentifier, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisteredPatient:
    """One row of the site's patient registry."""

    patient_id: PatientId
    identifiers: tuple[PatientIdentifier, ...] = field(repr=False)
