"""What left, counted from the ledger, whatever somebody wrote into it."""

from appliance.records.events import Event
from appliance.workflows.audit_traffic import count_departures


def _event(kind, **facts):
    return Event(kind, "2026-11-27T00:00:00+00:00", "a", "0" * 64, facts)


def test_an_export_with_a_release_is_counted_once():
    events = [
        _event("corpus.exported"),
        _event("product.released", how="export"),
        _event("product.released", how="released"),
        _event("findings.exported"),
    ]

    rows = {row.where: row.count for row in count_departures(events)}

    assert rows == {
        "corpora written for other tools": 1,
        "corpora and adapters that were released": 1,
        "findings written for other tools, kept in the site": 1,
    }


def test_a_fact_that_is_no_number_ends_no_count():
    events = [_event("egress.intended", bytes="many"), _event("egress.intended", bytes=7)]

    [row] = count_departures(events)

    assert row.count == 2
    assert row.amount == "7 bytes, 0 tokens"
