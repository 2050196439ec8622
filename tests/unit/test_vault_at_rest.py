"""What lies on the disk: nothing in clear, nothing that another key opens, nothing half done."""

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from appliance.clinical.vault import database, snapshot
from appliance.clinical.vault.database import FILE, _configure, _ensure_schema, _translated
from appliance.clinical.vault.snapshot import count_at_rest
from appliance.clinical.vault.store import Vault
from appliance.clinical.vault.taking import NOTES_PER_TRANSACTION
from appliance.errors import (
    ApplianceError,
    BadInput,
    IntegrityError,
    KeyMismatch,
    NoSpace,
    NotWritable,
)
from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient
from tests.lib.memory_vault import EventList

KEY, PSEUDONYM_KEY = b"k" * 32, b"p" * 32
CANARY = "Zebedee Quillfeather"


def open_vault(directory, key=KEY, pseudonym_key=PSEUDONYM_KEY):
    return Vault.open(directory, key, pseudonym_key, EventList())


def notes(count, text="Seen today."):
    return (
        SourceNote(f"{CANARY}-{n}", f"mrn-{CANARY}", "progress-note", "", f"{text} {n}")
        for n in range(count)
    )


def test_nothing_of_a_note_or_patient_is_on_disk_in_clear(tmp_path):
    """Neither text, ids, names nor the write-ahead log can be read with `strings`."""
    vault = open_vault(tmp_path)
    vault.seal(notes(300, f"{CANARY} was seen."))
    vault.register([SourcePatient(CANARY, (PatientIdentifier("name", CANARY),))])

    on_disk = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert {FILE, f"{FILE}-wal"} <= set(on_disk)
    for content in on_disk.values():
        assert b"Quillfeather" not in content
        assert b"progress-note" not in content
        assert not content.startswith(b"SQLite format")
    vault.close()


def test_the_vault_is_private_to_its_user(tmp_path):
    """Nobody else may even read the encrypted bytes."""
    vault = open_vault(tmp_path / "vault")
    vault.seal(notes(1))

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "vault").iterdir()}

    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o700
    assert modes == {0o600}
    vault.close()


def test_a_note_given_to_another_patient_keeps_nothing_of_the_first(tmp_path):
    """An erasure of the first would not find it; corrections within a patient are kept."""
    vault = open_vault(tmp_path)
    for text in ("Said of the wrong one.", "Said better of the wrong one."):
        vault.seal([SourceNote("1", "mrn-wrong", "letter", "", text)])
    [first] = vault.note_ids()
    assert vault._connection.execute("SELECT count(*) FROM bodies").fetchone() == (2,)
    while vault.index_some("search"):
        pass

    vault.seal([SourceNote("1", "mrn-right", "letter", "", "Said of the right one.")])

    assert vault._connection.execute("SELECT version FROM bodies").fetchall() == [(3,)]
    assert vault._connection.execute("SELECT count(*) FROM indexed").fetchone() == (0,)
    assert vault.read_identified([first], "test")[0].text == "Said of the right one."
    assert vault.erase_patient("mrn-wrong") == 0
    assert vault.erase_patient("mrn-right") == 1
    vault.close()


def test_a_wrong_key_is_said_to_be_wrong(tmp_path, capfd):
    """The next step is in the error, and nothing else is on the terminal."""
    open_vault(tmp_path).close()

    with pytest.raises(KeyMismatch, match="Restore the vault and the keys"):
        open_vault(tmp_path, key=b"x" * 32)

    assert capfd.readouterr() == ("", "")


def test_a_wrong_pseudonym_key_is_refused(tmp_path):
    """Else every note would get a second id and be imported twice."""
    open_vault(tmp_path).close()

    with pytest.raises(KeyMismatch, match="pseudonym"):
        open_vault(tmp_path, pseudonym_key=b"x" * 32)


def test_a_note_moved_to_another_id_does_not_open(tmp_path):
    """Whoever swaps two bodies in the database is found out."""
    vault = open_vault(tmp_path)
    vault.seal(notes(2))
    first, second = vault.note_ids()
    execute = vault._connection.execute
    bodies = dict(execute("SELECT note_id, body FROM bodies").fetchall())
    keys = dict(execute("SELECT note_id, wrapped_key FROM bodies").fetchall())
    execute(
        "UPDATE bodies SET body = ?, wrapped_key = ? WHERE note_id = ?",
        (bodies[second], keys[second], first),
    )

    with pytest.raises(IntegrityError, match=first) as caught:
        vault.read_identified([first], "check")

    assert caught.value.__context__ is None
    assert vault.read_identified([second], "check")
    vault.close()


def test_a_full_disk_is_said_and_keeps_what_was_committed(tmp_path):
    """The import that hit the end of the disk goes on where it was."""
    vault = open_vault(tmp_path)
    vault.seal(notes(NOTES_PER_TRANSACTION))
    pages = vault._connection.execute("PRAGMA page_count").fetchone()[0]
    vault._connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    with pytest.raises(NoSpace, match="what was committed is kept"):
        vault.seal(notes(20 * NOTES_PER_TRANSACTION))

    kept = len(vault.note_ids())
    assert kept >= NOTES_PER_TRANSACTION
    assert kept % NOTES_PER_TRANSACTION == 0
    vault.close()
    again = open_vault(tmp_path)
    assert again.seal(notes(1000)).known == min(kept, 1000)
    again.close()


def test_an_error_of_the_database_holds_no_text(tmp_path):
    """Neither message, arguments nor context of an error carry a statement's values."""
    vault = open_vault(tmp_path)
    vault._connection.execute("DROP TABLE bodies")

    with pytest.raises(Exception, match="database failed") as caught:
        vault.seal(notes(1, CANARY))

    assert CANARY not in repr(caught.value) + repr(caught.value.__context__)
    assert caught.value.__suppress_context__
    vault.close()


@pytest.mark.slow
def test_killed_at_any_moment_it_opens(tmp_path):
    """SIGKILL in the middle of an import leaves whole transactions and nothing else."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from tests.unit.test_vault_at_rest import notes, open_vault
        vault = open_vault(Path(sys.argv[1]))
        print("open", flush=True)
        vault.seal(notes(1_000_000))
        """
    )
    kept = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        assert process.stdout.readline() == b"open\n"
        try:
            process.wait(0.4)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

        vault = open_vault(tmp_path)
        ids = vault.note_ids()
        assert len(ids) % NOTES_PER_TRANSACTION == 0
        assert len(ids) >= kept
        assert len(vault.read_identified(ids, "check")) == len(ids)
        kept = len(ids)
        vault.close()
    assert kept > 0


def test_two_processes_may_have_it_open(tmp_path):
    """An import goes on while an extraction reads."""
    writer, reader = open_vault(tmp_path), open_vault(tmp_path)

    writer.seal(notes(3))

    assert len(reader.read_identified(reader.note_ids(), "check")) == 3
    writer.close()
    reader.close()


def test_a_vault_of_a_later_program_is_left_alone(tmp_path):
    """An unknown layout is refused, not guessed at."""
    vault = open_vault(tmp_path)
    vault._connection.execute("PRAGMA user_version = 99")
    vault.close()

    with pytest.raises(BadInput, match="layout 99"):
        open_vault(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_FULL", NoSpace),
        ("SQLITE_IOERR_WRITE", NoSpace),
        ("SQLITE_NOTADB", KeyMismatch),
        ("SQLITE_CORRUPT", IntegrityError),
        ("SQLITE_BUSY", BadInput),
        ("SQLITE_READONLY_DBMOVED", NotWritable),
        ("SQLITE_CANTOPEN", NotWritable),
        ("SQLITE_MISUSE", ApplianceError),
    ],
)
def test_every_fault_of_the_database_has_its_exit_code(name, kind):
    """And a next step, unless it is a bug."""
    raised = dbapi2.OperationalError()
    raised.sqlite_errorname = name

    error = _translated(raised)

    assert type(error) is kind
    assert bool(error.next_step) == (kind is not ApplianceError)


def test_two_processes_may_make_it_at_once(tmp_path):
    """The one that comes second finds it made."""
    connections = [dbapi2.connect(str(tmp_path / FILE), isolation_level=None) for _ in range(2)]
    for connection in connections:
        _configure(connection, KEY)
    seen = iter([0, database.SCHEMA_VERSION, database.SCHEMA_VERSION])

    with pytest.MonkeyPatch.context() as patch:
        _ensure_schema(connections[0])
        patch.setattr(database, "_version", lambda _: next(seen))
        _ensure_schema(connections[1])

    for connection in connections:
        connection.close()


def test_a_vault_that_can_not_be_opened_is_closed_again(tmp_path):
    """A directory in the file's place is said to be no place."""
    (tmp_path / FILE).mkdir()

    with pytest.raises(BadInput, match="can't be written"):
        open_vault(tmp_path)


def test_a_vault_of_an_older_layout_is_brought_up_to_date(tmp_path):
    """What it holds stays, and what was added since is there."""
    vault = open_vault(tmp_path)
    vault.seal([SourceNote("1", None, "", "", "Stays.")])
    for table in ("rejected", "erasing", "indexed", "words"):
        vault._connection.execute(f"DROP TABLE {table}")
    vault._connection.execute("ALTER TABLE notes DROP COLUMN encoding")
    vault._connection.execute("PRAGMA user_version = 1")
    vault.close()

    vault = open_vault(tmp_path)

    assert vault.read_rejected_identified("check") == []
    assert len(vault.note_ids()) == 1
    vault.close()


def _shape(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_notes_are_counted_without_a_byte_written(tmp_path):
    """A disk that is full or read-only takes no log beside the vault."""
    with closing(open_vault(tmp_path)) as vault:
        vault.seal(notes(3))
        assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) is None
    before = _shape(tmp_path)

    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) == {"progress-note": 3}

    assert _shape(tmp_path) == before
    with pytest.raises(KeyMismatch):
        count_at_rest(tmp_path, b"x" * 32, PSEUDONYM_KEY)


def test_a_vault_of_another_pseudonym_key_is_not_counted(tmp_path):
    open_vault(tmp_path).close()

    with pytest.raises(KeyMismatch, match="pseudonym"):
        count_at_rest(tmp_path, KEY, b"x" * 32)


def test_a_vault_of_a_later_program_is_not_counted(tmp_path):
    vault = open_vault(tmp_path)
    vault._connection.execute("PRAGMA user_version = 99")
    vault.close()

    with pytest.raises(BadInput, match="layout 99"):
        count_at_rest(tmp_path, KEY, PSEUDONYM_KEY)


def test_a_vault_without_tables_does_not_tell(tmp_path):
    """Its import was killed before it made them; whoever opens the vault makes them."""
    key = snapshot.read_keyring(tmp_path, KEY).keys.database
    connection = database.open_as_it_is(tmp_path / FILE, key)
    connection.execute("CREATE TABLE one (two)")
    connection.execute("DROP TABLE one")
    connection.close()

    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) is None

    open_vault(tmp_path).close()
    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) == {}


def test_an_empty_file_does_not_tell(tmp_path):
    (tmp_path / FILE).touch()

    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) is None


def test_a_log_that_goes_while_it_is_looked_at_is_no_error(tmp_path, monkeypatch):
    """Whoever closes the vault last removes it."""
    with closing(open_vault(tmp_path)) as vault:
        vault.seal(notes(3))
    log = tmp_path / f"{FILE}-wal"
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path == log or real(path))

    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) == {"progress-note": 3}

    (tmp_path / FILE).unlink()
    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) is None


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_vault_that_changes_while_it_is_counted_is_not_counted(tmp_path, monkeypatch, is_damaged):
    """Pages of two moments may count anything, or look like damage; real damage is told."""
    with closing(open_vault(tmp_path)) as vault:
        vault.seal(notes(3))
    real = snapshot.open_copy

    def meddle(path, key):
        os.utime(path, ns=(1, 1))
        if is_damaged:
            raise IntegrityError("The vault's file is damaged.")
        return real(path, key)

    monkeypatch.setattr(snapshot, "open_copy", meddle)

    assert count_at_rest(tmp_path, KEY, PSEUDONYM_KEY) is None
    if is_damaged:
        with pytest.raises(IntegrityError):
            count_at_rest(tmp_path, KEY, PSEUDONYM_KEY)
