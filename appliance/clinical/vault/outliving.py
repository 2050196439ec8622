"""The notes in the vault that have outlived a limit: counted, and erased, whoever's they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from appliance.clinical.vault.database import database_errors, transaction
from appliance.clinical.vault.editions import forget_editions
from appliance.clinical.vault.opened import OpenVault
from appliance.clinical.vault.words import forget, squeeze
from appliance.records.identifiers import NoteId

_PER_TRANSACTION: Final = 256
# Among the facts, by the note's id and its owner's, till all is gone from other places too.
_BEGUN: Final = "expiring:"
_BEHIND: Final = "expiring;"
# Withdrawn ones too. Every date is after "", which thus is no limit.
_OUTLIVED: Final = "FROM notes WHERE written_on <> '' AND written_on < ?"


@dataclass(frozen=True, slots=True)
class Expiring:
    """Notes whose erasure was begun and not ended; some may be gone from the vault.

    Attributes:
        note_ids: Their ids.
        owners: Of each the id of its patient, or its own where it has none.
    """

    note_ids: frozenset[NoteId]
    owners: frozenset[str]


class Outliving(OpenVault):
    """The part of the vault that is about how long a note may lie there.

    `oldest` is the first day whose notes may, ISO 8601, or "" where all may.
    """

    def count_outlived(self, oldest: str) -> int:
        """Count of notes that were written before that day, withdrawn ones too."""
        with database_errors():
            row = self._connection.execute(f"SELECT count(*) {_OUTLIVED}", (oldest,)).fetchone()
            return int(row[0])

    def outlived(self, oldest: str) -> frozenset[NoteId]:
        """Their ids."""
        with database_errors():
            rows = self._connection.execute(f"SELECT note_id {_OUTLIVED}", (oldest,))
            return frozenset(NoteId(row[0]) for row in rows)

    def count_undated(self) -> int:
        """Count of notes that name no day, withdrawn ones too."""
        query = "SELECT count(*) FROM notes WHERE written_on = ''"
        with database_errors():
            return int(self._connection.execute(query).fetchone()[0])

    def is_expiring(self) -> bool:
        """Whether an erasure of notes that have outlived a limit was begun and not ended."""
        with database_errors():
            return bool(self._begun("", 1))

    def begin_expiry(self, oldest: str) -> Expiring:
        """It is on disk which notes are being erased: those, and what was begun before."""
        with database_errors():
            self._connection.execute(
                "INSERT OR IGNORE INTO facts SELECT ? || note_id || ':' || "
                f"coalesce(patient_id, note_id), x'' {_OUTLIVED}",
                (_BEGUN, oldest),
            )
            pairs = [pair for some in self._all_begun() for pair in some]
        return Expiring(
            frozenset(note for note, _ in pairs), frozenset(owner for _, owner in pairs)
        )

    def erase_outlived(self, oldest: str) -> int:
        """What was begun is gone, in every version, if it has outlived that day; the count.

        One that came again with a later date meanwhile is left. The list of rejected items is gone
        too: a file's name can be a patient's. Pages are overwritten and the write-ahead log is
        emptied.
        """
        erased = 0
        with database_errors():
            for some in self._all_begun():
                with transaction(self._connection):
                    rows = self._rows("note_id", "notes", sorted({note for note, _ in some}))
                    gone = [(row[0],) for row in rows if "" < row[4] < oldest]
                    forget(self._connection, [note for (note,) in gone])
                    forget_editions(self._connection, [note for (note,) in gone])
                    for table in ("bodies", "notes"):
                        self._connection.executemany(
                            f"DELETE FROM {table} WHERE note_id = ?",  # noqa: S608 - fixed names
                            gone,
                        )
                erased += len(gone)
            with transaction(self._connection):
                squeeze(self._connection)
                self._connection.execute("DELETE FROM rejected")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._recorder.record("vault.expired", {"notes": erased, "before": oldest})
        return erased

    def end_expiry(self) -> None:
        """Everything of these notes is gone, from other places too."""
        with database_errors():
            self._connection.execute(
                "DELETE FROM facts WHERE name > ? AND name < ?", (_BEGUN, _BEHIND)
            )

    def _all_begun(self) -> Iterator[list[tuple[NoteId, str]]]:
        """Ids of notes and owners, some at a time."""
        last = ""
        while names := self._begun(last, _PER_TRANSACTION):
            last = names[-1]
            pairs = (name.split(":")[1:] for name in names)
            yield [(NoteId(note), owner) for note, owner in pairs]

    def _begun(self, after: str, count: int) -> list[str]:
        rows = self._connection.execute(
            "SELECT name FROM facts WHERE name > ? AND name < ? ORDER BY name LIMIT ?",
            (max(after, _BEGUN), _BEHIND, count),
        )
        return [row[0] for row in rows]
