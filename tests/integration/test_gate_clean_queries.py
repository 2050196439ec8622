"""Questions that clinicians ask, about nobody: they pass, in any case of letters.

`tests/lib/clean_queries.txt` was written for this test. The word lists of the gate were mended with
it, so what it says is only that nothing gets worse: rates on texts that the gate was not tuned on
are printed by `make bench-gate`.
"""

from pathlib import Path

import pytest

from appliance.gate.opening import open_gate
from appliance.records.verdicts import Decision
from appliance.settings.clock import SystemClock
from appliance.settings.policies import shipped_policies
from tests.benchmarks.bench_gate import Keys
from tests.lib.memory_vault import EventList

pytestmark = pytest.mark.slow

QUERIES = (Path(__file__).parents[1] / "lib" / "clean_queries.txt").read_text().splitlines()
AT_MOST = 0.09


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    index = tmp_path_factory.mktemp("gate") / "no.index"
    return open_gate(shipped_policies(), index, Keys(), SystemClock(), EventList())


@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["as-written", "upper", "lower"])
def test_a_question_about_nobody_passes(gate, case):
    """Eponyms, drugs, scales with a town's name: one in eleven is denied."""
    verdicts = gate.inspect_many([case(query) for query in QUERIES])

    denied = [
        query
        for query, verdict in zip(QUERIES, verdicts, strict=True)
        if verdict.decision is Decision.DENY
    ]
    assert len(QUERIES) > 500
    assert len(denied) <= AT_MOST * len(QUERIES), denied


@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["as-written", "upper", "lower"])
def test_the_same_question_about_somebody_is_denied(gate, case):
    """Nothing that explains its words explains the name beside them."""
    texts = [case(f"{query} She is Jennifer Walsh.") for query in QUERIES[::5]]

    assert {one.decision for one in gate.inspect_many(texts)} == {Decision.DENY}
