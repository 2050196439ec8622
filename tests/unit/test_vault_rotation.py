"""Fresh keys for the vault: the old ones open nothing, and at no moment is anything lost."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from appliance.cli.main import run
from appliance.clinical.vault import keyring as rings
from appliance.clinical.vault.keyring import read_keyring, write_keyring
from appliance.clinical.vault.rotation import begin_rotation, rewrap_notes
from appliance.clinical.vault.store import Vault
from appliance.errors import IntegrityError, KeyMismatch
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.keys import FileKeys, Purpose
from appliance.workflows import keys as workflow
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.keys import rotate
from appliance.workflows.site import init, open_site
from tests.lib.memory_vault import EventList

COUNT = 700


def source(numbers, text="Seen."):
    return [SourceNote(f"s-{n}", f"p-{n % 9}", "letter", "", f"{text} {n}") for n in numbers]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    site = init(tmp_path_factory.mktemp("world") / "site", "air-gapped")
    import_stream(site, source(range(COUNT)), Silent())
    return site.paths.root


@pytest.fixture
def site(template, tmp_path):
    shutil.copytree(template, tmp_path / "site")
    return open_site(tmp_path / "site")


def texts(site):
    with opened_vault(open_site(site.paths.root)) as vault:
        return sorted(note.text for note in vault.read_identified(vault.note_ids(), "check"))


def test_every_note_opens_and_nothing_looks_changed(site):
    """Ids, texts and marks stay; an import after it knows every note."""
    before = texts(site)

    done = rotate(site.paths.root, Silent())

    assert (done.generation, done.notes) == (1, COUNT)
    assert texts(site) == before
    report = import_stream(open_site(site.paths.root), source(range(COUNT + 5)), Silent())
    assert (report.new, report.changed, report.known) == (5, 0, COUNT)
    assert rotate(site.paths.root, Silent()).generation == 2
    assert len(texts(site)) == COUNT + 5


def test_the_old_key_opens_nothing_any_more(site):
    """Neither keyring, pages nor a single data key, with whatever follows from it."""
    old = site.keys.key(Purpose.VAULT)
    before = read_keyring(site.paths.vault, old).keys
    files = {path.name for path in site.paths.keys.iterdir()}

    rotate(site.paths.root, Silent())

    assert site.keys.key(Purpose.VAULT) != old
    assert {path.name for path in site.paths.keys.iterdir()} == files
    after = read_keyring(site.paths.vault, site.keys.key(Purpose.VAULT)).keys
    assert not {before.database, before.wrapping} & {after.database, after.wrapping, *after.older}
    with pytest.raises(KeyMismatch):
        Vault.open(site.paths.vault, old, site.keys.key(Purpose.PSEUDONYM), EventList())
    (site.paths.vault / rings.FILE).unlink()
    with pytest.raises(KeyMismatch):
        Vault.open(site.paths.vault, old, site.keys.key(Purpose.PSEUDONYM), EventList())


def test_reading_and_importing_go_on_meanwhile(site):
    """Who opened the vault before reads what was wrapped anew, and writes as is due."""
    keys = FileKeys(site.paths.keys)
    with opened_vault(site) as reader:
        first = {note.text for note in reader.read_identified(reader.note_ids()[:5], "check")}
        ring = begin_rotation(
            site.paths.vault, keys.key(Purpose.VAULT), keys.make_next(Purpose.VAULT)
        )
        rewrap_notes(site.paths.vault, ring, lambda _: None)

        again = {note.text for note in reader.read_identified(reader.note_ids()[:5], "check")}
        report = reader.seal(source(range(COUNT, COUNT + 10)))

    assert first == again
    assert report.new == 10
    rotate(site.paths.root, Silent())
    assert len(texts(site)) == COUNT + 10


class Killed(BaseException):
    """As a signal would."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["begin", "rewrap", "swap", "late", "rekey", "promote", "end"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_rotation_killed_anywhere_is_gone_on_with(site, monkeypatch, name, moment):
    """Meanwhile the vault opens with whichever key is in force, and takes notes in."""
    before = texts(site)
    owner, attribute, skip = {
        "begin": (workflow, "begin_rotation", 0),
        "rewrap": (workflow, "rewrap_notes", 0),
        "swap": (workflow, "_swap", 0),
        "late": (workflow, "rewrap_notes", 1),
        "rekey": (workflow, "rekey_pages", 0),
        "promote": (FileKeys, "promote_next", 0),
        "end": (workflow, "end_rotation", 0),
    }[name]
    real, calls = getattr(owner, attribute), []

    def dying(*arguments, **options):
        calls.append(1)
        if len(calls) <= skip:
            return real(*arguments, **options)
        if moment == "after":
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, dying)
        with pytest.raises(Killed):
            rotate(site.paths.root, Silent())

    assert texts(site) == before
    assert import_stream(open_site(site.paths.root), source([COUNT]), Silent()).new == 1
    rotate(site.paths.root, Silent())
    assert len(texts(site)) == COUNT + 1
    assert not read_keyring(site.paths.vault, site.keys.key(Purpose.VAULT)).is_changing
    assert not FileKeys(site.paths.keys).has_next(Purpose.VAULT)


@pytest.mark.slow
def test_a_rotation_shot_at_any_moment_is_gone_on_with(site):
    """By the kernel, in the middle of whatever it does."""
    before = texts(site)
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from appliance.records.progress import Silent
        from appliance.workflows.keys import rotate
        print("ready", flush=True)
        rotate(Path(sys.argv[1]), Silent())
        """
    )
    for number in range(8):
        command = [sys.executable, "-c", code, str(site.paths.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
            process.stdout.readline()
            time.sleep(0.03 * number)
            process.send_signal(signal.SIGKILL)

        assert texts(site) == before

    rotate(site.paths.root, Silent())
    assert texts(site) == before


def test_a_keyring_that_was_changed_is_refused(site):
    """One bit, or no JSON at all."""
    rotate(site.paths.root, Silent())
    path = site.paths.vault / rings.FILE
    content = path.read_bytes()

    path.write_bytes(content.replace(b'["', b'["AAAA', 1))
    with pytest.raises(KeyMismatch):
        read_keyring(site.paths.vault, site.keys.key(Purpose.VAULT))
    path.write_bytes(content[:-3])
    with pytest.raises(IntegrityError):
        read_keyring(site.paths.vault, site.keys.key(Purpose.VAULT))
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(content)
    assert len(texts(site)) == COUNT


def test_a_keyring_shows_no_key(site, tmp_path):
    """Neither in its file nor in its repr."""
    ring = read_keyring(site.paths.vault, site.keys.key(Purpose.VAULT)).begun()
    write_keyring(tmp_path, ring, b"k" * 32)

    content = (tmp_path / rings.FILE).read_text()
    for key in (ring.keys.database, ring.keys.wrapping, ring.keys.marking, ring.next_database):
        assert key.hex() not in content
        assert key.hex() not in repr(ring)
        assert repr(key) not in repr(ring)


def test_the_command_line_rotates(site, capfd):
    """A dry run changes nothing."""
    where = ["--site", str(site.paths.root)]
    old = site.keys.key(Purpose.VAULT)

    assert run(["keys", "rotate", *where, "--dry-run"]) == 0
    assert site.keys.key(Purpose.VAULT) == old
    assert run(["keys", "rotate", *where]) == 0
    assert site.keys.key(Purpose.VAULT) != old
    assert str(COUNT) in capfd.readouterr().out


def test_keys_of_a_backup_without_the_next_one_lose_nothing(site):
    """A change is under way, and nothing but the keyring says so."""
    before = texts(site)
    keys = FileKeys(site.paths.keys)
    begin_rotation(site.paths.vault, keys.key(Purpose.VAULT), keys.make_next(Purpose.VAULT))
    [following] = [path for path in site.paths.keys.iterdir() if "next" in path.name]
    following.unlink()

    rotate(site.paths.root, Silent())

    assert texts(site) == before
    assert not read_keyring(site.paths.vault, keys.key(Purpose.VAULT)).is_changing
