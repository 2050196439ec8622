"""Whether a note of an import is one of before, which its export repeats."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from appliance.clinical.vault.sealing import Sealed
from appliance.errors import IntegrityError
from appliance.records.identifiers import NoteId
from appliance.records.notes import SourceNote

_MOST: Final = 100
"""So many versions are looked at, the newest: the work of a file stays linear."""


class Waiting(Protocol):
    """Where notes wait until an import is through: one for an id, the last that came."""

    def put(self, note: SourceNote) -> None:
        """The note waits."""

    def holds(self, source_id: str) -> bool:
        """Whether one of that id waits."""

    def drop(self, source_id: str) -> None:
        """None of that id waits: the vault has what came last."""


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
