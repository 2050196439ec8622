"""A site backed up while it is in use, and made again elsewhere."""

import json
import multiprocessing
import os
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from appliance.artifacts.manifest import read_manifest, write_manifest
from appliance.cli.main import run
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.reading import open_findings
from appliance.errors import (
    BadInput,
    Forbidden,
    IntegrityError,
    KeyMismatch,
    ManifestMismatch,
    SiteError,
)
from appliance.gate.overlap.fingerprints import check_whole
from appliance.gate.patients.index import PatientIndex
from appliance.gateway.counting import Counts, Latch
from appliance.ledger.proofs import read_bodies
from appliance.records.identifiers import DraftId
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.site import SitePaths, find_site
from appliance.synthesis.journal.reading import read_journal
from appliance.synthesis.journal.store import Journal
from appliance.workflows.backup import create, list_backups
from appliance.workflows.expiry import expire
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.keys import rotate
from appliance.workflows.ledger import verify as verify_ledger
from appliance.workflows.ledger import write_export
from appliance.workflows.migration import migrate
from appliance.workflows.notes import count, erase, show
from appliance.workflows.recovery import make
from appliance.workflows.rehearse import rehearse
from appliance.workflows.restore import restore, verify
from appliance.workflows.site import open_site
from tests.lib.backed_up_site import NOTES, make_backed_up
from tests.lib.frozen_clock import FrozenClock
from tests.lib.house import REPOSITORY
from tests.lib.note_limit import set_limit
from tests.lib.read_site import read_notes

pytestmark = pytest.mark.slow

FIXTURE = REPOSITORY / "tests/fixtures/backups"


@pytest.fixture
def backed_up(tmp_path):
    return make_backed_up(tmp_path)


def _tree(root):
    """Every file of a site but what tells of the time in which it was looked at."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in {"ledger", "vault", "run"}
    }


def test_a_restored_site_is_the_site(tmp_path, backed_up):
    """The same ledger head, the same notes to the letter, the same keys, policies and products."""
    made = backed_up.backup()

    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent())

    assert _tree(done.site) == _tree(backed_up.root)
    before = read_bodies(backed_up.site.paths.ledger, made.entries)
    assert read_bodies(done.site / "ledger", made.entries) == before
    assert verify_ledger(done.site).is_intact
    assert verify_ledger(done.site).entries > made.entries
    for note in NOTES:
        shown = show(done.site, note.source_id, "chart-review", with_text=True)
        assert shown.text == note.text
    assert read_manifest(done.site / "corpora" / "first", "corpus")
    key = FileKeys(done.site / "keys").key(Purpose.PATIENT_INDEX)
    check_whole(done.site / "vault/notes.fingerprints", done.site / "vault/vault.db")
    assert len(PatientIndex.load(done.site / "vault/patients.index", key)) > 0


def test_the_ledger_says_that_the_site_was_restored_and_from_what(tmp_path, backed_up):
    made = backed_up.backup()

    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent())

    entry = json.loads(read_bodies(done.site / "ledger", made.entries + 1)[-1])
    assert entry["kind"] == "site.restored"
    assert entry["facts"]["sha256"] == made.sha256
    assert entry["facts"]["entries"] == made.entries
    kinds = [
        json.loads(body)["kind"]
        for body in read_bodies(backed_up.site.paths.ledger, backed_up.site.ledger.head().size)
    ]
    assert kinds[-2:] == ["backup.begun", "backup.created"]


def test_everything_restored_is_its_owners_alone(tmp_path, backed_up):
    old = os.umask(0)
    try:
        done = restore(backed_up.backup().path, backed_up.identity, tmp_path / "again", Silent())
    finally:
        os.umask(old)

    modes = {path.stat().st_mode & 0o077 for path in [done.site, *done.site.rglob("*")]}
    assert modes == {0}


def test_a_wrong_key_is_refused_before_anything_is_written(tmp_path, backed_up):
    """Not even the directory is made."""
    made = backed_up.backup()
    make(tmp_path / "other.txt")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(KeyMismatch):
        restore(made.path, tmp_path / "other.txt", tmp_path / "again", Silent())
    words = ["--identity", str(tmp_path / "other.txt"), "--to", str(tmp_path / "again")]
    code = run(["backup", "restore", str(made.path), *words])

    assert code == 8
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])
def test_a_backup_that_is_not_whole_leaves_nothing(tmp_path, backed_up, share):
    """Wherever it was cut, also when most of it could be written already."""
    made = backed_up.backup()
    cut = tmp_path / "cut.age"
    content = made.path.read_bytes()
    cut.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(ManifestMismatch):
        restore(cut, backed_up.identity, tmp_path / "again", Silent())

    assert not (tmp_path / "again").exists()


def test_a_place_that_is_taken_is_left_alone(tmp_path, backed_up):
    made = backed_up.backup()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()

    for place in (tmp_path / "full", backed_up.root):
        with pytest.raises(SiteError, match="not empty"):
            restore(made.path, backed_up.identity, place, Silent())

    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_dry_run_restores_nothing(tmp_path, backed_up):
    made = backed_up.backup()

    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent(), dry_run=True)

    assert done.backup.files == made.files
    assert not (tmp_path / "again").exists()


def _seconds(work, *arguments):
    """How long it takes in a process of its own that nobody kills."""
    began = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - began


def _kill_after(seconds, work, *arguments):
    """Whether it was still at work when it was killed."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    time.sleep(seconds)
    process.kill()
    process.join()
    return process.exitcode != 0


def test_a_killed_create_leaves_no_file_that_looks_like_a_backup(backed_up):
    """At eight moments of a run; what is listed there is whole, and the next run goes through."""
    arguments = (backed_up.root, backed_up.to, [backed_up.recipient], Silent())
    whole = _seconds(create, *arguments)

    killed = 0
    while killed < 8:
        time.sleep(1.1)  # the name of a backup has its second
        moment = whole * (killed + 0.5) / 8
        if _kill_after(moment, create, *arguments):
            killed += 1
        else:
            whole = moment  # it was faster than when it was measured
        for path in backed_up.to.glob("*.age"):
            assert verify(path, backed_up.identity, Silent()).files > 0
    time.sleep(1.1)
    made = backed_up.backup()

    assert verify(made.path, backed_up.identity, Silent()).sha256 == made.sha256
    assert not list(backed_up.site.paths.run.glob(".backup-*"))


def test_a_killed_restore_leaves_no_site_that_opens(tmp_path, backed_up):
    """At eight moments; either it is whole or it is none, and the same command goes through."""
    made = backed_up.backup()
    arguments = (made.path, backed_up.identity)
    whole = _seconds(restore, *arguments, tmp_path / "whole", Silent())

    killed = 0
    while killed < 8:
        moment = whole * (killed + 0.5) / 8
        place = tmp_path / f"again-{moment}"
        if _kill_after(moment, restore, *arguments, place, Silent()):
            killed += 1
        else:
            whole = moment
        if (place / "site.toml").exists():
            assert verify_ledger(place).is_intact
            assert sum(count(place).values()) == len(NOTES)
            continue
        with pytest.raises(SiteError):
            open_site(place)
        restore(*arguments, place, Silent())
        assert sum(count(place).values()) == len(NOTES)


def test_notes_are_imported_while_a_backup_is_made(tmp_path, backed_up):
    """Each backup holds a state that there was, and every note of it can be read."""
    stop = threading.Event()

    def keep_importing():
        number = 0
        while not stop.is_set():
            number += 1
            notes = [
                SourceNote(f"X-{number}-{n}", "P-9", "letter", "", f"Visit {number} {n}.")
                for n in range(20)
            ]
            import_stream(open_site(backed_up.root), notes, Silent())

    thread = threading.Thread(target=keep_importing)
    thread.start()
    try:
        time.sleep(0.3)
        made = backed_up.backup()
    finally:
        stop.set()
        thread.join()
    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent())

    with opened_vault(open_site(done.site)) as vault:
        ids = vault.note_ids()
        assert len(vault.read_identified(ids, "chart-review")) == len(ids) == made.counts["notes"]
    assert made.counts["notes"] >= len(NOTES)
    assert verify_ledger(done.site).is_intact


def test_a_backup_from_before_a_change_of_keys_opens_with_the_keys_in_it(tmp_path, backed_up):
    made = backed_up.backup()
    rotate(backed_up.root, Silent())

    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent())

    assert show(done.site, "LH-1", "chart-review", with_text=True).text == NOTES[1].text


def test_a_backup_after_a_change_of_keys_opens_too(tmp_path, backed_up):
    rotate(backed_up.root, Silent())

    done = restore(backed_up.backup().path, backed_up.identity, tmp_path / "again", Silent())

    assert show(done.site, "LH-1", "chart-review", with_text=True).text == NOTES[1].text


def test_whoever_was_erased_since_is_erased_again(tmp_path, backed_up):
    """By the tombstones in a newer export of the ledger; without one the operator is told."""
    made = backed_up.backup()
    erase(backed_up.root, "P-1")
    size = open_site(backed_up.root).ledger.head().size
    write_export(backed_up.root, tmp_path / "ledger.json", 0)

    without = restore(made.path, backed_up.identity, tmp_path / "without", Silent())
    done = restore(
        made.path,
        backed_up.identity,
        tmp_path / "again",
        Silent(),
        ledger=tmp_path / "ledger.json",
    )

    assert (without.erased, without.known_to) == (0, made.entries)
    assert sum(count(without.site).values()) == len(NOTES)
    assert (done.erased, done.known_to) == (1, size)
    assert sum(count(done.site).values()) == len(NOTES) - 2
    with opened_vault(open_site(done.site)) as vault:
        assert vault.patient_id_of("P-1") not in vault.owners().values()
        assert vault.count_patients() == 2


def test_notes_past_the_limit_come_back_with_an_older_backup_and_expire_again(tmp_path, backed_up):
    """Their dates came back with them: no tombstone is needed."""
    set_limit(backed_up.site.paths.policies, 1)
    made = backed_up.backup()
    assert expire(backed_up.root).notes == len(NOTES)

    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent())

    assert sum(count(done.site).values()) == len(NOTES)
    assert expire(done.site).notes == len(NOTES)
    assert count(done.site) == {}


def test_findings_are_kept_and_those_of_somebody_erased_since_go_again(tmp_path, backed_up):
    """Offsets of notes that nobody may have any more do not come back with a backup."""
    read_notes(backed_up.site, "all", OutputFormat.JSONL)
    made = backed_up.backup()
    with opened_vault(backed_up.site) as vault:
        gone = vault.patient_id_of("P-1")
        ids = {note for note, owner in vault.owners().items() if owner == gone}
    erase(backed_up.root, "P-1")
    write_export(backed_up.root, tmp_path / "ledger.json", 0)

    without = restore(made.path, backed_up.identity, tmp_path / "without", Silent())
    done = restore(
        made.path, backed_up.identity, tmp_path / "b", Silent(), ledger=tmp_path / "ledger.json"
    )

    kept = dict(open_findings(without.site / "findings" / "all")[1])
    left = dict(open_findings(done.site / "findings" / "all")[1])
    assert len(kept) == len(NOTES)
    assert set(kept) - set(left) == ids


def test_a_journal_that_is_being_written_is_kept_as_it_is_on_disk(tmp_path, backed_up):
    """What was committed is in the copy, though its writer still has it open."""
    with Journal.open(backed_up.site.paths.journal / "first.db") as journal:
        journal.intend([("k" * 64, DraftId("d-1"))])
        made = backed_up.backup()

    done = restore(made.path, backed_up.identity, tmp_path / "again", Silent())

    assert read_journal(done.site / "journal" / "first.db").intents == {"k" * 64: "d-1"}


def test_a_door_that_shut_itself_is_shut_in_the_restored_site_too(tmp_path, backed_up):
    Latch(backed_up.site.paths.run).shut("sent-without-record", Counts())

    done = restore(backed_up.backup().path, backed_up.identity, tmp_path / "again", Silent())

    assert Latch(done.site / "run").rule() == "sent-without-record"


def test_base_models_are_named_and_not_kept(tmp_path, backed_up):
    model = backed_up.site.paths.models / "big"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"w" * 100_000)
    digest = write_manifest(model, "model").digest

    done = restore(backed_up.backup().path, backed_up.identity, tmp_path / "again", Silent())

    assert done.backup.models == {"big": digest}
    assert list((done.site / "models").iterdir()) == []


def test_a_vault_that_is_gone_is_no_empty_one(backed_up):
    """A mount that failed must not make a backup that lacks every note, nor a status of none."""
    backed_up.site.paths.vault.rename(backed_up.root / "elsewhere")
    backed_up.site.paths.vault.mkdir(mode=0o700)

    with pytest.raises(IntegrityError, match="is gone"):
        backed_up.backup()

    assert list(backed_up.to.iterdir()) == []
    assert run(["status", "--site", str(backed_up.root)]) == 8


def test_half_made_things_are_not_kept(tmp_path, backed_up):
    (backed_up.site.paths.corpora / "half").mkdir()
    (backed_up.site.paths.corpora / "half" / "train.parquet").write_bytes(b"x")
    draft = backed_up.site.paths.reports / ".audit.1.part"
    draft.mkdir()
    (draft / "audit.json").write_text("{}")

    done = restore(backed_up.backup().path, backed_up.identity, tmp_path / "again", Silent())

    assert [path.name for path in (done.site / "corpora").iterdir()] == ["first"]
    assert [path.name for path in (done.site / "reports").iterdir()] == ["read-me.html"]


def test_a_product_that_was_altered_is_not_backed_up_in_silence(backed_up):
    path = next((backed_up.site.paths.corpora / "first").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(BadInput, match="changed"):
        backed_up.backup()

    assert list(backed_up.to.iterdir()) == []


def test_somebody_erased_and_taken_in_again_before_the_backup_stays(tmp_path, backed_up):
    erase(backed_up.root, "P-1")
    import_stream(open_site(backed_up.root), NOTES, Silent())
    made = backed_up.backup()
    write_export(backed_up.root, tmp_path / "ledger.json", 0)

    done = restore(
        made.path,
        backed_up.identity,
        tmp_path / "again",
        Silent(),
        ledger=tmp_path / "ledger.json",
    )

    assert done.erased == 0
    assert sum(count(done.site).values()) == len(NOTES)


def test_an_export_that_begins_too_late_or_is_of_another_ledger_is_refused(tmp_path, backed_up):
    made = backed_up.backup()
    erase(backed_up.root, "P-1")
    write_export(backed_up.root, tmp_path / "late.json", made.entries + 1)
    (tmp_path / "two").mkdir()
    other = make_backed_up(tmp_path / "two").site
    write_export(other.paths.root, tmp_path / "other.json", 0)

    for name, code in (("late.json", 2), ("other.json", 8)):
        words = ["--identity", str(backed_up.identity), "--to", str(tmp_path / "again")]
        words += ["--ledger", str(tmp_path / name)]
        assert run(["backup", "restore", str(made.path), *words]) == code
        assert not (tmp_path / "again").exists()


def test_the_list_tells_what_is_there_what_has_outlived_and_who_is_in_it(tmp_path):
    clock = FrozenClock(datetime(2026, 3, 1, tzinfo=UTC))
    backed_up = make_backed_up(tmp_path, clock)
    first = backed_up.backup()
    erase(backed_up.root, "P-1")
    clock.advance(1)
    second = backed_up.backup()
    with first.path.open("ab") as file:
        file.write(b"x")

    newest, oldest = list_backups(backed_up.root, backed_up.to)

    assert (newest.name, newest.found, newest.is_before_erasure) == (
        second.path.name,
        "here",
        False,
    )
    assert (oldest.name, oldest.found, oldest.is_before_erasure) == (
        first.path.name,
        "changed",
        True,
    )
    assert newest.is_outlived
    assert list_backups(backed_up.root)[0].found == ""
    second.path.unlink()
    assert list_backups(backed_up.root, backed_up.to)[0].found == "gone"


def test_a_rehearsal_looks_at_everything_and_leaves_nothing(backed_up):
    """One note is opened and shown to nobody; the ledger keeps when, and how long it took."""
    made = backed_up.backup()

    seen = rehearse(backed_up.root, made.path, backed_up.identity, Silent())

    assert (seen.notes, seen.opened, seen.products) == (len(NOTES), 1, 1)
    assert not list_backups(backed_up.root)[0].is_outlived
    assert not list(backed_up.site.paths.run.glob(".rehearsal-*"))
    size = open_site(backed_up.root).ledger.head().size
    entry = json.loads(read_bodies(backed_up.site.paths.ledger, size)[-1])
    assert entry["kind"] == "backup.rehearsed"
    assert entry["facts"]["seconds"] >= 0
    assert entry["facts"]["sha256"] == made.sha256


def test_a_timer_rehearses_the_newest_backup_with_a_credential(tmp_path, backed_up, monkeypatch):
    """By the time in the names of this site's own; the mode is the one that systemd gives."""
    first = backed_up.backup()
    stem = first.path.name.rpartition("-")[0]
    newest = first.path.rename(first.path.with_name(f"{stem}-29991231T235959Z.age"))
    for name in (
        f"{stem}-20260101T000000Z.age",
        "appliance-00000000-29991231T235959Z.age",
        f"{stem}-z.age",
    ):
        newest.with_name(name).write_bytes(b"no backup")
    os.utime(newest, (0, 0))
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "rehearsal").write_bytes(backed_up.identity.read_bytes())
    (credentials / "rehearsal").chmod(0o440)
    words = ["--newest-in", str(backed_up.to), "--identity", str(credentials / "rehearsal")]
    command = ["backup", "rehearse", *words, "--site", str(backed_up.root)]

    assert run(command) == 8
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert run(command) == 0
    assert run([*command, str(newest)]) == 2
    assert run(["backup", "rehearse", *words[2:], "--site", str(backed_up.root)]) == 2
    newest.unlink()
    (backed_up.to / f"{stem}-20260101T000000Z.age").unlink()
    assert run(command) == 2


def test_a_rehearsal_of_another_sites_backup_is_none(tmp_path, backed_up):
    (tmp_path / "two").mkdir()
    other = make_backed_up(tmp_path / "two")
    made = other.backup()
    size = backed_up.site.ledger.head().size

    words = ["--identity", str(other.identity), "--site", str(backed_up.root)]
    code = run(["backup", "rehearse", str(made.path), *words])

    assert code == 8
    assert backed_up.site.ledger.head().size == size
    assert not list(backed_up.site.paths.run.glob(".rehearsal-*"))


def test_a_scratch_place_can_be_elsewhere(tmp_path, backed_up):
    (tmp_path / "tmpfs").mkdir()
    made = backed_up.backup()

    seen = rehearse(
        backed_up.root, made.path, backed_up.identity, Silent(), scratch=tmp_path / "tmpfs"
    )

    assert seen.opened == 1
    assert list((tmp_path / "tmpfs").iterdir()) == []


def test_nobody_backs_a_site_up_without_leave(backed_up):
    """In mode "roles" the owner holds no role by owning."""
    path = backed_up.site.paths.policies / "roles.toml"
    path.write_text(path.read_text().replace('mode = "owner"', 'mode = "roles"'))

    with pytest.raises(Forbidden):
        backed_up.backup()

    assert list(backed_up.to.iterdir()) == []


def test_nobody_whom_the_policy_does_not_list_gets_a_backup(tmp_path, backed_up):
    """A flag may name fewer, never others; who can open it is on record before it is made."""
    other = make(tmp_path / "other.txt")
    path = backed_up.site.paths.policies / "backup.toml"
    recipients = f'recipients = ["{backed_up.recipient}"]'
    path.write_text(path.read_text().replace("recipients = []", recipients))
    words = ["backup", "create", "--to", str(backed_up.to), "--site", str(backed_up.root)]

    refused = run([*words, "--recipient", other])
    taken = run([*words, "--recipient", backed_up.recipient])

    assert (refused, taken) == (5, 0)
    assert len(list(backed_up.to.iterdir())) == 1
    size = open_site(backed_up.root).ledger.head().size
    begun = json.loads(read_bodies(backed_up.site.paths.ledger, size)[-2])
    assert begun["facts"]["recipient_1"] == backed_up.recipient


def test_a_place_that_is_not_there_is_told_before_anything_is_copied(tmp_path, backed_up):
    with pytest.raises(BadInput):
        create(backed_up.root, tmp_path / "nowhere", [backed_up.recipient], Silent())


def test_a_dry_run_writes_nothing(backed_up):
    words = ["--to", str(backed_up.to), "--recipient", backed_up.recipient]
    size = backed_up.site.ledger.head().size

    assert run(["backup", "create", *words, "--dry-run", "--site", str(backed_up.root)]) == 0

    assert list(backed_up.to.iterdir()) == []
    assert backed_up.site.ledger.head().size == size


def test_the_recipients_of_the_policy_open_it(backed_up, capsys):
    path = backed_up.site.paths.policies / "backup.toml"
    recipients = f'recipients = ["{backed_up.recipient}"]'
    path.write_text(path.read_text().replace("recipients = []", recipients))
    words = ["backup", "create", "--to", str(backed_up.to), "--json"]

    assert run([*words, "--site", str(backed_up.root)]) == 0

    made = json.loads(capsys.readouterr().out)
    words = ["backup", "verify", made["path"], "--identity", str(backed_up.identity), "--json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == made["sha256"]


def test_nothing_of_a_note_is_in_the_clear_while_a_backup_is_made(backed_up, monkeypatch):
    """Not in the file, and not in what is staged beside it: looked at before it is removed."""
    staged = []
    keep = shutil.rmtree

    def look(path, *rest, **more):
        staged.extend(
            one.read_bytes() for one in type(backed_up.to)(path).rglob("*") if one.is_file()
        )
        keep(path, *rest, **more)

    monkeypatch.setattr("appliance.artifacts.staging.shutil.rmtree", look)
    made = backed_up.backup()

    contents = [made.path.read_bytes(), *staged]
    assert len(contents) > 2
    for secret in (b"Invented visit", b"Quill", b"LH-1"):
        assert not any(secret in content for content in contents)


def test_a_site_without_notes_can_be_backed_up_and_restored(tmp_path):
    from appliance.workflows.site import init

    site = init(tmp_path / "site", "air-gapped")
    recipient = make(tmp_path / "identity.txt")
    made = create(site.paths.root, tmp_path, [recipient], Silent())

    done = restore(made.path, tmp_path / "identity.txt", tmp_path / "again", Silent())

    assert find_site(done.site) == SitePaths(done.site)
    assert count(done.site) == {}


def test_a_backup_of_format_1_can_still_be_restored(tmp_path):
    """Made by `tests/lib/backup_fixture.py` when format 1 was new, and kept ever since."""
    identity = tmp_path / "identity.txt"
    shutil.copyfile(FIXTURE / "identity.txt", identity)
    identity.chmod(0o600)
    told = json.loads((FIXTURE / "format-1.json").read_text())

    done = restore(FIXTURE / "format-1.age", identity, tmp_path / "again", Silent())
    migrate(done.site, Silent())

    assert done.backup.root == told["root"]
    assert done.backup.entries == told["entries"]
    assert verify_ledger(done.site).is_intact
    shown = show(done.site, "LH-1", "chart-review", with_text=True)
    assert shown.text == told["text"]
    assert datetime.fromisoformat(done.backup.made_at) < datetime.now(UTC) + timedelta(days=1)
