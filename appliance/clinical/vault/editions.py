"""Which edition of a message the vault took last: what is read later may be older."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Final

from appliance.records.identifiers import NoteId, PatientId
from appliance.records.notes import NO_EDITION, Edition

# Among the facts: of a note by its id; of one that was taken back before it came, by its owner too.
_OF_NOTE: Final = "edition:"
_OF_WITHDRAWN: Final = "withdrawn:"
_MARK: Final = "|"


class Age(Enum):
    """Of a message, beside what the vault took last of the same note."""

    OLDER = auto()
    UNKNOWN = auto()
    """Or the same: then what is read later is the newer one."""
    NEWER = auto()


class Editions:
    """The editions, in an open vault; written in the transaction of the notes."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def age_of(
        self,
        edition: Edition,
        note_id: NoteId,
        owner: str | None,
        *,
        is_here: bool,
        is_anothers: bool = False,
    ) -> "Age":
        """Whether a message is older or newer than what the vault took last.

        Args:
            edition: The message's.
            note_id: The note that it is about.
            owner: Whose it says that this is.
            is_here: Whether the vault has the note, be it withdrawn; else it may have been taken
                back, as this owner's, before it came.
            is_anothers: Whether the note that is here is another patient's: two systems may number
                theirs alike, and say nothing of each other's editions.
        """
        # Most exports say nothing: they are to cost no look.
        if edition == NO_EDITION or is_anothers:
            return Age.UNKNOWN
        before = self._read(f"{_OF_NOTE}{note_id}" if is_here else _withdrawn(note_id, owner))
        if edition.is_older_than(before):
            return Age.OLDER
        return Age.NEWER if before.is_older_than(edition) else Age.UNKNOWN

    def keep(self, note_id: NoteId, edition: Edition, *, is_anothers: bool = False) -> None:
        """It is that of the note from now on; what it does not say stays as it was.

        Nothing stays of a note that was another patient's.
        """
        if is_anothers:
            forget_editions(self._connection, [note_id])
        self._keep(f"{_OF_NOTE}{note_id}", edition)

    def keep_withdrawn(self, note_id: NoteId, owner: str | None, edition: Edition) -> None:
        """What is older of this owner's note does not come in after its withdrawal."""
        if self.age_of(edition, note_id, owner, is_here=False) is not Age.OLDER:
            self._keep(_withdrawn(note_id, owner), edition)

    def _keep(self, name: str, edition: Edition) -> None:
        if edition == NO_EDITION:
            return
        before = self._read(name)
        now = edition.with_rest_of(before)
        if now != before:
            self._write(name, now)

    def _read(self, name: str) -> Edition:
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        if row is None:
            return NO_EDITION
        updated, _, number = bytes(row[0]).decode().partition(_MARK)
        return Edition(updated, int(number) if number else None)

    def _write(self, name: str, edition: Edition) -> None:
        number = "" if edition.number is None else edition.number
        value = f"{edition.updated}{_MARK}{number}".encode()
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def forget_editions(connection: Any, note_ids: Sequence[NoteId]) -> None:
    """Nothing is known of these notes' editions."""
    connection.executemany(
        "DELETE FROM facts WHERE name = ?", [(f"{_OF_NOTE}{note_id}",) for note_id in note_ids]
    )


def forget_withdrawn_of(connection: Any, owner: PatientId) -> None:
    """Nor what was taken back of this owner before it came."""
    connection.execute(
        "DELETE FROM facts WHERE name > ? AND name < ?",
        (f"{_OF_WITHDRAWN}{owner}:", f"{_OF_WITHDRAWN}{owner};"),
    )


def _withdrawn(note_id: NoteId, owner: str | None) -> str:
    # A note of nobody's is its own, as an erasure has it.
    return f"{_OF_WITHDRAWN}{owner or note_id}:{note_id}"
