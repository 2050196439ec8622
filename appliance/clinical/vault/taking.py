"""How a stream of notes gets into the vault: each once, sealed, in its newest version."""

import hmac
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from appliance.clinical.vault.database import database_errors, transaction
from appliance.clinical.vault.editions import Age, Editions
from appliance.clinical.vault.keyring import Keyring
from appliance.clinical.vault.opened import OpenVault
from appliance.clinical.vault.rotation import GENERATION
from appliance.clinical.vault.sealing import Sealed, mark, seal, unseal
from appliance.clinical.vault.versions import SealReport, Waiting, had_text, is_strange
from appliance.clinical.vault.words import forget
from appliance.errors import IntegrityError
from appliance.records.identifiers import NoteId
from appliance.records.notes import SourceNote

NOTES_PER_TRANSACTION: Final = 256


class Taking(OpenVault):
    """The part of the vault that seals, under the keys that it has now."""

    _reread: "Callable[[], Keyring] | None" = None

    def seal(self, notes: Iterable[SourceNote], waiting: Waiting | None = None) -> SealReport:
        """Every note is in the vault: once, however often it comes, and in its newest version.

        Notes are committed by the hundreds. Whatever ends the stream, be it an error, a full disk
        or a signal, leaves those committed before it in the vault and in the ledger.

        Args:
            notes: Of two with one id the later one is the newer version, or takes it back; unless
                both say which is the newer.
            waiting: Where a message waits that repeats an earlier version or names another patient,
                and those of its id after it, until one says what the vault has: a note's whole
                history, read again, is to change nothing. Counted as known; what waits at the end
                is news, and is to be sealed without this. None: nothing waits.

        Raises:
            NoSpace: The disk is full.
        """
        report, stream, first = SealReport(), iter(notes), 1
        try:
            while chunk := list(islice(stream, NOTES_PER_TRANSACTION)):
                with database_errors(), transaction(self._connection):
                    done, gone = self._seal_chunk(chunk, first, waiting)
                report, first = report.plus(done), first + len(chunk)
                for note_id in gone:
                    self._recorder.record("vault.withdrawn", {"note": note_id})
        finally:
            self._recorder.record(
                "vault.sealed",
                {"new": report.new, "changed": report.changed, "known": report.known},
            )
        return report

    def _seal_chunk(
        self, chunk: Sequence[SourceNote], first: int, waiting: Waiting | None
    ) -> tuple[SealReport, list[NoteId]]:
        """Counts, and which notes are withdrawn now."""
        ids = [self.note_id_of(note.source_id) for note in chunk]
        known = {
            row[0]: (int(row[5]), bytes(row[6]), row[2])
            for row in self._rows("note_id", "notes", ids)
        }
        new = changed = moved = older = 0
        editions = Editions(self._connection)
        gone: list[NoteId] = []
        self._keep_up()
        for number, (note_id, note) in enumerate(zip(ids, chunk, strict=True), start=first):
            version, before, owner = known.get(note_id, (0, b"", None))
            now = self._mark(note)
            stands = version > 0
            is_same = stands and hmac.compare_digest(before, now)
            if note.is_withdrawn:
                is_same = not stands
            patient = note.patient_source_id
            owned_by = None if patient is None else self.patient_id_of(patient)
            if note.is_withdrawn and not version:
                editions.keep_withdrawn(note_id, owned_by, note.edition)
                continue
            is_anothers = None not in (owner, owned_by) and owner != owned_by
            age = editions.age_of(
                note.edition, note_id, owned_by, is_here=bool(version), is_anothers=is_anothers
            )
            if age is Age.OLDER or is_strange(note, owned_by, owner, waiting):
                older += age is Age.OLDER
                continue
            if waiting is not None and version and (note.is_message or age is Age.NEWER):
                # A newer one says itself what else only the rest of the import could tell.
                is_plain = is_same or age is Age.NEWER
                if not is_plain and (
                    not stands
                    or note.is_withdrawn
                    or owner != owned_by
                    or waiting.holds(note.source_id)
                    or had_text(self._connection, note_id, note.text, self._unseal)
                ):
                    waiting.put(note.source_id, number, owned_by)
                    continue
                waiting.drop(note.source_id)
            editions.keep(note_id, note.edition, is_anothers=is_anothers)
            if is_same:
                continue
            if note.is_withdrawn:
                forget(self._connection, [note_id])
                self._connection.execute(
                    "UPDATE notes SET version = ? WHERE note_id = ?", (-version, note_id)
                )
                known[note_id] = (-version, before, owner)
                gone.append(note_id)
                continue
            version = abs(version)
            if owner is not None and owner != owned_by:
                # Said of another patient: an erasure of that one would not find it.
                self._forget_versions(note_id)
                moved += 1
            self._write(note, note_id, owned_by, version + 1, now)
            known[note_id] = (version + 1, now, owned_by)
            new, changed = (new, changed + 1) if version else (new + 1, changed)
        notes = sum(not note.is_withdrawn for note in chunk)
        return SealReport(new, changed, notes - new - changed, len(gone), moved, older), gone

    def _forget_versions(self, note_id: NoteId) -> None:
        """No text of the note is there, nor are its words found."""
        forget(self._connection, [note_id])
        self._connection.execute("DELETE FROM bodies WHERE note_id = ?", (note_id,))

    def _write(
        self, note: SourceNote, note_id: NoteId, owner: str | None, version: int, mark_: bytes
    ) -> None:
        sealed = seal(note.text, note_id, version, self._keys.wrapping)
        self._connection.execute(
            "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                note_id,
                note.source_id,
                owner,
                note.kind,
                note.written_on,
                version,
                mark_,
                note.encoding,
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

    def _unseal(self, sealed: Sealed, note_id: NoteId, version: int) -> str:
        """The text, under whichever wrapping key; read again if another process changed them."""
        for key in (self._keys.wrapping, *self._keys.older):
            with suppress(IntegrityError):
                return unseal(sealed, note_id, version, key)
        before = self._keys.generation
        if self._reread is not None:
            self._keys = self._reread().keys
        if self._keys.generation == before:
            # Once more, for its words.
            return unseal(sealed, note_id, version, self._keys.wrapping)
        return self._unseal(sealed, note_id, version)

    def _keep_up(self) -> None:
        """Inside a transaction that writes: the wrapping key is the one that new notes are to have.

        Raises:
            KeyMismatch: It was changed, and this process has no key to read which it is.
        """
        row = self._connection.execute(
            "SELECT value FROM facts WHERE name = ?", (GENERATION,)
        ).fetchone()
        if self._reread is not None and row and int(row[0]) != self._keys.generation:
            self._keys = self._reread().keys
