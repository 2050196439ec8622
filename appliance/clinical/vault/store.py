"""The vault: notes and patients go in by the stream and come out one by one, for a reason."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from appliance.clinical.intake.rejections import Place, Reason, Rejected
from appliance.clinical.vault.database import database_errors, open_database, transaction
from appliance.clinical.vault.sealing import Sealed, VaultKeys, derive_keys, mark, seal, unseal
from appliance.errors import BadInput, KeyMismatch
from appliance.records.events import Recorder
from appliance.records.identifiers import Digest, NoteId, PatientId
from appliance.records.notes import (
    Note,
    PatientIdentifier,
    RegisteredPatient,
    SourceNote,
    SourcePatient,
)
from appliance.settings.keys import pseudonym

NOTES_PER_TRANSACTION: Final = 256
_IDS_PER_QUERY: Final = 500
_REASON: Final = re.compile(r"[a-z](?:-?[a-z]){1,39}")


@dataclass(frozen=True, slots=True)
class SealReport:
    """What became of the notes of one import.

    Attributes:
        new: Not in the vault before.
        changed: In the vault with other content; now there as a new version.
        known: In the vault as they are.
    """

    new: int = 0
    changed: int = 0
    known: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.new + self.changed + self.known

    def plus(self, other: "SealReport") -> "SealReport":
        """Both together."""
        return SealReport(
            self.new + other.new, self.changed + other.changed, self.known + other.known
        )


class Vault:
    """One site's vault, open. Several processes may hold it open at once."""

    def __init__(
        self, connection: Any, keys: VaultKeys, pseudonym_key: bytes, recorder: Recorder
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._pseudonym_key = pseudonym_key
        self._recorder = recorder

    @classmethod
    def open(cls, directory: Path, key: bytes, pseudonym_key: bytes, recorder: Recorder) -> "Vault":
        """The vault in `directory`; an empty one is made where there is none.

        Args:
            directory: `SITE/vault`.
            key: The site's vault key, 32 bytes.
            pseudonym_key: The site's key for ids, 32 bytes.
            recorder: Where reads, imports and erasures are recorded.

        Raises:
            KeyMismatch: It was made with another key, of either kind.
            NoSpace: The disk is full.
        """
        keys = derive_keys(key)
        vault = cls(open_database(directory, keys.database), keys, pseudonym_key, recorder)
        vault._check_pseudonym_key()
        return vault

    def close(self) -> None:
        """The file is closed; the vault is of no further use."""
        self._connection.close()

    def note_id_of(self, source_id: str) -> NoteId:
        """The site's own id of a note of the exporting system."""
        return NoteId("n-" + pseudonym(self._pseudonym_key, "note", source_id))

    def patient_id_of(self, source_id: str) -> PatientId:
        """The site's own id of a patient of the exporting system."""
        return PatientId("p-" + pseudonym(self._pseudonym_key, "patient", source_id))

    def seal(self, notes: Iterable[SourceNote]) -> SealReport:
        """Every note is in the vault: once, however often it comes, and in its newest version.

        Notes are committed by the hundreds. Whatever ends the stream, be it an error, a full disk
        or a signal, leaves those committed before it in the vault and in the ledger.

        Raises:
            NoSpace: The disk is full.
        """
        report, stream = SealReport(), iter(notes)
        try:
            while chunk := list(islice(stream, NOTES_PER_TRANSACTION)):
                with database_errors(), transaction(self._connection):
                    done = self._seal_chunk(chunk)
                report = report.plus(done)
        finally:
            self._recorder.record(
                "vault.sealed",
                {"new": report.new, "changed": report.changed, "known": report.known},
            )
        return report

    def note_ids(self, kind: str | None = None) -> list[NoteId]:
        """Ids of all notes, or of those of one kind, sorted."""
        query = "SELECT note_id FROM notes ORDER BY note_id"
        values: tuple[str, ...] = ()
        if kind is not None:
            query, values = "SELECT note_id FROM notes WHERE kind = ? ORDER BY note_id", (kind,)
        with database_errors():
            return [NoteId(row[0]) for row in self._connection.execute(query, values)]

    def owners(self) -> dict[NoteId, PatientId | None]:
        """The patient of every note, by the site's own ids."""
        with database_errors():
            rows = self._connection.execute("SELECT note_id, patient_id FROM notes")
            return {
                NoteId(note_id): None if patient is None else PatientId(patient)
                for note_id, patient in rows
            }

    def digest(self) -> Digest:
        """SHA-256 over ids and versions of all notes: it changes when what is to be read does."""
        hasher = hashlib.sha256()
        with database_errors():
            rows = self._connection.execute("SELECT note_id, version FROM notes ORDER BY note_id")
            for note_id, version in rows:
                hasher.update(f"{note_id}:{version}\n".encode())
        return Digest(hasher.hexdigest())

    def count(self) -> dict[str, int]:
        """Count of notes by kind, in the kinds' order."""
        with database_errors():
            rows = self._connection.execute(
                "SELECT kind, count(*) FROM notes GROUP BY kind ORDER BY kind"
            )
            return {str(kind): int(count) for kind, count in rows}

    def count_patients(self) -> int:
        """Count of registered patients."""
        with database_errors():
            row = self._connection.execute("SELECT count(*) FROM patients").fetchone()
            return int(row[0])

    def read_identified(self, note_ids: Sequence[NoteId], reason: str) -> list[Note]:
        """The notes, as asked for and in that order; the ledger was told why before any was read.

        Args:
            note_ids: Ids of notes in the vault.
            reason: A word or a few, [a-z-], e.g. "extraction".

        Raises:
            BadInput: The reason is none, or a note is not in the vault.
            IntegrityError: A note's bytes were changed.
        """
        self._record_read("vault.read", len(note_ids), reason)
        found: dict[NoteId, Note] = {}
        with database_errors():
            for row in self._rows(
                "note_id", "notes JOIN bodies USING (note_id, version)", note_ids
            ):
                note = self._open_note(row)
                found[note.note_id] = note
        missing = sum(note_id not in found for note_id in note_ids)
        if missing:
            which = "That note is" if len(note_ids) == 1 else f"{missing} of {len(note_ids)} are"
            raise BadInput(
                f"{which} not in the vault.",
                "Give the id that the export or a finding names.",
            )
        return [found[note_id] for note_id in note_ids]

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
            (item.reason, item.place.path, item.place.file, item.place.line, item.place.name)
            for item in items
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
        return [Rejected(Reason(why), Place(*place)) for why, *place in rows]

    def count_of_patient(self, patient_source_id: str) -> int:
        """Count of notes that `erase_patient` would erase."""
        patient_id = self.patient_id_of(patient_source_id)
        with database_errors():
            return int(
                self._connection.execute(
                    "SELECT count(*) FROM notes WHERE patient_id = ?", (patient_id,)
                ).fetchone()[0]
            )

    def begin_erasure(self, patient_source_id: str) -> list[NoteId]:
        """It is on disk that the patient is being erased; ids of the notes that are still there."""
        patient_id = self.patient_id_of(patient_source_id)
        with database_errors():
            self._connection.execute("INSERT OR IGNORE INTO erasing VALUES (?)", (patient_id,))
            rows = self._connection.execute(
                "SELECT note_id FROM notes WHERE patient_id = ? ORDER BY note_id", (patient_id,)
            )
            return [NoteId(row[0]) for row in rows]

    def is_erasing(self, patient_source_id: str) -> bool:
        """Whether an erasure of the patient was begun and not ended."""
        patient_id = self.patient_id_of(patient_source_id)
        with database_errors():
            row = self._connection.execute(
                "SELECT count(*) FROM erasing WHERE patient_id = ?", (patient_id,)
            ).fetchone()
            return bool(row[0])

    def end_erasure(self, patient_source_id: str) -> None:
        """Everything of the patient is gone, from other places too."""
        patient_id = self.patient_id_of(patient_source_id)
        with database_errors():
            self._connection.execute("DELETE FROM erasing WHERE patient_id = ?", (patient_id,))

    def erase_patient(self, patient_source_id: str) -> int:
        """The patient's notes, in every version, and identifiers are gone; the count of notes.

        So is the list of rejected items: a file's name can be a patient's. Pages are overwritten
        and the write-ahead log is emptied.
        """
        patient_id = self.patient_id_of(patient_source_id)
        with database_errors():
            with transaction(self._connection):
                owned = "(SELECT note_id FROM notes WHERE patient_id = ?)"
                self._connection.execute(
                    f"DELETE FROM bodies WHERE note_id IN {owned}",  # noqa: S608 - fixed text
                    (patient_id,),
                )
                erased = self._connection.execute(
                    "DELETE FROM notes WHERE patient_id = ?", (patient_id,)
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

    def _seal_chunk(self, chunk: Sequence[SourceNote]) -> SealReport:
        ids = [self.note_id_of(note.source_id) for note in chunk]
        known = {
            row[0]: (int(row[5]), bytes(row[6])) for row in self._rows("note_id", "notes", ids)
        }
        new = changed = 0
        for note_id, note in zip(ids, chunk, strict=True):
            version, before = known.get(note_id, (0, b""))
            now = self._mark(note)
            if version and hmac.compare_digest(before, now):
                continue
            self._write(note, note_id, version + 1, now)
            known[note_id] = (version + 1, now)
            new, changed = (new, changed + 1) if version else (new + 1, changed)
        return SealReport(new, changed, len(chunk) - new - changed)

    def _write(self, note: SourceNote, note_id: NoteId, version: int, mark_: bytes) -> None:
        owner = note.patient_source_id
        sealed = seal(note.text, note_id, version, self._keys.wrapping)
        self._connection.execute(
            "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                note_id,
                note.source_id,
                None if owner is None else self.patient_id_of(owner),
                note.kind,
                note.written_on,
                version,
                mark_,
            ),
        )
        self._connection.execute(
            "INSERT INTO bodies VALUES (?, ?, ?, ?)",
            (note_id, version, sealed.wrapped_key, sealed.body),
        )

    def _mark(self, note: SourceNote) -> bytes:
        owner = note.patient_source_id
        return mark(
            self._keys.marking,
            "" if owner is None else f"+{owner}",
            note.kind,
            note.written_on,
            note.text,
        )

    def _rows(self, column: str, tables: str, values: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(values), _IDS_PER_QUERY):
            part = values[start : start + _IDS_PER_QUERY]
            places = ",".join("?" * len(part))
            query = f"SELECT * FROM {tables} WHERE {column} IN ({places})"  # noqa: S608 - fixed
            yield from self._connection.execute(query, part)

    def _open_note(self, row: tuple[Any, ...]) -> Note:
        note_id, _, patient_id, kind, written_on, version, _, wrapped_key, body = row
        text = unseal(
            Sealed(bytes(wrapped_key), bytes(body)),
            NoteId(note_id),
            int(version),
            self._keys.wrapping,
        )
        owner = None if patient_id is None else PatientId(patient_id)
        return Note(NoteId(note_id), owner, kind, written_on, text)

    def _register(self, patient: SourcePatient) -> None:
        patient_id = self.patient_id_of(patient.source_id)
        self._connection.execute(
            "INSERT OR IGNORE INTO patients VALUES (?, ?)", (patient_id, patient.source_id)
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO identifiers VALUES (?, ?, ?)",
            [(patient_id, item.kind, item.value) for item in patient.identifiers],
        )

    def _record_read(self, kind: str, count: int, reason: str) -> None:
        if not _REASON.fullmatch(reason):
            raise BadInput(
                "A reason for reading is two to forty of the letters a-z, with single dashes.",
                "Give one such as `--reason chart-review`.",
            )
        self._recorder.record(kind, {"count": count, "reason": reason})

    def _check_pseudonym_key(self) -> None:
        expected = pseudonym(self._pseudonym_key, "check", "vault").encode()
        with database_errors():
            self._connection.execute(
                "INSERT OR IGNORE INTO facts VALUES ('pseudonym-check', ?)", (expected,)
            )
            row = self._connection.execute(
                "SELECT value FROM facts WHERE name = 'pseudonym-check'"
            ).fetchone()
        if not hmac.compare_digest(bytes(row[0]), expected):
            raise KeyMismatch(
                "The vault's ids were made with another pseudonym key.",
                "Restore the vault and the keys from one and the same backup.",
            )
