"""Journals read without being opened for writing: for those who look and must not touch."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.artifacts.wal import looked_into
from appliance.errors import IntegrityError
from appliance.records.identifiers import DraftId


@dataclass(frozen=True, slots=True)
class JournalRows:
    """All that a journal holds.

    Attributes:
        intents: Key to draft.
        answers: Key to draft and route.
        texts: The answers, in no order.
    """

    intents: dict[str, DraftId]
    answers: dict[str, tuple[DraftId, str]]
    texts: tuple[str, ...] = field(repr=False)


def read_journal(path: Path) -> JournalRows:
    """Everything in the journal at `path`; nothing is written, not even a log beside it.

    Raises:
        IntegrityError: It is damaged, or no journal.
    """
    with _looked_into(path) as file:
        intents = file.execute("SELECT key, draft_id FROM intent").fetchall()
        rows = file.execute("SELECT key, draft_id, route, text FROM completion").fetchall()
    return JournalRows(
        {key: DraftId(draft) for key, draft in intents},
        {key: (DraftId(draft), route) for key, draft, route, _ in rows},
        tuple(text for *_, text in rows),
    )


def count_journal(path: Path) -> tuple[int, int]:
    """How many requests were begun and how many answered; nothing is written, as above.

    Raises:
        IntegrityError: It is damaged, or no journal.
    """
    with _looked_into(path) as file:
        (begun,) = file.execute("SELECT count(*) FROM intent").fetchone()
        (answered,) = file.execute("SELECT count(*) FROM completion").fetchone()
    return begun, answered


@contextmanager
def _looked_into(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with looked_into(path) as file:
            yield file
    except sqlite3.Error:
        raise IntegrityError(
            f"The journal {path.name} is damaged.",
            "Restore it from a backup; what it was made for can't be accounted for.",
        ) from None
