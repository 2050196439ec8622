"""The vault's file copied, encrypted as it is, put back, and read without a byte written."""

from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Final

from appliance.clinical.vault.database import (
    FILE,
    database_errors,
    open_as_it_is,
    open_copy,
    read_layout,
)
from appliance.clinical.vault.keyring import read_keyring
from appliance.clinical.vault.opened import PSEUDONYM_CHECK, check_pseudonym_key
from appliance.clinical.vault.rotation import open_by_either, open_rotating
from appliance.errors import ApplianceError

VAULT: Final = FILE
_BY_KIND: Final = "SELECT kind, count(*) FROM notes WHERE version > 0 GROUP BY kind"


def save_vault(directory: Path, copy: Path, key: bytes) -> dict[str, int]:
    """`copy` holds the vault of one moment, under the same key; its notes are counted by kind.

    Args:
        directory: `SITE/vault`, with a vault in it.
        copy: A file that is not there yet.
        key: The site's vault key.

    Raises:
        KeyMismatch: The vault does not open with it.
        NoSpace: The disk is full.
    """
    keyring = read_keyring(directory, key)
    database, source = open_by_either(keyring, partial(open_as_it_is, directory / FILE))
    with closing(source), closing(open_as_it_is(copy, database)) as target, database_errors():
        source.backup(target)
        # One file is left, which holds everything.
        target.execute("PRAGMA journal_mode = DELETE").fetchall()
        rows = target.execute(_BY_KIND).fetchall()
    return {str(kind): int(count) for kind, count in rows}


def put_back_vault(directory: Path, copy: Path, key: bytes) -> None:
    """The vault holds what `copy` does; killed in between, it holds what it did before.

    Raises:
        KeyMismatch: One of the two does not open: the keys were changed in between.
        NoSpace: The disk is full.
    """
    keyring = read_keyring(directory, key)
    database, target = open_by_either(keyring, partial(open_as_it_is, directory / FILE))
    with closing(target), closing(open_copy(copy, database)) as source, database_errors():
        source.backup(target)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def count_at_rest(directory: Path, key: bytes, pseudonym_key: bytes) -> dict[str, int] | None:
    """Notes by kind, and nothing was written, beside the vault neither.

    Args:
        directory: `SITE/vault`, with a vault in it.
        key: The site's vault key.
        pseudonym_key: The site's key for ids.

    Returns:
        None where somebody has it open, or was killed with it open or before it had a table: the
        file alone does not tell.

    Raises:
        KeyMismatch: It was made with another key, of either kind.
        BadInput: A later program wrote it.
    """
    before = _at_rest(directory)
    if before is None:
        return None
    try:
        _, connection = open_by_either(
            read_keyring(directory, key), partial(open_copy, directory / FILE)
        )
        with closing(connection), database_errors():
            if not read_layout(connection):
                return None
            fact = connection.execute(PSEUDONYM_CHECK).fetchone()
            if fact is not None:
                check_pseudonym_key(pseudonym_key, bytes(fact[0]))
            rows = connection.execute(_BY_KIND).fetchall()
    except ApplianceError:
        # Pages of two moments look like damage, or like a disk that fails.
        if _at_rest(directory) == before:
            raise
        return None
    if _at_rest(directory) != before:
        return None
    return {str(kind): int(count) for kind, count in rows}


def _at_rest(directory: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where its log holds something, or it is gone."""
    try:
        file = (directory / FILE).stat()
    except FileNotFoundError:
        return None
    # Whoever closes the vault last removes its log, at any moment.
    with suppress(FileNotFoundError):
        if (directory / f"{FILE}-wal").stat().st_size:
            return None
    return file.st_ino, file.st_size, file.st_mtime_ns


def update_layout(directory: Path, key: bytes) -> None:
    """The vault has every table and column that this program knows, in one transaction.

    Raises:
        KeyMismatch: It does not open with the site's key.
        NoSpace: The disk is full; it is as it was.
    """
    open_rotating(directory, read_keyring(directory, key)).close()
