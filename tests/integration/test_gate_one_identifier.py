"""Sentences with one identifier each, of many kinds and origins: it is found, in any case.

`tests/lib/one_identifier.txt` was written for this test, the identifier in double brackets; all are
invented. Rules of the gate were mended with it, so what it says is only that nothing gets worse.
Some are hard on purpose: initials in small letters, a street or a name of ordinary words.
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

LINES = (Path(__file__).parents[1] / "lib" / "one_identifier.txt").read_text().splitlines()
SENTENCES = [tuple(line.replace("]]", "[[").split("[[")) for line in LINES]


@pytest.mark.parametrize(
    ("case", "at_least"),
    [(str, 0.95), (str.upper, 0.93), (str.lower, 0.93)],
    ids=["as-written", "upper", "lower"],
)
def test_the_one_identifier_is_found(tmp_path, case, at_least):
    """The finding overlaps the identifier itself, not only some word beside it."""
    gate = open_gate(shipped_policies(), tmp_path / "no.index", Keys(), SystemClock(), EventList())
    verdicts = gate.inspect_many([case("".join(parts)) for parts in SENTENCES])

    missed = []
    for (before, found, _), verdict in zip(SENTENCES, verdicts, strict=True):
        start = len(case(before))
        end = start + len(case(found))
        if not any(hit.start < end and start < hit.end for hit in verdict.hits):
            missed.append(found)
    assert len(SENTENCES) > 600
    assert len(missed) <= (1 - at_least) * len(SENTENCES), missed


LIKE_MEDICINE = """
Smith, the biopsy showed carcinoma.
Joseph, the disease has spread.
Hello Claude, the surgery is on Monday.
Patient Nelson, Hodgkin lymphoma, stage II.
Patient: Harris, Parkinson's disease, 71.
Johnson, Crohn disease, on infliximab.
A Smith presented with chest pain.
A Johnson was seen for follow up of asthma.
Referred A Harris for surgery.
Saw Wojciechowska, blood tests normal.
Saw Papadopoulos, kidney tests normal.
Charlotte trial started last week.
Victoria Study was cancelled.
Jackson Pain Score 7/10 after surgery.
Charlotte Sleep Study normal.
Seen with Harriet Lane today.
Patient Bradford Hill has asthma.
J. Lloyd-Davies was admitted overnight.
Saw Levine and Edwards in clinic.
J. Shenton presented with chest pain.
Patient Maslow was discharged home.
Siewert was seen in clinic for follow up.
J. Picco was admitted overnight with fever.
Patient Gavi was seen in clinic for fever.
Patient S.C. has a headache.
Lansing-MI is home.
Nelson ankle pain since Monday.
""".strip().splitlines()


@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["as-written", "upper", "lower"])
def test_whoever_is_named_like_a_sign_a_trial_or_a_town_is_a_person(tmp_path, case):
    """What explains a medical name explains none of a patient; each of these once passed."""
    gate = open_gate(shipped_policies(), tmp_path / "no.index", Keys(), SystemClock(), EventList())
    verdicts = gate.inspect_many([case(line) for line in LIKE_MEDICINE])

    passed = [
        line
        for line, verdict in zip(LIKE_MEDICINE, verdicts, strict=True)
        if verdict.decision is Decision.ALLOW
    ]
    assert passed == []
