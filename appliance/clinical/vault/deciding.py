"""What becomes of one message of an import: decided here, done by who seals."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from appliance.clinical.vault.editions import Age, Editions
from appliance.clinical.vault.sealing import Sealed
from appliance.clinical.vault.versions import Waiting, had_text, is_strange
from appliance.records.identifiers import NoteId
from appliance.records.notes import SourceNote


class Fate(Enum):
    """Of a message."""

    NEW = auto()
    """The vault has no such note: it is taken."""
    CHANGED = auto()
    """Taken as a new version."""
    MOVED = auto()
    """Taken as a new version that is another patient's, or nobody's."""
    WITHDRAWN = auto()
    """The note is taken back."""
    KNOWN = auto()
    """The vault has just this."""
    OLDER = auto()
    """Older than what the vault has, by what both say."""
    WAITS = auto()
    """Only what comes after it in the import can tell."""
    EARLY = auto()
    """It takes back a note that has not come."""
    STRANGE = auto()
    """It takes back a note of another patient."""

    @property
    def is_new_text(self) -> bool:
        """Whether its text is sealed."""
        return self in {Fate.NEW, Fate.CHANGED, Fate.MOVED}


@dataclass(frozen=True, slots=True)
class Held:
    """What the vault has of a note.

    Attributes:
        version: 0 where it has nothing; below 0 where the note was taken back.
        mark: Keyed hash of the content.
        owner: The patient, by the site's own id; None where it is nobody's.
    """

    version: int = 0
    mark: bytes = b""
    owner: str | None = None


NOTHING: Final = Held()


@dataclass(frozen=True, slots=True)
class Message:
    """One note of an import, under the site's own ids.

    Attributes:
        number: Its place in the import, from 1.
        note: As it came.
        note_id: Of the note.
        owner: Of the patient whose it says that the note is; None where it says nothing.
        mark: Keyed hash of the content.
    """

    number: int
    note: SourceNote
    note_id: NoteId
    owner: str | None
    mark: bytes


class Deciding:
    """Decides, message by message, and keeps which edition was taken last.

    Args:
        connection: Of the vault, inside the transaction that seals.
        waiting: Where a message can wait; None: nothing waits.
        unseal: Opens an earlier version.
    """

    def __init__(
        self,
        connection: Any,
        waiting: Waiting | None,
        unseal: Callable[[Sealed, NoteId, int], str],
    ) -> None:
        self._connection, self._waiting, self._unseal = connection, waiting, unseal
        self._editions = Editions(connection)

    def decide(self, message: Message, held: Held) -> Fate:
        """What becomes of it, beside what the vault has."""
        note, edition = message.note, message.note.edition
        if note.is_withdrawn and not held.version:
            self._editions.keep_withdrawn(message.note_id, message.owner, edition)
            return Fate.EARLY
        is_anothers = None not in (held.owner, message.owner) and held.owner != message.owner
        age = self._editions.age_of(
            edition,
            message.note_id,
            message.owner,
            is_here=bool(held.version),
            is_anothers=is_anothers,
        )
        if age is Age.OLDER:
            return Fate.OLDER
        if is_strange(note, message.owner, held.owner, self._waiting):
            return Fate.STRANGE
        fate = _beside(message, held)
        if self._waiting is not None and held.version and (note.is_message or age is Age.NEWER):
            # A newer one says itself what else only the rest of the import could tell.
            is_plain = fate is Fate.KNOWN or age is Age.NEWER
            if not is_plain and self._could_be_earlier(message, held, self._waiting):
                self._waiting.put(note.source_id, message.number, message.owner)
                return Fate.WAITS
            self._waiting.drop(note.source_id)
        self._editions.keep(message.note_id, edition, is_anothers=is_anothers)
        return fate

    def _could_be_earlier(self, message: Message, held: Held, waiting: Waiting) -> bool:
        """Whether an export that tells the note's whole history again may have it on its way."""
        note = message.note
        return (
            held.version < 0
            or note.is_withdrawn
            or held.owner != message.owner
            or waiting.holds(note.source_id)
            or had_text(self._connection, message.note_id, note.text, self._unseal)
        )


def _beside(message: Message, held: Held) -> Fate:
    """What becomes of it if it is the newest."""
    if message.note.is_withdrawn:
        return Fate.WITHDRAWN if held.version > 0 else Fate.KNOWN
    if held.version > 0 and hmac.compare_digest(held.mark, message.mark):
        return Fate.KNOWN
    if held.owner is not None and held.owner != message.owner:
        return Fate.MOVED
    return Fate.CHANGED if held.version else Fate.NEW
