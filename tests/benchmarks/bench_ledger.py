# ruff: noqa: T201 - what a benchmark prints is its result
"""How many events the ledger takes, durably, on the disk it is run on: `make bench-ledger`."""

import time

from appliance.ledger.examination import examine
from tests.lib.ledgers import KEY, open_ledger

FACTS = {"draft": "d-0123456789abcdef01234567", "route": "vllm", "tokens": 212}


def test_events_a_second(tmp_path):
    """Prints rates of batched and single appends, of opening and of a full check."""
    ledger = open_ledger(tmp_path)

    batched = _rate(20_000, lambda: ledger.record_many([("prompt.sent", FACTS)] * 500), 500)
    single = _rate(200, lambda: ledger.record("prompt.sent", FACTS), 1)
    opened = _rate(20_200, lambda: open_ledger(tmp_path), 20_200)
    checked = _rate(20_200, lambda: examine(tmp_path, KEY), 20_200)

    rates = {"batched": batched, "single": single, "opened": opened, "checked": checked}
    for name, rate in rates.items():
        print(f"{name}: {rate:,.0f} events/s")
    assert min(rates.values()) > 0


def _rate(total, step, per_step):
    begin = time.perf_counter()
    for _ in range(total // per_step):
        step()
    return total / (time.perf_counter() - begin)
