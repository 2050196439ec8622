"""What every record of used stamps keeps: each stamp once, whoever asks and however clocks go."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from appliance.errors import ApplianceError, ClearanceInvalid
from appliance.gate.spending import SpentFile, SpentInMemory
from appliance.spending.purse import Purse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)


@pytest.fixture(params=["file", "memory"])
def spent(request, tmp_path):
    return SpentFile(tmp_path / "stamps.db") if request.param == "file" else SpentInMemory()


def test_a_stamp_is_spent_once(spent):
    assert spent.spend("a", LATER, NOW)
    assert not spent.spend("a", LATER, NOW)
    assert spent.spend("b", LATER, NOW)


def test_of_many_at_once_each_stamp_is_spent_once(spent):
    """Also where one of them comes twice in the same batch, or came before."""
    spent.spend("b", LATER, NOW)

    assert spent.spend_many([(name, LATER) for name in "abac"], NOW) == [True, False, False, True]


def test_a_clock_set_forward_and_back_revives_no_stamp(spent):
    """A day ahead and back again."""
    spent.spend("a", LATER, NOW)
    spent.spend("b", LATER + timedelta(days=1), NOW + timedelta(days=1))

    assert not spent.spend("a", LATER, NOW)


def test_what_expired_long_ago_is_forgotten(spent):
    """It fails by its date anyway; the record stays small."""
    spent.spend("a", LATER, NOW)
    spent.spend("b", LATER + timedelta(days=9), NOW + timedelta(days=9))

    assert spent.spend("a", LATER, NOW)


def _spend(path, start, answers):
    start.wait()
    answers.put(sum(SpentFile(path).spend(f"n-{number}", LATER, NOW) for number in range(20)))


def test_of_many_processes_one_spends_a_stamp(tmp_path):
    """Four processes with the same twenty stamps: twenty sendings in all."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Event(), context.Queue()
    workers = [
        context.Process(target=_spend, args=(tmp_path / "stamps.db", start, answers))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    start.set()

    assert sum(answers.get(timeout=300) for _ in workers) == 20
    for worker in workers:
        worker.join()


def _open_at_once(kind, path, barrier, answers):
    barrier.wait()
    try:
        if kind == "stamps":
            SpentFile(path).spend("a", LATER, NOW)
        else:
            Purse.open(path).close()
        answers.put("")
    except ApplianceError as error:
        answers.put(type(error).__name__)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stamps", "purse"])
def test_processes_that_make_the_file_at_once_wait_for_each_other(tmp_path, kind):
    """None is refused because another one was a moment earlier."""
    # Forked from a server without threads of its own, and fast enough to meet at the file.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    for turn in range(6):
        barrier, answers = context.Barrier(6), context.Queue()
        path = tmp_path / f"{turn}.db"
        workers = [
            context.Process(target=_open_at_once, args=(kind, path, barrier, answers))
            for _ in range(6)
        ]
        for worker in workers:
            worker.start()
        assert [answers.get(timeout=300) for _ in workers] == [""] * 6
        for worker in workers:
            worker.join()


def test_of_many_threads_one_spends_a_stamp(tmp_path):
    spent = SpentFile(tmp_path / "stamps.db")
    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda number: spent.spend(f"n-{number % 5}", LATER, NOW), range(40)))

    assert sum(won) == 5


def test_the_file_is_the_owners_alone(tmp_path):
    SpentFile(tmp_path / "stamps.db").spend("a", LATER, NOW)

    assert (tmp_path / "stamps.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("harm", ["damaged", "a directory", "no place"])
def test_what_can_not_be_told_is_refused(tmp_path, harm):
    """Unsure means no."""
    path = tmp_path / "stamps.db"
    if harm == "damaged":
        path.write_bytes(b"no database at all" * 99)
    elif harm == "a directory":
        path.mkdir()
    else:
        path = tmp_path / "nowhere/stamps.db"

    with pytest.raises(ClearanceInvalid, match="can't be told"):
        SpentFile(path).spend("a", LATER, NOW)
