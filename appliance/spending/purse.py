"""The purse: one SQLite file in which any number of processes reserve and settle.

A reservation is of the worst case and is on disk before anything is sent. A process that dies
with a reservation open leaves it counted: nobody can know whether the provider charged for it.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from appliance.artifacts.space import is_full
from appliance.artifacts.wal import open_wal
from appliance.errors import BadInput, Exhausted, IntegrityError, NoSpace

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS account (
    name TEXT PRIMARY KEY, tokens INTEGER NOT NULL, microusd INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservation (
    id TEXT NOT NULL, account TEXT NOT NULL, tokens INTEGER NOT NULL, microusd INTEGER NOT NULL,
    PRIMARY KEY (id, account)
) WITHOUT ROWID;
"""
MICRO: Final = 1_000_000
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and millionths of a dollar."""

    tokens: int
    microusd: int


@dataclass(frozen=True, slots=True)
class Cap:
    """An account, and the most that it may ever hold."""

    account: str
    most: Amount


class Purse:
    """Reservations and sums; threads and processes may share the file."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._mine = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """The purse at `path`, made where it is missing, readable by its owner only.

        Raises:
            IntegrityError: The file is damaged.
            BadInput: It can't be written.
            NoSpace: The disk is full.
        """
        with _translated(path):
            connection = open_wal(path, _TIMEOUT_S)
            connection.executescript(_SCHEMA)
        return cls(connection, path)

    def reserve(self, caps: Sequence[Cap], worst: Amount) -> str:
        """The worst case is set aside in every account; returns the reservation's id.

        Raises:
            Exhausted: An account would pass its cap; nothing was reserved.
        """
        reservation = secrets.token_hex(12)
        with self._transaction() as connection:
            for cap in caps:
                held = _held(connection, cap.account)
                _check(cap, held, worst)
                connection.execute(
                    "INSERT INTO account VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET "
                    "tokens = tokens + ?2, microusd = microusd + ?3",
                    (cap.account, worst.tokens, worst.microusd),
                )
                connection.execute(
                    "INSERT INTO reservation VALUES (?, ?, ?, ?)",
                    (reservation, cap.account, worst.tokens, worst.microusd),
                )
        return reservation

    def settle(self, reservation: str, actual: Amount) -> None:
        """What was reserved is replaced by what it cost; settling twice changes nothing."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE account SET "
                "tokens = account.tokens - open.tokens + ?2, "
                "microusd = account.microusd - open.microusd + ?3 "
                "FROM (SELECT account AS of, tokens, microusd FROM reservation WHERE id = ?1) "
                "AS open WHERE account.name = open.of",
                (reservation, actual.tokens, actual.microusd),
            )
            connection.execute("DELETE FROM reservation WHERE id = ?", (reservation,))

    def held(self, account: str) -> Amount:
        """What the account holds: settled, and reserved but not settled."""
        with self._transaction() as connection:
            return _held(connection, account)

    def close(self) -> None:
        """The file is closed."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mine, _translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _held(connection: sqlite3.Connection, account: str) -> Amount:
    row = connection.execute(
        "SELECT tokens, microusd FROM account WHERE name = ?", (account,)
    ).fetchone()
    return Amount(*row) if row else Amount(0, 0)


def _check(cap: Cap, held: Amount, worst: Amount) -> None:
    if held.tokens + worst.tokens > cap.most.tokens:
        left = max(0, cap.most.tokens - held.tokens)
        raise Exhausted(
            f"The account {cap.account} has {left} of {cap.most.tokens} tokens left; the next "
            f"request could need {worst.tokens}.",
            "Raise the cap, or wait for the next period.",
        )
    if held.microusd + worst.microusd > cap.most.microusd:
        left_usd = max(0, cap.most.microusd - held.microusd) / MICRO
        raise Exhausted(
            f"The account {cap.account} has {left_usd:.4f} of {cap.most.microusd / MICRO:.2f} USD "
            f"left; the next request could cost {worst.microusd / MICRO:.4f}.",
            "Raise the cap, or wait for the next period.",
        )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        if is_full(error):
            raise NoSpace(
                f"No space left for {path.name}, or its disk fails.", "Free some space."
            ) from None
        if isinstance(error, OSError):
            raise BadInput(
                f"{path.name} can't be opened: {error.strerror}.", "Check its directory."
            ) from None
        if isinstance(error, sqlite3.OperationalError):
            raise BadInput(
                f"{path.name} can't be opened or written.",
                "Check the owner and mode of its directory.",
            ) from None
        raise IntegrityError(
            f"{path.name} is damaged.", "Restore it from a backup: it says what was spent."
        ) from None
