"""What every recorder keeps: the ledger, and the list that stands in for it in tests."""

import pytest

from tests.lib.ledgers import open_ledger
from tests.lib.memory_vault import EventList


@pytest.fixture(params=["ledger", "memory"])
def recorder(request, tmp_path):
    return open_ledger(tmp_path) if request.param == "ledger" else EventList()


def test_indices_count_up_from_nought(recorder):
    assert [recorder.record("thing.done", {"n": n}) for n in range(3)] == [0, 1, 2]


def test_what_could_be_prose_is_refused(recorder):
    """A test that passes on the stand-in must not fail on the ledger."""
    for facts in ({"note": "Mrs Jane Roe"}, {"Not A Name": 1}):
        with pytest.raises(ValueError, match="fact"):
            recorder.record("thing.done", facts)

    assert recorder.record("thing.done", {}) == 0
