"""Messages that take a note back: it is not read any more, and nothing else is."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Reason, Withdrawal
from appliance.clinical.vault.words import Where
from appliance.errors import BadInput
from appliance.workflows.ingest import opened_vault
from appliance.workflows.notes import erase
from appliance.workflows.site import init
from tests.lib.exports import Exported, document_reference, mdm, oru
from tests.lib.importing import import_file

NUMBERS = count(1)
PATIENTS = st.sampled_from(["pat-1", "pat-2"])
# A state of the note, or whose note is taken back; "" where the message does not say.
MESSAGES = st.lists(
    st.one_of(
        st.builds(Exported, text=st.sampled_from(["Draft.", "Signed."]), patient=PATIENTS),
        st.one_of(PATIENTS, st.just("")),
    ),
    min_size=1,
    max_size=7,
)


def take_back(note):
    return mdm(note).replace(b"MDM^T02^MDM_T02", b"MDM^T11")


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped")


@pytest.fixture
def take(site):
    """Imports one file of these messages; None where it holds no note at all."""

    def taken(*messages):
        return import_file(site, "a.hl7", b"".join(messages))

    return taken


def stored(site):
    with opened_vault(site) as vault:
        notes = vault.read_identified(vault.note_ids(), "check")
        [versions] = vault._connection.execute("SELECT count(*) FROM bodies").fetchone()
        return {note.text for note in notes}, versions, vault.digest()


def test_a_withdrawn_note_is_neither_found_nor_counted_nor_read(site, take):
    """As if it had not come; its patient can be erased with it."""
    take(mdm(Exported(text="Fever.")), mdm(Exported("18", text="Fever, too.")))
    with opened_vault(site) as vault:
        while vault.index_some("check"):
            pass
        gone = vault.note_id_of("MDM/EHR/SITE/17")
        before = vault.stamps_of([gone])

    report = take(take_back(Exported()))

    assert (report.withdrawn, report.rejected) == (1, {"withdrawn": 1})
    with opened_vault(site) as vault:
        kept = vault.note_id_of("MDM/EHR/SITE/18")
        assert [hit.note_id for hit in vault.find_identified("fever", Where(), "check")] == [kept]
        assert vault.note_ids() == list(vault.owners()) == [kept]
        assert sum(vault.count().values()) == 1
        assert (vault.entries([gone]), vault.stamps_of([gone]), vault.left_to_index()) == (
            [],
            {},
            0,
        )
        assert vault.unchanged(before) == frozenset()
        with pytest.raises(BadInput):
            vault.read_identified([gone], "check")
    assert erase(site.paths.root, "pat-1").notes == 2
    assert stored(site)[1] == 0


def test_a_history_with_its_withdrawal_changes_nothing_the_second_time(site, take):
    """In one file, or in two."""
    history = (mdm(Exported(text="Draft.")), mdm(Exported()), take_back(Exported()))

    assert take(*history).withdrawn == 1
    before = stored(site)
    report = take(*history)

    assert (report.new, report.changed, report.known, report.withdrawn) == (0, 0, 2, 0)
    assert stored(site) == before == (set(), 2, before[2])


def test_a_note_that_comes_again_is_there_again(site, take):
    """What was withdrawn by mistake is sent again; it is a new version."""
    take(mdm(Exported()), take_back(Exported()))

    assert take(mdm(Exported())).changed == 1
    assert stored(site)[:2] == ({Exported().text}, 2)


def test_a_withdrawal_that_names_another_patient_takes_nothing_back(site, take):
    """Nor one of a note that is not here."""
    take(mdm(Exported()))

    take(take_back(Exported(patient="pat-2")))
    take(take_back(Exported(patient="")))
    take(take_back(Exported("99")))

    assert stored(site)[0] == {Exported().text}


def test_a_report_of_an_order_takes_nothing_back(site, take):
    """It is known by its place in its message, which may be another report's in the next one."""
    take(oru(Exported()))

    report = take(
        oru(Exported()).replace(b"||||||F", b"||||||W"), mdm(Exported("18", text="Fever."))
    )

    assert (report.withdrawn, report.rejected) == (0, {"withdrawn": 1})
    assert len(stored(site)[0]) == 2


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".hl7", take_back(Exported(id=""))),
        (".hl7", take_back(Exported(id="9" * 600))),
        (
            ".json",
            json.dumps(
                {**document_reference(Exported()), "status": "entered-in-error", "id": None}
                | {"masterIdentifier": {"value": "17"}}
            ).encode(),
        ),
    ],
)
def test_a_withdrawal_names_a_note_by_its_own_id(tmp_path, suffix, content):
    """Else it is malformed, and withdraws nothing: no number of a message stands in for it."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with path.open("rb") as file:
        [(_, entry)] = FORMATS[suffix](file, Origin("x/a", Reading()))

    assert not isinstance(entry, Withdrawal)
    assert entry.reason in {Reason.MISSING_FIELD, Reason.MALFORMED}


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(MESSAGES)
def test_an_import_ends_as_its_messages_one_by_one(site, take, messages):
    """Whatever came before; and the same file again changes nothing."""
    number = str(next(NUMBERS))
    content, there = [], None
    for message in messages:
        if isinstance(message, Exported):
            content.append(mdm(Exported(number, message.patient, text=message.text)))
            there = (message.text, message.patient)
        else:
            content.append(take_back(Exported(number, message)))
            there = None if there and message == there[1] else there

    take(*content)
    with opened_vault(site) as vault:
        gone = vault.note_id_of(f"MDM/EHR/SITE/{number}")
        entries = vault.entries([gone])
        notes = vault.read_identified([gone], "check") if entries else []
        owner = vault.patient_id_of(there[1]) if there else None
    before = stored(site)
    take(*content)

    assert [(note.text, note.patient_id) for note in notes] == (
        [(there[0], owner)] if there else []
    )
    assert stored(site) == before


def test_what_a_history_deletes_does_not_come_in_by_its_older_versions(site):
    """The deletion has no body and names no patient, and stands before what it took back."""
    versions = [
        {"request": {"method": "DELETE", "url": f"DocumentReference/{Exported().id}"}},
        {"resource": document_reference(Exported(text="Syphilis."))},
        {"resource": document_reference(Exported(id="18", text="Gout."))},
    ]
    bundle = {"resourceType": "Bundle", "type": "history", "entry": versions}

    report = import_file(site, "history.json", json.dumps(bundle).encode())

    assert report.rejected == {"duplicate-id": 1, "withdrawn": 1}
    with opened_vault(site) as vault:
        assert [n.text for n in vault.read_identified(vault.note_ids(), "check")] == ["Gout."]
