"""A site goes from layout to layout: guarded by a snapshot, killed anywhere, and back again."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from appliance.artifacts.manifest import is_finished
from appliance.cli.main import run
from appliance.clinical.vault import database
from appliance.errors import BadInput, Forbidden, IntegrityError, SiteError
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.keys import Purpose
from appliance.settings.schema import SITE_SCHEMA, Schema, read_schema
from appliance.synthesis.journal import store as journal
from appliance.workflows import migration
from appliance.workflows.doctor import check_up
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.keys import rotate
from appliance.workflows.migration import MIGRATIONS, migrate, revert
from appliance.workflows.notes import erase
from appliance.workflows.site import init, open_site
from tests.lib.house import REPOSITORY

# Whoever changes the layout of a store raises SITE_SCHEMA, writes a migration, and adds a line.
LAYOUTS = {1: {"vault": 5, "journal": 1}}
COUNT = 40


@pytest.fixture
def old(tmp_path):
    """A site as the first program left it: no number, an old vault, a policy too few."""
    site = init(tmp_path / "s", "air-gapped")
    notes = [SourceNote(f"s-{n}", f"p-{n % 4}", "letter", "", f"Seen. {n}") for n in range(COUNT)]
    import_stream(site, notes, Silent())
    with journal.Journal.open(site.paths.journal / "first.db") as first:
        first.intend([("key", "d-1")])
    with opened_vault(site) as vault:
        for table in ("rejected", "erasing", "indexed", "words"):
            vault._connection.execute(f"DROP TABLE {table}")
        vault._connection.execute("ALTER TABLE notes DROP COLUMN encoding")
        vault._connection.execute("PRAGMA user_version = 1")
    site.paths.schema.unlink()
    (site.paths.policies / "release.toml").unlink()
    return site.paths


def layout(paths):
    connection = database.open_as_it_is(paths.vault / database.FILE, key_of(paths))
    try:
        return database._version(connection)
    finally:
        connection.close()


def key_of(paths):
    from appliance.clinical.vault.keyring import read_keyring
    from appliance.settings.keys import FileKeys

    return read_keyring(paths.vault, FileKeys(paths.keys).key(Purpose.VAULT)).keys.database


def texts(paths):
    with opened_vault(open_site(paths.root)) as vault:
        return {note.text for note in vault.read_identified(vault.note_ids(), "check")}


def snapshots(paths):
    return [path.name for path in paths.snapshots.glob("*") if is_finished(path)]


def test_the_number_stands_for_the_layouts_of_the_stores():
    """A store's layout can't change without the site's."""
    assert LAYOUTS[SITE_SCHEMA] == {"vault": database.SCHEMA_VERSION, "journal": journal._VERSION}
    assert [one.number for one in MIGRATIONS] == list(range(1, SITE_SCHEMA + 1))


def test_a_new_site_has_the_layout_of_its_program(tmp_path):
    paths = init(tmp_path / "s", "air-gapped").paths

    assert read_schema(paths.schema) == Schema(SITE_SCHEMA)
    assert migrate(paths.root, Silent()).steps == ()
    assert not paths.snapshots.exists()


def test_an_older_site_is_refused_until_it_is_migrated(old):
    """Nothing of it is changed by asking."""
    with pytest.raises(SiteError, match="site migrate"):
        open_site(old.root)
    foreseen = migrate(old.root, Silent(), dry_run=True)

    assert layout(old) == 1
    assert (foreseen.schema_before, foreseen.schema, len(foreseen.steps)) == (0, SITE_SCHEMA, 1)


def test_a_migrated_site_has_everything(old):
    """Notes, tables, policies, an event, and a snapshot of before."""
    done = migrate(old.root, Silent())

    assert (done.schema_before, done.schema) == (0, SITE_SCHEMA)
    assert layout(old) == database.SCHEMA_VERSION
    assert texts(old) == {f"Seen. {n}" for n in range(COUNT)}
    assert (old.policies / "release.toml").is_file()
    assert snapshots(old) == ["schema-0"]
    kept = old.snapshots / "schema-0"
    assert {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()} == {
        *("facts.json", "manifest.json", "journal/first.db", "vault/vault.db")
    }
    assert {path.stat().st_mode & 0o077 for path in kept.rglob("*")} == {0}
    assert b'"kind":"site.migrated"' in (old.ledger / "entries.log").read_bytes()


def test_no_word_of_a_note_is_in_a_snapshot(old):
    """It is encrypted as the vault is, and under no other key."""
    migrate(old.root, Silent())

    content = (old.snapshots / "schema-0/vault/vault.db").read_bytes()

    assert b"letter" not in content
    assert not content.startswith(b"SQLite format")
    assert content


def test_where_nothing_is_to_be_done_that_is_said(tmp_path, capsys):
    site = init(tmp_path / "site", "air-gapped")
    capsys.readouterr()

    for words in ([], ["--dry-run"]):
        assert run(["site", "migrate", "--site", str(site.paths.root), *words]) == 0

        out, err = capsys.readouterr()
        assert out == ""
        assert "Nothing was to be done" in " ".join(err.split())


def test_the_way_back_ends_where_it_began(old):
    """The old program finds its own layout; forward again works as well."""
    migrate(old.root, Silent())

    assert run(["site", "revert", "--yes", "--site", str(old.root)]) == 0

    assert read_schema(old.schema) == Schema(0)
    assert layout(old) == 1
    assert snapshots(old) == []
    with journal.Journal.open(old.journal / "first.db") as first:
        assert first.counts() == (1, 0)
    migrate(old.root, Silent())
    assert texts(old) == {f"Seen. {n}" for n in range(COUNT)}


def test_what_was_recorded_since_is_not_undone(old):
    migrate(old.root, Silent())
    import_stream(open_site(old.root), [SourceNote("new", "p-1", "letter", "", "New.")], Silent())

    with pytest.raises(BadInput, match="recorded since"):
        revert(old.root)

    assert "New." in texts(old)


def _erase(paths):
    assert erase(paths.root, "p-1").notes


def _rotate(paths):
    rotate(paths.root, Silent())


@pytest.mark.parametrize("deed", [_erase, _rotate])
def test_what_must_be_gone_is_gone_from_snapshots(old, deed):
    """A patient who was erased; what the old key opens."""
    migrate(old.root, Silent())

    deed(old)

    assert not list(old.snapshots.iterdir())
    with pytest.raises(BadInput, match="no snapshot"):
        revert(old.root)


def test_a_site_of_a_newer_program_is_left_alone(old):
    old.schema.write_text(json.dumps({"schema": SITE_SCHEMA + 1}))

    for deed in (open_site, revert, lambda root: migrate(root, Silent())):
        with pytest.raises(SiteError, match="newer"):
            deed(old.root)
    results = {one.check_id: one.status for one in check_up(old.root).results}
    assert results["SITE030"] == "fail"
    assert layout(old) == 1


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "1"}', '{"schema": true}'])
def test_a_damaged_number_is_no_number(old, content):
    old.schema.write_text(content)

    with pytest.raises(IntegrityError):
        open_site(old.root)


def test_half_way_nothing_is_done_but_to_go_on_or_back(old):
    """Killed in the middle, the site says so; both ways are open."""
    migrate(old.root, Silent())
    old.schema.write_bytes(Schema(0, SITE_SCHEMA).encode())

    with pytest.raises(SiteError, match="on its way"):
        open_site(old.root)

    assert migration.check_revertible(old.root).schema == 0
    migrate(old.root, Silent())
    open_site(old.root)


def test_the_doctor_warns_of_an_older_site_and_changes_nothing(old):
    """An installer may go on; what an old program is at work with is not opened."""
    results = {one.check_id: one for one in check_up(old.root).results}

    assert results["SITE030"].status == "warn"
    assert "site migrate" in results["SITE030"].fix
    assert {results[check].status for check in ("SITE005", "SITE010", "SITE013")} == {"skip"}
    assert layout(old) == 1


def test_only_the_owner_changes_the_layout(old, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: old.root.stat().st_uid + 1)

    with pytest.raises(Forbidden, match="runuser"):
        migrate(old.root, Silent())


_SHOT = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from appliance.records.progress import Silent
    from appliance.workflows import migration, snapshots

    name, verb, at, root = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    room = migration if hasattr(migration, name) else snapshots
    kept, calls = getattr(room, name), [0]

    def shot(*given, **named):
        kept(*given, **named)
        calls[0] += 1
        if calls[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(room, name, shot)
    if verb == "migrate":
        migration.migrate(root, Silent())
    else:
        migration.revert(root)
    """
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "verb", "at"),
    [
        ("save_vault", "migrate", 1),
        ("copy_database", "migrate", 1),
        ("take_snapshot", "migrate", 1),
        ("write_atomically", "migrate", 1),
        ("update_layout", "migrate", 1),
        ("copy_policies", "migrate", 1),
        ("write_atomically", "migrate", 2),
        ("write_atomically", "revert", 1),
        ("put_back_vault", "revert", 1),
        ("put_back", "revert", 1),
        ("write_atomically", "revert", 2),
    ],
)
def test_killed_after_any_step_it_goes_on(old, name, verb, at):
    """Every note is there, whichever step was the last."""
    if verb == "revert":
        migrate(old.root, Silent())

    done = subprocess.run(
        [sys.executable, "-c", _SHOT, name, verb, str(at), str(old.root)],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL, done.stderr
    migrate(old.root, Silent())
    assert read_schema(old.schema) == Schema(SITE_SCHEMA)
    assert layout(old) == database.SCHEMA_VERSION
    assert texts(old) == {f"Seen. {n}" for n in range(COUNT)}
    assert snapshots(old) in ([], ["schema-0"])
