"""The vault's database as it was at one moment, taken while it is in use."""

from pathlib import Path
from typing import Any

from appliance.clinical.vault.database import database_errors, open_database
from appliance.clinical.vault.keyring import Keyring
from appliance.errors import KeyMismatch


def copy_database(directory: Path, keyring: Keyring, target: Path) -> dict[str, int]:
    """A vault's database is in the folder `target`, encrypted with the same key; notes by kind.

    SQLite's own way to copy a database that others write to (sqlite.org/backup.html): what is
    committed when it begins is in the copy, and nothing else.

    Args:
        directory: `SITE/vault`.
        keyring: Its working keys.
        target: A folder of the owner's alone.

    Raises:
        KeyMismatch: It opens with none of the keys.
        NoSpace: The disk is full.
    """
    source, key = _open(directory, keyring)
    try:
        copy = open_database(target, key)
        try:
            with database_errors():
                source.backup(copy)
                copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                rows = copy.execute("SELECT kind, count(*) FROM notes GROUP BY kind").fetchall()
        finally:
            copy.close()
    finally:
        source.close()
    return {str(kind): int(count) for kind, count in rows}


def _open(directory: Path, keyring: Keyring) -> tuple[Any, bytes]:
    if not keyring.is_changing:
        return open_database(directory, keyring.keys.database), keyring.keys.database
    try:
        return open_database(directory, keyring.keys.database), keyring.keys.database
    except KeyMismatch:
        return open_database(directory, keyring.next_database), keyring.next_database
