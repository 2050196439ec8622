"""How a stream of notes gets into the vault: each once, sealed, in its newest version."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Final

from appliance.clinical.vault.database import database_errors, transaction
from appliance.clinical.vault.deciding import NOTHING, Deciding, Fate, Held, Message
from appliance.clinical.vault.keyring import Keyring
from appliance.clinical.vault.opened import OpenVault
from appliance.clinical.vault.rotation import GENERATION
from appliance.clinical.vault.sealing import Sealed, mark, seal, unseal
from appliance.clinical.vault.versions import SealReport, Waiting
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
        held = {
            row[0]: Held(int(row[5]), bytes(row[6]), row[2])
            for row in self._rows("note_id", "notes", ids)
        }
        self._keep_up()
        deciding = Deciding(self._connection, waiting, self._unseal)
        fates: Counter[Fate] = Counter()
        gone: list[NoteId] = []
        for number, (note_id, note) in enumerate(zip(ids, chunk, strict=True), start=first):
            patient = note.patient_source_id
            owner = None if patient is None else self.patient_id_of(patient)
            message = Message(number, note, note_id, owner, self._mark(note))
            before = held.get(note_id, NOTHING)
            fate = deciding.decide(message, before)
            fates[fate] += 1
            if fate is Fate.MOVED:
                # Said of another patient: an erasure of that one would not find it.
                self._forget_versions(note_id)
            if fate.is_new_text:
                held[note_id] = self._write(message, abs(before.version) + 1)
            elif fate is Fate.WITHDRAWN:
                held[note_id] = self._withdraw(note_id, before)
                gone.append(note_id)
        new, changed = fates[Fate.NEW], fates[Fate.CHANGED] + fates[Fate.MOVED]
        known = sum(not note.is_withdrawn for note in chunk) - new - changed
        report = SealReport(
            new, changed, known, len(gone), moved=fates[Fate.MOVED], older=fates[Fate.OLDER]
        )
        return report, gone

    def _forget_versions(self, note_id: NoteId) -> None:
        """No text of the note is there, nor are its words found."""
        forget(self._connection, [note_id])
        self._connection.execute("DELETE FROM bodies WHERE note_id = ?", (note_id,))

    def _withdraw(self, note_id: NoteId, held: Held) -> Held:
        """Its text stays, sealed; nobody reads it."""
        forget(self._connection, [note_id])
        self._connection.execute(
            "UPDATE notes SET version = ? WHERE note_id = ?", (-held.version, note_id)
        )
        return replace(held, version=-held.version)

    def _write(self, message: Message, version: int) -> Held:
        note, note_id = message.note, message.note_id
        sealed = seal(note.text, note_id, version, self._keys.wrapping)
        self._connection.execute(
            "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                note_id,
                note.source_id,
                message.owner,
                note.kind,
                note.written_on,
                version,
                message.mark,
                note.encoding,
            ),
        )
        self._connection.execute(
            "INSERT INTO bodies VALUES (?, ?, ?, ?)",
            (note_id, version, sealed.wrapped_key, sealed.body),
        )
        return Held(version, message.mark, message.owner)

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
