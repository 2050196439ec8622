"""Which notes hold which words: an index inside the vault's encrypted pages.

SQLite's FTS5, without content: it holds words and where they stand, not texts, and its pages are
encrypted like all others. Brought up to date before a search, batch by batch, so that an import
pays nothing for it and a search that was killed loses a batch.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlcipher3 import dbapi2

from appliance.clinical.vault.database import database_errors, transaction
from appliance.errors import BadInput
from appliance.records.identifiers import NoteId, PatientId

_AT_ONCE: Final = 256
_MAX_WORDS: Final = 500
_QUOTED: Final = re.compile(r'("[^"]*")')
_TERM: Final = re.compile(r"\w+(?:[^\w\s\"()*:]+\w+)+")
_HELP: Final = 'Write words, "a phrase", a OR b, a NOT b, or begin* of a word.'


@dataclass(frozen=True, slots=True)
class Where:
    """What a note has to be besides holding the words.

    Attributes:
        kind: Its kind; None for any.
        since: Written on that day or later, ISO 8601; "" for any.
        until: Written on that day or earlier; notes without a date are in neither.
    """

    kind: str | None = None
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One note that was found, without its text."""

    note_id: NoteId
    patient_id: PatientId | None
    kind: str
    written_on: str


def left_to_index(connection: Any) -> int:
    """Count of notes whose newest version is not in the index."""
    with database_errors():
        row = connection.execute(f"SELECT count(*) {_MISSING}").fetchone()
        return int(row[0])


_MISSING: Final = (
    "FROM notes LEFT JOIN indexed USING (note_id) "
    "WHERE notes.version > 0 AND (indexed.version IS NULL OR indexed.version <> notes.version)"
)


def index_batch(
    connection: Any, texts_of: Callable[[Sequence[NoteId]], list[str]], after: str = ""
) -> tuple[int, str]:
    """Some more notes are in the index; their count, 0 when all behind `after` are, and the last.

    Args:
        connection: The vault's.
        texts_of: Opens notes, in the order asked for.
        after: Id of the note where the batch before ended.
    """
    with database_errors():
        rows = connection.execute(
            f"SELECT notes.note_id, notes.version {_MISSING} "
            "AND notes.note_id > ? ORDER BY notes.note_id LIMIT ?",
            (after, _AT_ONCE),
        ).fetchall()
        texts = texts_of([NoteId(note_id) for note_id, _ in rows])
        with transaction(connection):
            for (note_id, version), text in zip(rows, texts, strict=True):
                # Erased or changed while it was read: its words must not come back.
                if not _is_newest(connection, note_id, version):
                    continue
                forget(connection, [note_id])
                number = connection.execute(
                    "INSERT INTO indexed (note_id, version) VALUES (?, ?)", (note_id, version)
                ).lastrowid
                connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, text))
    return len(rows), rows[-1][0] if rows else ""


def _is_newest(connection: Any, note_id: str, version: int) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM notes WHERE note_id = ? AND version = ?", (note_id, version)
    ).fetchone()
    return bool(row[0])


def forget(connection: Any, note_ids: Sequence[str]) -> None:
    """Inside a transaction: these notes are not found any more."""
    for note_id in note_ids:
        row = connection.execute(
            "SELECT number FROM indexed WHERE note_id = ?", (note_id,)
        ).fetchone()
        if row is not None:
            connection.execute("DELETE FROM words WHERE rowid = ?", row)
            connection.execute("DELETE FROM indexed WHERE number = ?", row)


def squeeze(connection: Any) -> None:
    """What was forgotten is in no page of the index any more: it is written anew, as a whole."""
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")


# By no order of its own: SQLite would sort all of them in memory. CROSS says which is read first
# (sqlite.org/optoverview.html, 8.2).
FIND: Final = (
    "SELECT note_id, patient_id, kind, written_on FROM words "
    "CROSS JOIN indexed ON indexed.number = words.rowid "
    "CROSS JOIN notes USING (note_id, version) "
    "WHERE words MATCH ? AND (? IS NULL OR kind = ?) "
    "AND (? = '' OR written_on >= ?) "
    "AND (? = '' OR (written_on <> '' AND written_on <= ?))"
)
"""The statement of a search."""


def find(connection: Any, expression: str, where: Where) -> Iterator[Hit]:
    """Every note that holds the words, in the order in which they came into the index.

    They are read while they are taken, as they stood at the beginning. Others may write meanwhile,
    but the log of what they write is not cut short before all are taken, or the iterator is gone.

    Args:
        connection: The vault's.
        expression: In FTS5's syntax.
        where: What the note has to be besides.

    Raises:
        BadInput: The expression is none; now, not when the first note is taken.
    """
    if not expression.strip() or len(expression) > _MAX_WORDS:
        raise BadInput("There is nothing to search for, or too much.", _HELP)
    limits = (where.kind, where.kind, where.since, where.since, where.until, where.until)
    for words in dict.fromkeys((expression, _quote_terms(expression))):
        rows = _look(connection, words, limits)
        if rows is not None:
            return _hits(rows)
    raise BadInput("That is no expression to search for.", _HELP)


def _look(connection: Any, words: str, limits: Sequence[str | None]) -> Any | None:
    """What SQLite finds; None where the words are no expression of its language."""
    try:
        return connection.execute(FIND, (words, *limits))
    except dbapi2.OperationalError as error:
        # Its message quotes the expression, which can be a patient's name.
        if getattr(error, "sqlite_errorname", "SQLITE_ERROR") == "SQLITE_ERROR":
            return None
        with database_errors():
            raise


def _quote_terms(expression: str) -> str:
    """Terms with signs inside, as phrases: `COVID-19`, `HER2/neu` and `O'Brien` need no quotes."""
    parts = _QUOTED.split(expression)
    parts[::2] = [_TERM.sub(r'"\g<0>"', part) for part in parts[::2]]
    return "".join(parts)


def as_hit(note_id: str, patient_id: str | None, kind: str, written_on: str) -> Hit:
    """A row of the catalogue."""
    owner = None if patient_id is None else PatientId(patient_id)
    return Hit(NoteId(note_id), owner, kind, written_on)


def _hits(rows: Any) -> Iterator[Hit]:
    while True:
        with database_errors():
            some = rows.fetchmany(_AT_ONCE)
        if not some:
            return
        for row in some:
            yield as_hit(*row)
