"""No room is told from all else, however the operating system and SQLite put it."""

import errno
import os
import resource
import sqlite3
from contextlib import closing, contextmanager

import pytest

from appliance.artifacts.space import is_full
from appliance.artifacts.wal import copy_database, open_wal
from appliance.errors import NoSpace
from appliance.spending.purse import Purse
from appliance.synthesis.journal.store import Journal


@contextmanager
def files_of_at_most(size):
    """As a quota has it: what is written beyond is refused, and the disk has room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", [Purse, Journal])
def test_a_database_that_may_not_grow_has_no_room(tmp_path, kind):
    """SQLite calls it a failure of input and output: neither damage nor a wrong owner."""
    with files_of_at_most(0), pytest.raises(NoSpace, match="No space left") as refused:
        kind.open(tmp_path / "a.db")

    assert refused.value.next_step


@pytest.mark.parametrize("kind", [Purse, Journal])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_database_that_cannot_be_made_for_want_of_room_says_so(tmp_path, monkeypatch, kind, code):
    """Before SQLite is asked, its file is made."""

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(NoSpace, match="No space left"):
        kind.open(tmp_path / "a.db")


def test_a_copy_and_a_page_too_many_have_no_room(tmp_path):
    """What SQLite raises of the one and of the other."""
    with closing(open_wal(tmp_path / "a.db", 1.0)) as database:
        database.execute("CREATE TABLE a (b BLOB)")
        with files_of_at_most(0), pytest.raises(sqlite3.Error) as copying:
            copy_database(tmp_path / "a.db", tmp_path / "b.db")
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as inserting:
            database.execute("INSERT INTO a VALUES (zeroblob(99999))")

    assert is_full(copying.value)
    assert is_full(inserting.value)


def test_a_wrong_owner_and_damage_are_not_for_want_of_room(tmp_path):
    """What an operator then frees would not help."""
    (tmp_path / "a.db").write_bytes(b"not a database" * 99)
    database = sqlite3.connect(tmp_path / "a.db")
    with closing(database), pytest.raises(sqlite3.DatabaseError) as damaged:
        database.execute("SELECT * FROM a")

    for name in ("SQLITE_IOERR_READ", "SQLITE_IOERR_LOCK", "SQLITE_IOERR_CORRUPTFS"):
        failing = sqlite3.OperationalError("disk I/O error")
        failing.sqlite_errorname = name
        assert not is_full(failing)
    assert not is_full(damaged.value)
    assert not is_full(PermissionError(errno.EACCES, "Permission denied"))
    assert not is_full(ValueError())
