"""The journal: intents before completions, each on disk before the next step begins.

One SQLite file per corpus, in write-ahead mode with `synchronous=FULL`: a commit that returned
survives `kill -9` and a power cut (SQLite documentation, "PRAGMA synchronous").
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.artifacts.space import is_full
from appliance.artifacts.wal import open_wal
from appliance.errors import BadInput, IntegrityError, NoSpace
from appliance.records.identifiers import DraftId
from appliance.records.prompts import Completion, Route

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS intent (
    key TEXT PRIMARY KEY, draft_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS completion (
    key TEXT PRIMARY KEY, draft_id TEXT NOT NULL, route TEXT NOT NULL, model TEXT NOT NULL,
    text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID;
"""
_VERSION: Final = 1
_TIMEOUT_S: Final = 10.0
_COLUMNS: Final = "draft_id, route, model, text, finish_reason, prompt_tokens, completion_tokens"


class Journal:
    """Every request that was begun, and every answer that came; threads may share it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._turn = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """The journal at `path`, made where it is missing, readable by its owner only.

        Raises:
            IntegrityError: The file is damaged, or was written by another version.
            BadInput: The directory can't be written.
            NoSpace: The disk is full.
        """
        with _translated(path):
            connection = open_wal(path, _TIMEOUT_S)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                connection.close()
                raise IntegrityError(
                    f"The journal {path.name} has version {version}, not {_VERSION}.",
                    "Use the release that wrote it, or name another corpus with --out.",
                )
            connection.executescript(f"{_SCHEMA} PRAGMA user_version={_VERSION};")
        return cls(connection, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def find(self, key: str) -> Completion | None:
        """The answer to that request, or None where none has come yet."""
        # What another thread has inserted and not committed is no answer yet.
        with self._turn, _translated(self._path):
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM completion WHERE key = ?",  # noqa: S608 - a constant
                (key,),
            ).fetchone()
        if row is None:
            return None
        draft_id, route, model, text, finish_reason, prompt_tokens, completion_tokens = row
        return Completion(
            DraftId(draft_id),
            Route(route),
            model,
            text,
            finish_reason,
            prompt_tokens,
            completion_tokens,
        )

    def intend(self, requests: Iterable[tuple[str, DraftId]]) -> None:
        """It is on disk that these are about to be sent; saying so twice is no error.

        Args:
            requests: Key and draft of each; one sync for all.
        """
        self._insert("intent VALUES (?, ?)", requests)

    def finish(self, answers: Iterable[tuple[str, Completion]]) -> None:
        """The answers are on disk; the first answer to a request stays the answer.

        Args:
            answers: Key of each request, and its answer; one sync for all.
        """
        rows = (
            (
                key,
                completion.draft_id,
                completion.route.value,
                completion.model,
                completion.text,
                completion.finish_reason,
                completion.prompt_tokens,
                completion.completion_tokens,
            )
            for key, completion in answers
        )
        self._insert("completion VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def counts(self) -> tuple[int, int]:
        """How many requests were begun, and how many of them were answered."""
        with self._turn, _translated(self._path):
            (begun,) = self._connection.execute("SELECT count(*) FROM intent").fetchone()
            (answered,) = self._connection.execute("SELECT count(*) FROM completion").fetchone()
        return begun, answered

    def close(self) -> None:
        """The file is closed; its write-ahead log is folded in."""
        with self._turn:
            self._connection.close()

    def _insert(self, what: str, rows: Iterable[Sequence[object]]) -> None:
        """All rows in one transaction, or none."""
        with self._turn, _translated(self._path), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT OR IGNORE INTO {what}", rows)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if is_full(error):
            raise NoSpace(
                f"No space left for the journal {path.name}, or its disk fails.",
                "Free some space and run the same command again; what was finished is kept.",
            ) from None
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.OperationalError
        ):
            raise IntegrityError(
                f"The journal {path.name} is damaged.",
                "Restore it from a backup, or name another corpus with --out.",
            ) from None
        raise BadInput(
            f"The journal {path.name} can't be opened or written.",
            "Give this user the site's directory, and let no other program hold the file.",
        ) from None
