"""Fresh keys for a vault that stays open: every data key is wrapped anew, then the pages are.

In order, each step on disk before the next (when and why: NIST SP 800-57 part 1, 5.3):
1. a keyring with fresh keys that opens under the old and the new key of the site;
2. every note's data key from the old wrapping key under the fresh one, batch by batch, while other
   processes read and write: whoever meets a note that was wrapped anew reads the keyring again;
3. the database's pages, in one transaction;
4. the site's key is the new one;
5. a keyring with the fresh keys alone that opens under the new key alone.
Killed anywhere, the next run finds which step it is at.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from appliance.clinical.vault.database import database_errors, open_database, transaction
from appliance.clinical.vault.keyring import Keyring, read_keyring, write_keyring
from appliance.clinical.vault.sealing import Sealed, rewrap
from appliance.errors import IntegrityError, KeyMismatch
from appliance.records.identifiers import NoteId

_AT_ONCE: Final = 500
_AT: Final = "rewrapped-to"
GENERATION: Final = "key-generation"
"""The fact that says which wrapping key new notes are to be under."""


def begin_rotation(directory: Path, old: bytes, new: bytes) -> Keyring:
    """Step 1; or what it made before.

    Raises:
        KeyMismatch: The vault does not open with the old key.
    """
    keyring = read_keyring(directory, old)
    if not keyring.is_changing:
        keyring = keyring.begun()
        write_keyring(directory, keyring, old, new)
    return keyring


def rewrap_notes(directory: Path, keyring: Keyring, advance: Callable[[int], None]) -> int:
    """Step 2: no note's data key is wrapped with an older key; the count of those done here.

    Raises:
        IntegrityError: A data key opens with none of the keys.
        NoSpace: The disk is full; what was done counts.
    """
    connection = open_rotating(directory, keyring)
    done = 0
    try:
        with database_errors():
            with transaction(connection):
                # From now on whoever writes has to have the fresh key.
                _set(connection, GENERATION, keyring.keys.generation)
            while (count := _rewrap_batch(connection, keyring)) > 0:
                done += count
                advance(count)
    finally:
        connection.close()
    return done


def rekey_pages(directory: Path, keyring: Keyring) -> None:
    """Step 3: the database opens with its fresh key only.

    Raises:
        BadInput: Another process keeps the vault busy.
        NoSpace: The disk is full; the pages are as they were.
    """
    connection = open_rotating(directory, keyring)
    try:
        with database_errors():
            connection.execute(f"PRAGMA rekey = \"x'{keyring.next_database.hex()}'\"").fetchall()
            connection.execute("DELETE FROM facts WHERE name = ?", (_AT,))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def end_rotation(directory: Path, keyring: Keyring, new: bytes) -> None:
    """Step 5: the fresh keys alone, under the new key alone."""
    write_keyring(directory, keyring.ended(), new)


def open_rotating(directory: Path, keyring: Keyring) -> Any:
    """A connection, whichever of its keys the pages are encrypted with.

    Raises:
        KeyMismatch: Neither.
    """
    return open_by_either(keyring, partial(open_database, directory))[1]


def open_by_either(keyring: Keyring, opened: Callable[[bytes], Any]) -> tuple[bytes, Any]:
    """The key that opens the pages, and what it opened; a change of keys may be under way.

    Raises:
        KeyMismatch: Neither opens them.
    """
    present = keyring.keys.database
    try:
        return present, opened(present)
    except KeyMismatch:
        if not keyring.is_changing:
            raise
        return keyring.next_database, opened(keyring.next_database)


def _rewrap_batch(connection: Any, keyring: Keyring) -> int:
    keys = keyring.keys
    with transaction(connection):
        row = connection.execute("SELECT value FROM facts WHERE name = ?", (_AT,)).fetchone()
        rows = connection.execute(
            "SELECT rowid, note_id, version, wrapped_key FROM bodies WHERE rowid > ? "
            "ORDER BY rowid LIMIT ?",
            (int(row[0]) if row else 0, _AT_ONCE),
        ).fetchall()
        for number, note_id, version, wrapped in rows:
            fresh = _fresh(Sealed(bytes(wrapped), b""), NoteId(note_id), version, keyring)
            if fresh is not None:
                connection.execute(
                    "UPDATE bodies SET wrapped_key = ? WHERE rowid = ?", (fresh, number)
                )
        if rows:
            _set(connection, _AT, rows[-1][0])
    assert keys.older, "there is something to wrap from"
    return len(rows)


def _fresh(sealed: Sealed, note_id: NoteId, version: int, keyring: Keyring) -> bytes | None:
    """The data key under the fresh wrapping key; None where it is already."""
    keys = keyring.keys
    for key in (keys.wrapping, *keys.older):
        fresh = rewrap(sealed, note_id, version, key, keys.wrapping)
        if fresh is not None:
            return None if key == keys.wrapping else fresh
    raise IntegrityError(
        f"{note_id} does not open: its key was changed, or belongs to another note.",
        "Import the note again, and find out who changed the vault.",
    )


def _set(connection: Any, name: str, value: int) -> None:
    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value).encode()))
