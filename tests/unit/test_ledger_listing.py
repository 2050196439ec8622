"""The ledger's entries and what they come to, newest first, for who looks on."""

import json

import pytest

from appliance.cli.main import run
from appliance.errors import LedgerBroken
from appliance.ledger import files as ledger_files
from appliance.workflows.ledger import list_entries
from appliance.workflows.site import init, open_site
from appliance.workflows.traffic import count_traffic


@pytest.fixture
def site(tmp_path):
    """Its first event, and six more of two kinds."""
    made = init(tmp_path / "site", "air-gapped")
    for number in range(3):
        made.ledger.record("prompt.denied", {"draft": f"d-{number}", "rule": "identifier"})
        made.ledger.record("prompt.sent", {"draft": f"e-{number}", "route": "vllm"})
    return made


def test_the_newest_come_first_and_pages_miss_none(site):
    first = list_entries(site.paths.root, count=3)
    second = list_entries(site.paths.root, count=3, below=first.older)
    third = list_entries(site.paths.root, count=3, below=second.older)

    indices = [index for page in (first, second, third) for index, _ in page.entries]
    assert indices == [6, 5, 4, 3, 2, 1, 0]
    assert (first.size, third.older) == (7, None)


@pytest.mark.parametrize(
    ("kind", "count"), [("prompt.", 6), ("prompt.denied", 3), ("denied", 0), ('","', 0), ("", 7)]
)
def test_entries_are_chosen_by_how_their_kind_begins(site, kind, count):
    assert len(list_entries(site.paths.root, kind=kind).entries) == count


def test_traffic_is_what_the_ledger_counts(site):
    """And each denial can be looked up by its entry."""
    seen = count_traffic(site.paths.root)

    assert [(one.count, one.where.split(" (")[0]) for one in seen.departures] == [
        (3, "prompts to vllm")
    ]
    assert seen.denials == {"prompt: identifier": 3}
    assert [(one.entry, one.subject) for one in seen.newest] == [(5, "d-2"), (3, "d-1"), (1, "d-0")]
    assert (seen.is_serving, seen.latch) == (False, "")


def test_a_latched_door_is_told(site):
    (site.paths.run / "gateway.latch").write_text(json.dumps({"rule": "sent-without-record"}))

    assert count_traffic(site.paths.root).latch == "sent-without-record"


def test_what_is_no_entry_any_more_is_told(site):
    """Whoever lists is sent to whoever verifies."""
    path = site.paths.ledger / ledger_files.ENTRIES
    path.write_bytes(path.read_bytes().replace(b'"index":2', b'"index":"'))

    for look in (list_entries, count_traffic):
        with pytest.raises(LedgerBroken, match="ledger verify"):
            look(open_site(site.paths.root).paths.root)


def test_the_commands_print_what_pages_show(site, capsys):
    place = ["--json", "--site", str(site.paths.root)]

    assert run(["ledger", "list", "--count", "1", "--kind", "prompt", *place]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert run(["gateway", "traffic", *place]) == 0
    traffic = json.loads(capsys.readouterr().out)

    assert [one["index"] for one in listed["entries"]] == [6]
    assert listed["older"] == 6
    assert traffic["denials"] == {"prompt: identifier": 3}
