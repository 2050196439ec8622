"""The vault: notes and patients go in by the stream and come out one by one, for a reason."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any, Final

from appliance.clinical.vault.database import database_errors
from appliance.clinical.vault.keyring import read_keyring
from appliance.clinical.vault.opened import (
    PSEUDONYM_CHECK,
    check_pseudonym_key,
    pseudonym_check,
)
from appliance.clinical.vault.outliving import Outliving
from appliance.clinical.vault.people import People
from appliance.clinical.vault.rotation import open_rotating
from appliance.clinical.vault.sealing import Sealed
from appliance.clinical.vault.taking import Taking
from appliance.clinical.vault.words import (
    Hit,
    Where,
    as_hit,
    find,
    index_batch,
    left_to_index,
)
from appliance.errors import NoteGone
from appliance.records.events import Recorder
from appliance.records.identifiers import Digest, NoteId, PatientId
from appliance.records.notes import Note
from appliance.settings.keys import KEY_BYTES

STAMP_BYTES: Final = 8
# A withdrawn note's version is below zero: nobody is to read it, and an erasure is to find it.
_VERSIONS: Final = "SELECT note_id, version FROM notes WHERE version > 0 ORDER BY note_id"
_OF_KIND: Final = "SELECT note_id FROM notes WHERE version > 0 AND kind = ? ORDER BY note_id"


class Vault(People, Outliving, Taking):
    """One site's vault, open. Several processes may hold it open at once."""

    _indexed_to: str = ""

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
        keyring = read_keyring(directory, key)
        vault = cls(open_rotating(directory, keyring), keyring.keys, pseudonym_key, recorder)
        vault._reread = partial(read_keyring, directory, key)
        vault._check_pseudonym_key()
        return vault

    def note_ids(self, kind: str | None = None) -> list[NoteId]:
        """Ids of all notes, or of those of one kind, sorted."""
        query = "SELECT note_id FROM notes WHERE version > 0 ORDER BY note_id"
        values: tuple[str, ...] = ()
        if kind is not None:
            query, values = _OF_KIND, (kind,)
        with database_errors():
            return [NoteId(row[0]) for row in self._connection.execute(query, values)]

    def owners(self) -> dict[NoteId, PatientId | None]:
        """The patient of every note, by the site's own ids."""
        with database_errors():
            rows = self._connection.execute(
                "SELECT note_id, patient_id FROM notes WHERE version > 0"
            )
            return {
                NoteId(note_id): None if patient is None else PatientId(patient)
                for note_id, patient in rows
            }

    def digest(self) -> Digest:
        """SHA-256 over ids and versions of all notes: it changes when what is to be read does."""
        hasher = hashlib.sha256()
        with database_errors():
            rows = self._connection.execute(_VERSIONS)
            for note_id, version in rows:
                hasher.update(f"{note_id}:{version}\n".encode())
        return Digest(hasher.hexdigest())

    def stamps(self, only: AbstractSet[NoteId] | None = None) -> bytes:
        """`STAMP_BYTES` for every note as it is now, by id: another version has another stamp.

        Args:
            only: Of these notes alone; None for all.
        """
        with database_errors():
            rows = self._connection.execute(_VERSIONS)
            return b"".join(_stamp(*row) for row in rows if only is None or row[0] in only)

    def stamps_of(self, note_ids: Sequence[NoteId]) -> dict[NoteId, bytes]:
        """The same, of some notes by their ids."""
        with database_errors():
            rows = self._rows("note_id", "notes", note_ids)
            return {NoteId(row[0]): _stamp(row[0], row[5]) for row in rows if row[5] > 0}

    def unchanged(self, stamped: Mapping[NoteId, bytes]) -> frozenset[NoteId]:
        """Of these notes those that are there as they were when they were stamped."""
        now = self.stamps_of(list(stamped))
        return frozenset(note for note, stamp in stamped.items() if now.get(note) == stamp)

    def owners_as_stamped(self, stamps: bytes) -> dict[NoteId, PatientId | None]:
        """The patient of every note that is there as it was when it was stamped."""
        known = split_stamps(stamps)
        with database_errors():
            rows = self._connection.execute(
                "SELECT note_id, version, patient_id FROM notes WHERE version > 0"
            )
            return {
                NoteId(note_id): None if patient is None else PatientId(patient)
                for note_id, version, patient in rows
                if _stamp(note_id, version) in known
            }

    def secret(self, name: str) -> bytes:
        """32 random bytes that lie in the vault under that name; made when first asked for."""
        with database_errors():
            self._connection.execute(
                "INSERT OR IGNORE INTO facts VALUES (?, ?)",
                (f"secret:{name}", secrets.token_bytes(KEY_BYTES)),
            )
            row = self._connection.execute(
                "SELECT value FROM facts WHERE name = ?", (f"secret:{name}",)
            ).fetchone()
            return bytes(row[0])

    def count(self) -> dict[str, int]:
        """Count of notes by kind, in the kinds' order."""
        with database_errors():
            rows = self._connection.execute(
                "SELECT kind, count(*) FROM notes WHERE version > 0 GROUP BY kind ORDER BY kind"
            )
            return {str(kind): int(count) for kind, count in rows}

    def read_identified(self, note_ids: Sequence[NoteId], reason: str) -> list[Note]:
        """The notes, as asked for and in that order; the ledger was told why before any was read.

        Args:
            note_ids: Ids of notes in the vault.
            reason: A word or a few, [a-z-], e.g. "extraction".

        Raises:
            BadInput: The reason is none.
            NoteGone: A note is not in the vault.
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
            raise NoteGone(
                f"{which} not in the vault.",
                "Give the id that the export or a finding names.",
            )
        return [found[note_id] for note_id in note_ids]

    def left_to_index(self) -> int:
        """Count of notes that a search would not find yet."""
        return left_to_index(self._connection)

    def index_some(self, reason: str) -> int:
        """Some more notes can be found; their count, 0 when all can.

        Raises:
            BadInput: The reason is none.
        """

        def texts_of(ids: Sequence[NoteId]) -> list[str]:
            return [note.text for note in self.read_identified(ids, reason)] if ids else []

        begun_at = self._indexed_to
        count, self._indexed_to = index_batch(self._connection, texts_of, begun_at)
        if not count and begun_at:
            # What came or changed meanwhile, before the place where the batches are.
            count, self._indexed_to = index_batch(self._connection, texts_of)
        return count

    def find_identified(self, expression: str, where: Where, reason: str) -> Iterator[Hit]:
        """Notes that hold the words, as `find`; the ledger was told why, and not which words.

        Raises:
            BadInput: The reason or the expression is none; now, as the ledger is told now.
        """
        self._record_read("vault.searched", sum(self.count().values()), reason)
        return find(self._connection, expression, where)

    def entries(self, note_ids: Sequence[NoteId]) -> list[Hit]:
        """What the catalogue says of these notes, in their order; one that is gone is left out."""
        with database_errors():
            rows = {row[0]: row for row in self._rows("note_id", "notes", note_ids)}
        there = (rows[one] for one in note_ids if one in rows and rows[one][5] > 0)
        return [as_hit(row[0], row[2], row[3], row[4]) for row in there]

    def _open_note(self, row: tuple[Any, ...]) -> Note:
        note_id, _, patient_id, kind, written_on, version, _, encoding, wrapped_key, body = row
        text = self._unseal(Sealed(bytes(wrapped_key), bytes(body)), NoteId(note_id), int(version))
        owner = None if patient_id is None else PatientId(patient_id)
        return Note(NoteId(note_id), owner, kind, written_on, text, encoding)

    def _check_pseudonym_key(self) -> None:
        with database_errors():
            row = self._connection.execute(PSEUDONYM_CHECK).fetchone()
            # Only where there is none: who opens a vault to read takes no lock of a writer.
            if row is None:
                self._connection.execute(
                    "INSERT OR IGNORE INTO facts VALUES ('pseudonym-check', ?)",
                    (pseudonym_check(self._pseudonym_key),),
                )
                row = self._connection.execute(PSEUDONYM_CHECK).fetchone()
        check_pseudonym_key(self._pseudonym_key, bytes(row[0]))


def split_stamps(stamps: bytes) -> frozenset[bytes]:
    """The single stamps of `Vault.stamps`."""
    size = STAMP_BYTES
    return frozenset(stamps[start : start + size] for start in range(0, len(stamps), size))


def _stamp(note_id: str, version: int) -> bytes:
    return hashlib.sha256(f"{note_id}:{version}".encode()).digest()[:STAMP_BYTES]
