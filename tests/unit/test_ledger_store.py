"""The ledger keeps what it acknowledged, and says so when it can't."""

import errno
import os
import stat
from datetime import timedelta

import pytest

from appliance.errors import LedgerBroken, NoSpace, SiteError
from appliance.ledger import entry, files
from appliance.ledger.checkpoint import open_checkpoint
from appliance.records.clock import Clock
from tests.lib.frozen_clock import FrozenClock
from tests.lib.ledgers import filled, lines, open_ledger, rewrite

PROSE = "Mrs Jane Roe was seen today"


def _events(directory):
    return [entry.decode(line[entry.TAG_DIGITS + 1 : -1])[1] for line in lines(directory)]


def test_an_event_is_on_disk_when_record_returns(tmp_path):
    """What is recorded is read back by anybody who opens the ledger next."""
    index = open_ledger(tmp_path).record("notes.imported", {"notes": 3, "ok": True, "rate": 0.5})

    assert index == 0
    (event,) = _events(tmp_path)
    assert (event.kind, event.actor) == ("notes.imported", "tester")
    assert event.facts == {"notes": 3, "ok": True, "rate": 0.5}
    assert open_ledger(tmp_path).head().size == 1


def test_indices_go_on_where_the_last_process_stopped(tmp_path):
    filled(tmp_path, 3)

    assert open_ledger(tmp_path).record("thing.done", {}) == 3


def test_many_events_stand_next_to_each_other(tmp_path):
    ledger = filled(tmp_path, 2)

    assert ledger.record_many([("a.b", {}), ("c.d", {})]) == range(2, 4)
    assert ledger.record_many([]) == range(0)
    assert ledger.head().size == 4


def test_two_open_ledgers_of_one_site_append_in_turn(tmp_path):
    """Two windows of one operator do not overwrite each other."""
    one, two = open_ledger(tmp_path), open_ledger(tmp_path)

    indices = [ledger.record("thing.done", {}) for ledger in (one, two, two, one, two)]

    assert indices == [0, 1, 2, 3, 4]
    assert open_ledger(tmp_path).head() == one.head()


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (PROSE, {}),
        ("thing.done", {PROSE: 1}),
        ("thing.done", {"note": PROSE}),
        ("thing.done", {"notes": ["a"]}),
        ("thing.done", {"note": None}),
        ("thing.done", {"rate": float("nan")}),
    ],
)
def test_what_could_be_prose_is_refused_before_anything_is_written(tmp_path, kind, facts):
    """One bad event in a batch, and none of the batch is written; the value is not repeated."""
    ledger = open_ledger(tmp_path)

    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message must not match on text
        ledger.record_many([("thing.done", {}), (kind, facts)])

    assert PROSE not in str(refusal.value)
    assert lines(tmp_path) == []


def test_files_are_for_the_owner_only(tmp_path):
    filled(tmp_path, 1)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_an_incomplete_last_entry_is_cut_off(tmp_path):
    """A process was killed while it wrote: nobody was told of that entry."""
    filled(tmp_path, 3)
    whole = lines(tmp_path)
    rewrite(tmp_path, [*whole, whole[-1][:40]])

    ledger = open_ledger(tmp_path)

    assert lines(tmp_path) == whole
    assert ledger.record("thing.done", {}) == 3


def test_a_hole_left_by_a_power_cut_is_cut_off(tmp_path):
    filled(tmp_path, 3)
    whole = lines(tmp_path)
    rewrite(tmp_path, [*whole, bytes(1 << 20)])

    open_ledger(tmp_path)

    assert lines(tmp_path) == whole


def test_entries_that_a_crash_left_unsigned_are_kept(tmp_path):
    """The entry was on disk, the head was not: the tag says that it is ours."""
    filled(tmp_path, 3)
    old_head = (tmp_path / files.HEAD).read_bytes()
    open_ledger(tmp_path).record("thing.done", {})
    (tmp_path / files.HEAD).write_bytes(old_head)

    assert open_ledger(tmp_path).head().size == 4
    assert (tmp_path / files.HEAD).read_bytes() != old_head


def test_one_spoilt_head_slot_is_survived(tmp_path):
    ledger = filled(tmp_path, 3)
    ledger.record("thing.done", {})
    head = bytearray((tmp_path / files.HEAD).read_bytes())
    head[files.SLOT_BYTES :] = bytes(files.SLOT_BYTES)
    (tmp_path / files.HEAD).write_bytes(head)

    assert open_ledger(tmp_path).head().size == 4


def test_foreign_bytes_after_the_last_entry_are_not_taken_for_a_crash(tmp_path):
    filled(tmp_path, 3)
    rewrite(tmp_path, [*lines(tmp_path), b"x" * (1 << 17)])

    with pytest.raises(LedgerBroken, match="no entry"):
        open_ledger(tmp_path)


def test_a_forged_entry_at_the_end_is_refused(tmp_path):
    """Without the key nobody can add an entry, not even where the head does not reach."""
    filled(tmp_path, 3)
    whole = lines(tmp_path)
    rewrite(tmp_path, [*whole, whole[-1].replace(b'"index":2', b'"index":3')])

    with pytest.raises(LedgerBroken, match="Entry 3"):
        open_ledger(tmp_path)


def test_an_altered_entry_is_refused_at_open(tmp_path):
    filled(tmp_path, 5)
    whole = lines(tmp_path)
    rewrite(tmp_path, [*whole[:2], whole[2].replace(b"thing", b"thong"), *whole[3:]])

    with pytest.raises(LedgerBroken, match="Entry 2"):
        open_ledger(tmp_path)


def test_a_shortened_ledger_is_refused(tmp_path):
    filled(tmp_path, 5)
    rewrite(tmp_path, lines(tmp_path)[:4])

    with pytest.raises(LedgerBroken, match="has 4 entries; its head says 5"):
        open_ledger(tmp_path)


def test_entries_that_do_not_make_the_signed_root_are_refused(tmp_path):
    """A twin made with the same key has good tags; the head still tells it apart."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    filled(tmp_path / "a", 3)
    open_ledger(tmp_path / "b").record_many([("other.thing", {})] * 3)
    rewrite(tmp_path / "a", lines(tmp_path / "b"))

    with pytest.raises(LedgerBroken, match="root over the first 3"):
        open_ledger(tmp_path / "a")


def test_a_ledger_cut_while_it_is_open_is_refused(tmp_path):
    ledger = filled(tmp_path, 5)
    rewrite(tmp_path, lines(tmp_path)[:4])

    with pytest.raises(LedgerBroken, match="in use"):
        ledger.record("thing.done", {})


def test_a_ledger_whose_entries_are_gone_is_refused(tmp_path):
    ledger = filled(tmp_path, 5)
    (tmp_path / files.ENTRIES).unlink()

    for use in (ledger.head, lambda: open_ledger(tmp_path)):
        with pytest.raises(LedgerBroken, match="gone"):
            use()


@pytest.mark.parametrize("content", [b"", b"\x00" * 1024, b"x" * 1024])
def test_a_ledger_without_a_good_head_is_refused(tmp_path, content):
    filled(tmp_path, 5)
    (tmp_path / files.HEAD).write_bytes(content)

    with pytest.raises(LedgerBroken, match="no head"):
        open_ledger(tmp_path)


def test_a_head_file_that_grew_is_refused(tmp_path):
    filled(tmp_path, 5)
    (tmp_path / files.HEAD).write_bytes(bytes(2000))

    with pytest.raises(LedgerBroken, match="longer"):
        open_ledger(tmp_path)


def test_a_ledger_that_a_site_has_had_is_not_begun_anew(tmp_path):
    """Deleting the ledger does not clear the record: only `init` starts one."""
    with pytest.raises(LedgerBroken, match="gone"):
        open_ledger(tmp_path, create=False)

    assert list(tmp_path.iterdir()) == [tmp_path / files.LOCK]


def test_a_start_that_was_interrupted_is_done_again(tmp_path):
    (tmp_path / files.ENTRIES).touch()

    assert open_ledger(tmp_path).head().size == 0


def test_a_ledger_needs_its_directory(tmp_path):
    with pytest.raises(LedgerBroken, match="is gone"):
        open_ledger(tmp_path / "nowhere")


def test_a_clock_set_back_is_on_record(tmp_path):
    """Refusing to record would lose evidence; the step is an event of its own."""
    clock = FrozenClock()
    ledger = open_ledger(tmp_path, clock)
    ledger.record("thing.done", {})
    clock.advance(-90)

    index = ledger.record("thing.done", {})

    assert index == 2
    before, step, after = _events(tmp_path)
    assert (step.kind, step.facts) == ("clock.stepped-back", {"seconds": 90.0})
    assert before.at > after.at


def test_a_clock_set_back_between_two_processes_is_on_record(tmp_path):
    filled(tmp_path, 1)
    early = FrozenClock()
    early.advance(-1)

    assert open_ledger(tmp_path, early).record("thing.done", {}) == 2


def test_times_are_utc_whatever_the_clock(tmp_path):
    class Local(Clock):
        def now(self):
            from datetime import datetime, timezone

            return datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=2)))

    open_ledger(tmp_path, Local()).record("thing.done", {})

    assert _events(tmp_path)[0].at == "2026-03-01T06:00:00.000000+00:00"


@pytest.mark.parametrize(
    ("code", "expected"), [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EIO, SiteError)]
)
def test_a_disk_that_refuses_leaves_the_ledger_as_it_was(tmp_path, monkeypatch, code, expected):
    """No acknowledgement, no half entry, and the next attempt goes on."""
    ledger = filled(tmp_path, 3)
    before = lines(tmp_path)

    def refuse(_handle):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(expected):
            ledger.record("thing.done", {})

    assert lines(tmp_path) == before
    assert ledger.record("thing.done", {}) == 3


def test_the_head_is_signed_for_anybody_who_has_the_public_key(tmp_path):
    ledger = filled(tmp_path, 3)

    assert open_checkpoint(ledger.signed_head(), ledger.verifier) == ledger.head()


def _make_read_only(patch):
    """Whatever would write a file is refused, as by a disk that is mounted so."""
    real_open = os.open

    def refuse(path, flags, *rest, **named):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real_open(path, flags, *rest, **named)

    patch.setattr(os, "open", refuse)


@pytest.mark.parametrize("left", ["nothing", "a torn line", "a head behind"])
def test_a_ledger_on_a_read_only_disk_is_read_and_takes_no_event(tmp_path, monkeypatch, left):
    """Also one that a crash left as the next writer would mend it; after that, it is mended."""
    filled(tmp_path, 2)
    head = (tmp_path / files.HEAD).read_bytes()
    open_ledger(tmp_path).record("thing.done", {})
    if left == "a torn line":
        with (tmp_path / files.ENTRIES).open("ab") as file:
            file.write(b"half an en")
    if left == "a head behind":
        (tmp_path / files.HEAD).write_bytes(head)
    before = (tmp_path / files.ENTRIES).read_bytes(), (tmp_path / files.HEAD).read_bytes()

    with monkeypatch.context() as patch:
        _make_read_only(patch)
        ledger = open_ledger(tmp_path, create=False)
        assert ledger.head().size == 3
        with pytest.raises(SiteError, match="Read-only"):
            ledger.record("thing.done", {})

    assert before == ((tmp_path / files.ENTRIES).read_bytes(), (tmp_path / files.HEAD).read_bytes())
    assert ledger.record("thing.done", {}) == 3
    assert open_ledger(tmp_path).head().size == 4


def test_a_ledger_that_this_user_may_not_write_is_not_open_for_appending(tmp_path, monkeypatch):
    """Only a disk that nobody can write makes a reader of who would write."""
    filled(tmp_path, 1)

    def refuse(*_, **__):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(SiteError, match="Permission denied"):
            open_ledger(tmp_path, create=False)


def test_a_disk_that_fails_while_a_torn_line_is_cut_off_is_told(tmp_path, monkeypatch):
    filled(tmp_path, 1)
    with (tmp_path / files.ENTRIES).open("ab") as file:
        file.write(b"half an en")

    def refuse(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(SiteError):
            open_ledger(tmp_path, create=False)
