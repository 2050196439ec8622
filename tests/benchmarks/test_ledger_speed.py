"""How many events the ledger takes, durably, on the disk it is run on."""

import time

import pytest

from appliance.ledger.examination import examine
from tests.lib.ledgers import KEY, open_ledger

FACTS = {"draft": "d-0123456789abcdef01234567", "route": "vllm", "tokens": 212}


@pytest.mark.slow
def test_three_thousand_events_a_second_are_durable(tmp_path, record_property):
    """In batches, which is how a run of many prompts writes; single events are measured only."""
    ledger = open_ledger(tmp_path)

    batched = _rate(20_000, lambda: ledger.record_many([("prompt.sent", FACTS)] * 500), 500)
    single = _rate(200, lambda: ledger.record("prompt.sent", FACTS), 1)
    opened = _rate(20_200, lambda: open_ledger(tmp_path), 20_200)
    checked = _rate(20_200, lambda: examine(tmp_path, KEY), 20_200)

    rates = {"batched": batched, "single": single, "opened": opened, "checked": checked}
    for name, rate in rates.items():
        record_property(f"{name}_per_s", round(rate))
    assert batched >= 3_000


def _rate(total, step, per_step):
    begin = time.perf_counter()
    for _ in range(total // per_step):
        step()
    return total / (time.perf_counter() - begin)
