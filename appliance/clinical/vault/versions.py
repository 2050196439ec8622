"""What an import makes of a note's versions, and whether it repeats one of before."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.clinical.vault.sealing import Sealed
from appliance.errors import IntegrityError
from appliance.records.identifiers import NoteId
from appliance.records.notes import SourceNote

_MOST: Final = 100
"""So many versions are looked at, the newest: the work of a file stays linear."""


@dataclass(frozen=True, slots=True)
class SealReport:
    """What became of the notes of one import.

    Attributes:
        new: Not in the vault before.
        changed: In the vault with other content; now there as a new version.
        known: In the vault as they are.
        withdrawn: In the vault, and not read any more: a message took them back.
        moved: Of those changed, which are another patient's now, or nobody's; of the texts before,
            which an erasure of that one would not find, none is kept.
        older: Those that say that they are older than what the vault has: of those known, and of
            messages that take a note back.
    """

    new: int = 0
    changed: int = 0
    known: int = 0
    withdrawn: int = 0
    moved: int = 0
    older: int = 0

    @property
    def total(self) -> int:
        """All notes that came."""
        return self.new + self.changed + self.known

    def plus(self, other: "SealReport") -> "SealReport":
        """Both together."""
        return SealReport(
            self.new + other.new,
            self.changed + other.changed,
            self.known + other.known,
            self.withdrawn + other.withdrawn,
            self.moved + other.moved,
            self.older + other.older,
        )


class Waiting(Protocol):
    """Where messages wait until an import is through."""

    def put(self, source_id: str, number: int, owner: str | None) -> None:
        """The message of that number waits, and all of its id after it."""

    def holds(self, source_id: str) -> bool:
        """Whether some of that id wait."""

    def is_of(self, source_id: str, owner: str | None) -> bool:
        """Whether some of that id wait, and the last says that it is this patient's."""

    def drop(self, source_id: str) -> None:
        """None of that id waits: the vault has what came last."""


def is_strange(
    note: SourceNote, owned_by: str | None, owner: str | None, waiting: Waiting | None
) -> bool:
    """Whether it takes back a note of another patient than the note's: nothing is withdrawn by it.

    Args:
        note: A message.
        owned_by: Whose it says that the note is, by the site's own id; None where it says nothing.
        owner: Whose the note is in the vault.
        waiting: Where a message can wait that says that it is another's.
    """
    if not note.is_withdrawn:
        return False
    if waiting is not None and waiting.holds(note.source_id):
        return not waiting.is_of(note.source_id, owned_by)
    return owner != owned_by


def had_text(
    connection: Any, note_id: NoteId, text: str, unseal: Callable[[Sealed, NoteId, int], str]
) -> bool:
    """Whether a version of the note has that text; one that can't be read has none."""
    rows = connection.execute(
        "SELECT version, wrapped_key, body FROM bodies WHERE note_id = ?"
        " ORDER BY version DESC LIMIT ?",
        (note_id, _MOST),
    )
    for version, wrapped_key, body in rows.fetchall():
        with suppress(IntegrityError):
            if unseal(Sealed(bytes(wrapped_key), bytes(body)), note_id, int(version)) == text:
                return True
    return False
