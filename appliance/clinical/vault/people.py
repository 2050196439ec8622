"""The patients in the vault: registered, and erased; and what an import did not take in."""

from collections.abc import Iterable
from typing import Final

from appliance.clinical.intake.rejections import Place, Reason, Rejected
from appliance.clinical.vault.database import database_errors, transaction
from appliance.clinical.vault.editions import forget_editions, forget_withdrawn_of
from appliance.clinical.vault.opened import OpenVault
from appliance.clinical.vault.words import forget, squeeze
from appliance.records.identifiers import NoteId, PatientId
from appliance.records.notes import PatientIdentifier, RegisteredPatient, SourcePatient

# Of a patient; a note of nobody's is its own.
_OWNED: Final = "notes WHERE patient_id = ? OR (patient_id IS NULL AND note_id = ?)"


# In one column, so that the vault's layout stays: no reason has it.
_SEP: Final = ":"


class People(OpenVault):
    """The part of the vault that is about people.

    Where an owner is asked for it is a patient, by the site's own id, or a note without one.
    """

    def count_patients(self) -> int:
        """Count of registered patients."""
        with database_errors():
            row = self._connection.execute("SELECT count(*) FROM patients").fetchone()
            return int(row[0])

    def register(self, patients: Iterable[SourcePatient]) -> int:
        """Every patient's identifiers are in the registry, beside those known before; their count.

        All of them or none: a registry half taken in would leave patients unprotected.

        Raises:
            NoSpace: The disk is full.
        """
        count = 0
        with database_errors(), transaction(self._connection):
            for patient in patients:
                self._register(patient)
                count += 1
        self._recorder.record("vault.registered", {"patients": count})
        return count

    def read_patients_identified(self, reason: str) -> list[RegisteredPatient]:
        """All registered patients with all their identifiers; the ledger was told why before.

        Raises:
            BadInput: The reason is none.
        """
        self._record_read("vault.patients-read", self.count_patients(), reason)
        found: dict[PatientId, list[PatientIdentifier]] = {}
        with database_errors():
            rows = self._connection.execute(
                "SELECT patient_id, kind, value FROM identifiers ORDER BY patient_id, kind, value"
            )
            for patient_id, kind, value in rows:
                found.setdefault(PatientId(patient_id), []).append(PatientIdentifier(kind, value))
        return [RegisteredPatient(patient_id, tuple(all_)) for patient_id, all_ in found.items()]

    def keep_rejected(self, items: Iterable[Rejected]) -> None:
        """The items that the newest import did not take in are known; those before are forgotten.

        Raises:
            NoSpace: The disk is full; the list is as it was.
        """
        rows = [
            (_written(item.reason, place.field), place.path, place.file, place.line, place.name)
            for item in items
            for place in (item.place,)
        ]
        with database_errors(), transaction(self._connection):
            self._connection.execute("DELETE FROM rejected")
            self._connection.executemany(
                "INSERT INTO rejected (reason, path, file, line, name) VALUES (?, ?, ?, ?, ?)", rows
            )

    def read_rejected_identified(self, reason: str) -> list[Rejected]:
        """What `keep_rejected` was given last, names and all; the ledger was told why before.

        Raises:
            BadInput: The reason is none.
        """
        with database_errors():
            rows = self._connection.execute(
                "SELECT reason, path, file, line, name FROM rejected ORDER BY number"
            ).fetchall()
        self._record_read("vault.rejected-read", len(rows), reason)
        return [_rejected(why, *place) for why, *place in rows]

    def is_registered(self, patient_source_id: str) -> bool:
        """Whether the registry has a row of that id."""
        with database_errors():
            return self._has_row(self.patient_id_of(patient_source_id))

    def other_ids_of(self, patient_source_id: str) -> dict[PatientId, int]:
        """Where else the same person may be, and with how many notes each.

        By the registry: an id that stands among the patient's identifiers, or whose row has this
        id among its own. Systems that export notes do not all use the same id.
        """
        patient_id = self.patient_id_of(patient_source_id)
        with database_errors():
            given = self._connection.execute(
                "SELECT value FROM identifiers WHERE patient_id = ?", (patient_id,)
            )
            others = {self.patient_id_of(row[0]) for row in given}
            naming = self._connection.execute(
                "SELECT patient_id FROM identifiers WHERE value = ?", (patient_source_id,)
            )
            others |= {PatientId(row[0]) for row in naming}
            notes = {other: self._count_notes(other) for other in sorted(others - {patient_id})}
            return {one: count for one, count in notes.items() if count or self._has_row(one)}

    def begin_erasure(self, patient_source_id: str) -> list[NoteId]:
        """It is on disk that the patient is being erased; ids of the notes that are still there."""
        return self.begin_erasure_of(self.patient_id_of(patient_source_id))

    def begin_erasure_of(self, patient_id: PatientId) -> list[NoteId]:
        """The same, by the site's own id: as the ledger's tombstone names the patient."""
        with database_errors():
            self._connection.execute("INSERT OR IGNORE INTO erasing VALUES (?)", (patient_id,))
        return self.notes_of(patient_id)

    def notes_of(self, owner: PatientId) -> list[NoteId]:
        """Ids of the owner's notes, withdrawn ones too, sorted."""
        with database_errors():
            rows = self._connection.execute(
                f"SELECT note_id FROM {_OWNED} ORDER BY note_id",  # noqa: S608 - fixed text
                (owner, owner),
            )
            return [NoteId(row[0]) for row in rows]

    def is_erasing(self, patient_source_id: str) -> bool:
        """Whether an erasure of the patient was begun and not ended."""
        return self.is_erasing_of(self.patient_id_of(patient_source_id))

    def is_erasing_of(self, owner: PatientId) -> bool:
        """The same, of an owner."""
        with database_errors():
            row = self._connection.execute(
                "SELECT count(*) FROM erasing WHERE patient_id = ?", (owner,)
            ).fetchone()
            return bool(row[0])

    def who_is_gone(self, erased: Iterable[PatientId]) -> frozenset[PatientId]:
        """Of those that were erased at some time, who has no note here; and whose erasure goes on.

        Args:
            erased: As the ledger's tombstones name them.
        """
        with database_errors():
            once = frozenset(erased)
            back = {row[2] for row in self._rows("patient_id", "notes", sorted(once))}
            own = self._rows("note_id", "notes", sorted(once))
            back |= {row[0] for row in own if row[2] is None}
            rows = self._connection.execute("SELECT patient_id FROM erasing").fetchall()
        return (once - back) | {PatientId(row[0]) for row in rows}

    def end_erasure(self, patient_source_id: str) -> None:
        """Everything of the patient is gone, from other places too."""
        self.end_erasure_of(self.patient_id_of(patient_source_id))

    def end_erasure_of(self, patient_id: PatientId) -> None:
        """The same, by the site's own id."""
        with database_errors():
            self._connection.execute("DELETE FROM erasing WHERE patient_id = ?", (patient_id,))

    def erase_patient(self, patient_source_id: str) -> int:
        """The patient's notes, in every version, and identifiers are gone; the count of notes.

        So is the list of rejected items: a file's name can be a patient's. Pages are overwritten
        and the write-ahead log is emptied.
        """
        return self.erase_patient_of(self.patient_id_of(patient_source_id))

    def erase_patient_of(self, patient_id: PatientId) -> int:
        """The same, of an owner."""
        with database_errors():
            with transaction(self._connection):
                ids = self.notes_of(patient_id)
                forget(self._connection, ids)
                forget_editions(self._connection, ids)
                forget_withdrawn_of(self._connection, patient_id)
                if ids:
                    squeeze(self._connection)
                owner = (patient_id, patient_id)
                owned = f"(SELECT note_id FROM {_OWNED})"  # noqa: S608 - fixed text
                self._connection.execute(
                    f"DELETE FROM bodies WHERE note_id IN {owned}",  # noqa: S608 - the same
                    owner,
                )
                erased = self._connection.execute(
                    f"DELETE FROM {_OWNED}",  # noqa: S608 - the same
                    owner,
                ).rowcount
                for table in ("identifiers", "patients"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE patient_id = ?",  # noqa: S608 - fixed names
                        (patient_id,),
                    )
                self._connection.execute("DELETE FROM rejected")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._recorder.record("vault.erased", {"patient": patient_id, "notes": erased})
        return int(erased)

    def _count_notes(self, patient_id: PatientId) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM notes WHERE patient_id = ?", (patient_id,)
        ).fetchone()
        return int(row[0])

    def _has_row(self, patient_id: PatientId) -> bool:
        row = self._connection.execute(
            "SELECT count(*) FROM patients WHERE patient_id = ?", (patient_id,)
        ).fetchone()
        return bool(row[0])

    def _register(self, patient: SourcePatient) -> None:
        patient_id = self.patient_id_of(patient.source_id)
        self._connection.execute(
            "INSERT OR IGNORE INTO patients VALUES (?, ?)", (patient_id, patient.source_id)
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO identifiers VALUES (?, ?, ?)",
            [(patient_id, item.kind, item.value) for item in patient.identifiers],
        )


def _rejected(written: str, path: int, file: int | None, line: int | None, name: str) -> Rejected:
    reason, _, field = written.partition(_SEP)
    return Rejected(Reason(reason), Place(path, file, line, name, field))


def _written(reason: Reason, field: str) -> str:
    return f"{reason}{_SEP}{field}" if field else str(reason)
