"""Messages that say themselves which of them is the newest: the order of reading is no matter."""

import json
from itertools import count, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.records.notes import NO_EDITION, Edition
from appliance.workflows.ingest import opened_vault
from appliance.workflows.notes import erase
from appliance.workflows.site import init
from tests.lib.exports import Exported, diagnostic_report, document_reference
from tests.lib.importing import import_file

NUMBERS = count(1)
DRAFT = {"versionId": "1", "lastUpdated": "2026-03-14T09:15:00.5+02:00"}
SIGNED = {"versionId": "2", "lastUpdated": "2026-03-14T08:15:00Z"}
AMENDED = {"versionId": "10", "lastUpdated": "2026-03-14T08:15:00.250Z"}
METAS = (DRAFT, SIGNED, AMENDED)
TEXTS = ("Draft.", "Signed.", "Amended.")
NUMBERED = tuple({"versionId": meta["versionId"]} for meta in METAS)
TIMED = tuple({"lastUpdated": meta["lastUpdated"]} for meta in METAS)


def version(text, meta, note=None, make=document_reference, **changes):
    one = note or Exported(text=text)
    return {**make(one), "meta": meta, **changes}


def versions(metas, make=document_reference):
    return [version(text, meta, make=make) for text, meta in zip(TEXTS, metas, strict=True)]


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped")


@pytest.fixture
def take(site):
    """Imports one file of these resources; None where it holds no note at all."""

    def taken(*resources):
        lines = (json.dumps(resource).encode() + b"\n" for resource in resources)
        return import_file(site, "a.ndjson", b"".join(lines))

    return taken


def stored(site):
    with opened_vault(site) as vault:
        return [note.text for note in vault.read_identified(vault.note_ids(), "check")]


def facts(site):
    """How many facts tell of editions."""
    with opened_vault(site) as vault:
        [found] = vault._connection.execute(
            "SELECT count(*) FROM facts WHERE name LIKE 'edition:%' OR name LIKE 'withdrawn:%'"
        ).fetchone()
        return found


@pytest.mark.parametrize("metas", [METAS, NUMBERED, TIMED])
@pytest.mark.parametrize("make", [document_reference, diagnostic_report])
def test_the_newest_version_counts_in_whatever_order_they_come(site, take, metas, make):
    """In one import, and in imports one by one; by time, else by number."""
    numbers = count(1)
    for order in permutations(versions(metas, make)):
        together, apart = (str(next(numbers)) for _ in range(2))
        take(*({**one, "id": together} for one in order))
        for one in order:
            take({**one, "id": apart})

    assert set(stored(site)) == {"Amended."}
    assert len(stored(site)) == 12


def test_an_older_version_is_counted_and_changes_nothing(site, take):
    """It is known, and told apart."""
    draft, signed, amended = versions(METAS)

    first = take(amended, draft)
    second = take(signed, draft, amended)

    assert (first.new, first.changed, first.known, first.older) == (1, 0, 1, 1)
    assert (second.new, second.changed, second.known, second.older) == (0, 0, 3, 2)
    assert stored(site) == ["Amended."]


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        "Zebedee",
        {"versionId": "a7"},
        {"versionId": 7},
        {"versionId": "9" * 50},
        {"lastUpdated": "2026-03-14T08:15:00"},
        {"lastUpdated": "Zebedee was here"},
        {"lastUpdated": "0001-01-01T00:00:00+10:00"},
        {"lastUpdated": 5},
    ],
)
def test_where_one_does_not_say_it_the_last_one_read_counts(site, take, meta):
    """As of messages that never do."""
    take(version("Amended.", AMENDED), version("Of unknown age.", meta))

    assert stored(site) == ["Of unknown age."]


def test_what_was_said_before_a_version_that_says_nothing_is_remembered(site, take):
    """An older one does not come in behind it."""
    take(version("Amended.", AMENDED), version("Of unknown age.", None))

    assert take(version("Draft.", DRAFT)).older == 1
    assert stored(site) == ["Of unknown age."]


def test_a_newer_version_of_the_same_words_keeps_older_ones_out(site, take):
    """What changed on the server was something else."""
    take(version("Signed.", DRAFT))
    take(version("Signed.", AMENDED))

    assert take(version("Draft.", SIGNED)).older == 1
    assert stored(site) == ["Signed."]


def test_a_newer_version_with_the_words_of_an_earlier_one_counts(site, take):
    """A note that was set back is set back, and stays so."""
    history = [version(text, meta) for text, meta in zip("abc", METAS, strict=True)]
    take(*history)
    back = version("a", {"versionId": "11", "lastUpdated": "2026-03-15T08:15:00Z"})

    assert take(*history, back, *history).changed == 1
    assert stored(site) == ["a"]


def test_what_is_said_of_versions_of_another_patients_note_keeps_none_out(site, take):
    """Two systems may number theirs alike: the note becomes the other's, and that is told."""
    one, other = (Exported(patient=f"pat-{number}") for number in (1, 2))
    take(version("", AMENDED, one))

    report = take(version("", DRAFT, other))

    assert (report.moved, report.older) == (1, 0)
    with opened_vault(site) as vault:
        assert list(vault.owners().values()) == [vault.patient_id_of("pat-2")]
    assert take(version("", SIGNED, Exported(patient="pat-2", text="Signed."))).changed == 1


def test_an_older_withdrawal_is_counted(site, take):
    """It takes nothing back, and is not lost."""
    take(version("Amended.", AMENDED))

    report = take(version("", DRAFT, status="entered-in-error"), version("", None, Exported("18")))

    assert (report.older, report.withdrawn) == (1, 0)
    assert "Amended." in stored(site)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_was_taken_back_last_is_not_read_in_whatever_order(site, take, order):
    """Also where the withdrawal comes before all that it takes back, or in an import of its own."""
    states = [
        version("Draft.", DRAFT),
        version("Signed.", SIGNED),
        version("", AMENDED, status="entered-in-error"),
    ]

    take(*({**states[at], "id": "together"} for at in order))
    for at in order:
        take({**states[at], "id": "apart"})

    assert stored(site) == []


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_what_came_back_after_it_was_taken_back_is_read(site, take, order):
    """By mistake it was withdrawn, and newer than that it is there."""
    withdrawn = version("", SIGNED, status="entered-in-error")
    states = [withdrawn, version("Amended.", AMENDED)]

    take(*(states[at] for at in order))

    assert stored(site) == ["Amended."]


def test_a_withdrawal_of_another_patients_note_keeps_none_out(site, take):
    """Nor one that is older than another withdrawal lets one in."""
    other = Exported(patient="pat-2", text="Signed.")
    take(version("", AMENDED, status="entered-in-error"))
    take(version("", DRAFT, status="entered-in-error"))

    assert take(version("Signed.", SIGNED)).older == 1
    assert stored(site) == []
    take(version("", SIGNED, other))
    assert stored(site) == ["Signed."]


def test_an_erasure_forgets_what_was_said_of_versions(site, take):
    """Of notes that were here, and of those that were taken back before they came."""
    take(version("Signed.", SIGNED), version("", SIGNED, Exported("18"), status="entered-in-error"))
    take(version("Signed.", SIGNED, Exported("19", "pat-2")))
    before = facts(site)

    erase(site.paths.root, "pat-1")

    assert (before, facts(site)) == (3, 1)


def test_what_outlived_a_limit_is_forgotten_with_what_was_said_of_it(site, take):
    """Nothing of such a note stays."""
    take(version("Signed.", SIGNED))

    with opened_vault(site) as vault:
        vault.begin_expiry("2027-01-01")
        vault.erase_outlived("2027-01-01")

    assert facts(site) == 0


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.booleans()),
        min_size=1,
        max_size=7,
        unique_by=lambda one: one[0],
    ),
    st.data(),
)
def test_an_import_ends_as_its_newest_message_says(site, take, states, data):
    """However the versions are spread over imports; and all of it again changes nothing."""
    number = str(next(NUMBERS))
    messages = [
        version(
            "",
            {"versionId": str(at)},
            Exported(number, text=f"Version {at}."),
            status="entered-in-error" if is_withdrawn else "current",
        )
        for at, is_withdrawn in states
    ]
    cut = data.draw(st.integers(0, len(messages)))

    take(*messages[:cut])
    take(*messages[cut:])
    with opened_vault(site) as vault:
        digest = vault.digest()
        note_id = vault.note_id_of(f"DocumentReference/{number}")
        there = [hit.note_id for hit in vault.entries([note_id])]
        found = [note.text for note in vault.read_identified(there, "check")]
    take(*messages)

    newest, is_withdrawn = max(states)
    assert found == ([] if is_withdrawn else [f"Version {newest}."])
    with opened_vault(site) as vault:
        assert vault.digest() == digest


@given(
    st.builds(Edition, st.sampled_from(["", "a", "b"]), st.one_of(st.none(), st.integers(0, 3))),
    st.builds(Edition, st.sampled_from(["", "a", "b"]), st.one_of(st.none(), st.integers(0, 3))),
)
def test_of_two_editions_one_is_older_at_most(one, other):
    """And none is older than itself, or than one of which nothing is known."""
    assert not (one.is_older_than(other) and other.is_older_than(one))
    assert not one.is_older_than(one)
    assert not one.is_older_than(NO_EDITION)


@pytest.mark.parametrize(("status", "found"), [("superseded", []), ("current", ["Draft."])])
def test_only_its_own_status_says_that_a_document_is_out_of_date(site, take, status, found):
    """Superseded it is not read any more; what another document says of it withdraws nothing."""
    replacing = {
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/17"}}]
    }
    take(version("Draft.", DRAFT))

    take(
        version("Draft.", SIGNED, status=status),
        version("", None, Exported("18", text="Amended."), **replacing),
    )

    assert sorted(stored(site)) == sorted([*found, "Amended."])
