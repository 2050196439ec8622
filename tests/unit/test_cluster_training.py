"""How a training worker shares a machine."""

import pytest

from appliance.cluster.training import choose_threads


@pytest.mark.parametrize(
    ("cores", "workers", "threads"),
    [(1, 1, 1), (2, 1, 1), (4, 1, 3), (4, 2, 1), (2, 4, 1), (32, 2, 15)],
)
def test_a_core_stays_free_where_there_are_more_cores_than_workers(cores, workers, threads):
    """Whatever else runs there, no product waits for a thread that has no core."""
    assert choose_threads(cores, workers) == threads
