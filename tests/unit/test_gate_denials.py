"""A denial in the ledger reads back as what it was, and its facts can hold no prose."""

import pytest

from appliance.gate.denials import denial_facts, read_denial
from appliance.records.events import check_facts
from appliance.records.verdicts import Decision, Hit, Verdict

HIT = Hit(3, 9, "PERSON", 0.61234, "given-name")


def _verdict(hits, reason="identifier"):
    return Verdict(Decision.DENY, tuple(hits), (), reason, "0" * 64)


def test_a_denial_reads_back():
    """Rule, count and findings in order, scores to four places."""
    denial = read_denial(denial_facts(_verdict([HIT, Hit(12, 14, "DATE", 0.9, "date-iso")])))

    assert (denial.rule, denial.detail, denial.count) == ("identifier", "", 2)
    assert denial.findings == (
        Hit(3, 9, "PERSON", 0.6123, "given-name"),
        Hit(12, 14, "DATE", 0.9, "date-iso"),
    )


def test_many_findings_are_counted_and_the_first_are_kept():
    """An event stays small."""
    denial = read_denial(
        denial_facts(_verdict([Hit(at, at + 1, "X", 0.5, "y") for at in range(99)]))
    )

    assert denial.count == 99
    assert [hit.start for hit in denial.findings] == list(range(16))


@pytest.mark.parametrize(
    ("verdict", "detail"),
    [
        (
            _verdict([], "detector-failed: The detector x hung: nothing, passes."),
            "The-detector-x-hung-nothing-passes.",
        ),
        (_verdict([], "too-long"), ""),
        (_verdict([Hit(0, 1, "Mrs Jane Roe", 0.5, "odd: name")]), ""),
    ],
)
def test_the_ledger_takes_every_denial(verdict, detail):
    """Blanks and colons in names become dashes."""
    facts = denial_facts(verdict)

    check_facts(facts)
    assert read_denial(facts).detail == detail
