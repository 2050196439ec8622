"""The vault's file: SQLCipher, opened with the right key or not at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2

from appliance.artifacts.space import is_full
from appliance.artifacts.wal import create_private
from appliance.artifacts.writing import disk_errors
from appliance.errors import (
    ApplianceError,
    BadInput,
    IntegrityError,
    KeyMismatch,
    NoSpace,
    NotWritable,
)

FILE: Final = "vault.db"
_BUSY_S: Final = 60.0

# A vault of layout n has had the first n of these; the others are added when it is opened.
_LAYOUTS: Final = (
    """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (
    note_id TEXT PRIMARY KEY, source_id TEXT NOT NULL, patient_id TEXT, kind TEXT NOT NULL,
    written_on TEXT NOT NULL, version INTEGER NOT NULL, mark BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX notes_by_patient ON notes (patient_id);
CREATE INDEX notes_by_kind ON notes (kind, note_id);
CREATE TABLE bodies (
    note_id TEXT NOT NULL, version INTEGER NOT NULL, wrapped_key BLOB NOT NULL, body BLOB NOT NULL,
    UNIQUE (note_id, version)
);
CREATE TABLE patients (patient_id TEXT PRIMARY KEY, source_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE identifiers (
    patient_id TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (patient_id, kind, value)
) WITHOUT ROWID;
""",
    """
CREATE TABLE rejected (
    number INTEGER PRIMARY KEY, reason TEXT NOT NULL, path INTEGER NOT NULL, file INTEGER,
    line INTEGER, name TEXT NOT NULL
);
""",
    """
CREATE TABLE erasing (patient_id TEXT PRIMARY KEY) WITHOUT ROWID;
""",
    """
CREATE TABLE indexed (
    number INTEGER PRIMARY KEY, note_id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5 (
    text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2'
);
""",
    """
ALTER TABLE notes ADD COLUMN encoding TEXT NOT NULL DEFAULT 'utf-8'
""",
)
SCHEMA_VERSION: Final = len(_LAYOUTS)

_NEXT_STEP: Final = "Restore the vault and the keys from one and the same backup."


def open_database(directory: Path, key: bytes) -> Any:
    """A connection to the vault in `directory`, which is made where there is none.

    Whatever reaches the disk is encrypted: pages, write-ahead log; sorting stays in memory.
    A commit is on disk when it returns.

    Args:
        directory: `SITE/vault`.
        key: 32 bytes, used as they are; no passphrase stretching is due.

    Raises:
        KeyMismatch: Another key made it, or it is damaged.
        NoSpace: The disk is full.
        BadInput: The directory can't be written.
    """
    connection = open_as_it_is(directory / FILE, key)
    try:
        with database_errors():
            _ensure_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_as_it_is(path: Path, key: bytes) -> Any:
    """A connection to an encrypted file, whatever its layout; made empty where there is none.

    Raises:
        KeyMismatch: Another key made it, or it is damaged.
        NoSpace, BadInput: As for `open_database`.
    """
    with disk_errors(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_private(path)
    return _connect(str(path), key, _configure)


def open_copy(path: Path, key: bytes) -> Any:
    """A connection that reads a file which nobody writes, and leaves every byte of it as it is.

    Raises:
        KeyMismatch: Another key made it, or it is damaged.
        BadInput: There is none.
    """
    name = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return _connect(name, key, _unlock, is_uri=True)


def read_layout(connection: Any) -> int:
    """The vault's layout; 0 where it has no table yet.

    Raises:
        BadInput: A later program wrote it.
    """
    layout = _version(connection)
    if layout > SCHEMA_VERSION:
        raise BadInput(
            f"The vault has layout {layout}; this program knows {SCHEMA_VERSION}.",
            "Use the program's version that wrote it.",
        )
    return layout


@contextmanager
def database_errors() -> Iterator[None]:
    """SQLite's errors come out as the product's own, without the statement or its values.

    Raises:
        NoSpace: The disk is full; what was committed stays.
        KeyMismatch: The file does not open with this key.
        IntegrityError: The file is damaged.
    """
    try:
        yield
    except dbapi2.Error as error:
        raise _translated(error) from None


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    """All of the block is committed, durably, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back by itself already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(
    name: str, key: bytes, prepare: Callable[[Any, bytes], None], *, is_uri: bool = False
) -> Any:
    with database_errors():
        connection = dbapi2.connect(
            name, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=is_uri
        )
        try:
            prepare(connection, key)
            # The first look at a page tells whether the key is right.
            _version(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _configure(connection: Any, key: bytes) -> None:
    _unlock(connection, key)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _unlock(connection: Any, key: bytes) -> None:
    # Before the key: with a wrong one SQLCipher would write its complaints to stderr.
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    for pragma in (
        "cipher_memory_security = ON",
        "temp_store = MEMORY",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _ensure_schema(connection: Any) -> None:
    if _version(connection) < SCHEMA_VERSION:
        with transaction(connection):
            # Asked again: another process may have made it while this one waited for the lock.
            for layout in _LAYOUTS[_version(connection) :]:
                for statement in layout.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    read_layout(connection)


def _version(connection: Any) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _translated(error: Exception) -> ApplianceError:
    name = str(getattr(error, "sqlite_errorname", "") or type(error).__name__)
    if is_full(error):
        return NoSpace(
            "The disk under the vault is full or fails.",
            "Free some space and run the same command again; what was committed is kept.",
        )
    if name == "SQLITE_NOTADB":
        return KeyMismatch("The vault does not open with this site's key.", _NEXT_STEP)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_IOERR")):
        return IntegrityError("The vault's file is damaged, or its disk fails.", _NEXT_STEP)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return BadInput("Another process keeps the vault busy.", "Try again when it is done.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return NotWritable("The vault can't be written.", "Give this user the site's directory.")
    return ApplianceError(f"The vault's database failed: {name}.")
