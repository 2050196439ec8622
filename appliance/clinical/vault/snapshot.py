"""The vault's file copied, encrypted as it is, and put back: what guards a change of its layout."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from appliance.clinical.vault.database import FILE, database_errors, open_as_it_is, open_copy
from appliance.clinical.vault.keyring import read_keyring
from appliance.clinical.vault.rotation import open_by_either, open_rotating

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


def update_layout(directory: Path, key: bytes) -> None:
    """The vault has every table and column that this program knows, in one transaction.

    Raises:
        KeyMismatch: It does not open with the site's key.
        NoSpace: The disk is full; it is as it was.
    """
    open_rotating(directory, read_keyring(directory, key)).close()
