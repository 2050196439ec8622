"""Entries of a FHIR Bundle that point to each other: whose a document is, where its words are."""

import base64
import io
import json
from contextlib import suppress

import pytest

from appliance.clinical.intake.formats import bundle as bundles
from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.clinical.intake.seen import Places
from appliance.errors import NoSpace
from tests.lib.exports import Exported, diagnostic_report, document_reference

URN = "urn:uuid:0f1e2d3c-0000-4000-8000-000000000001"
URL = "https://ehr.example/fhir/Patient/p-1"
NOTE = Exported()
MRN = {"type": {"coding": [{"code": "MR"}]}, "value": "5007"}
SSN = {"type": {"coding": [{"code": "SS"}]}, "value": "999-11-2222"}


def read(*entries, kind="collection"):
    content = json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()
    found = FORMATS[".json"](io.BytesIO(content), Origin("x/a.json", Reading()))
    return [entry.reason if isinstance(entry, Refusal) else entry for _, entry in found]


def patient(full_url, **fields):
    return {"fullUrl": full_url, "resource": {"resourceType": "Patient", **fields}}


def document(make=document_reference, full_url="", **changes):
    entry = {"resource": {**make(NOTE), **changes}}
    return {"fullUrl": full_url, **entry} if full_url else entry


def subject(reference):
    return {"subject": {"reference": reference}}


def pointing(url, kind="text/plain"):
    return {"content": [{"attachment": {"contentType": kind, "url": url}}]}


def binary(text, full_url="", kind="text/plain", **fields):
    data = base64.b64encode(text.encode()).decode()
    resource = {"resourceType": "Binary", "contentType": kind, "data": data, **fields}
    return {"fullUrl": full_url, "resource": resource} if full_url else {"resource": resource}


@pytest.mark.parametrize("make", [document_reference, diagnostic_report])
@pytest.mark.parametrize(
    ("reference", "fields", "known_as"),
    [
        (URN, {"id": "p-1", "identifier": [MRN]}, "p-1"),
        (URN, {"identifier": [SSN, MRN]}, "5007"),
        (
            URN,
            {"identifier": [{**MRN, "use": "old", "value": "4"}, SSN]},
            URN.removeprefix("urn:uuid:"),
        ),
        (
            URN,
            {"id": URN.removeprefix("urn:uuid:"), "identifier": [SSN]},
            URN.removeprefix("urn:uuid:"),
        ),
        (URN, {"id": URN.removeprefix("urn:uuid:"), "identifier": [MRN]}, "5007"),
        (URN, {}, URN.removeprefix("urn:uuid:")),
        (URL, {"id": "p-1", "identifier": [MRN]}, "p-1"),
        (f"{URL}/_history/3", {"id": "p-1"}, "p-1"),
        ("https://ehr.example/people?n=1", {"identifier": [MRN]}, "5007"),
    ],
)
def test_whose_a_document_is_says_the_patient_of_its_bundle(make, reference, fields, known_as):
    """By the id of the hospital's, not by the name that only the Bundle knows; in either order."""
    person = patient(reference.partition("/_history/")[0], **fields)
    note = document(make, **subject(reference))

    [no_note, last] = read(person, note)
    [first, _] = read(note, person)

    assert no_note == Reason.NO_NOTE
    assert first == last
    assert last.patient_source_id == known_as


def test_each_document_is_its_own_patients():
    """However many there are, and however far apart the entries stand."""
    numbers = [str(number) for number in range(200)]
    people = [patient(f"{URN}-{n}", id=f"p-{n}", note="x" * 5_000) for n in numbers]
    notes = [document(id=n, **subject(f"{URN}-{n}")) for n in [*numbers, "0"]]

    found = read(*notes, *people)[: len(notes)]

    assert [note.patient_source_id for note in found] == [f"p-{n}" for n in [*numbers, "0"]]


def test_a_name_that_is_no_patients_names_none():
    """An entry of another kind; an identifier inside its name is none of the hospital's."""
    group = {"fullUrl": "https://ehr.example/Group/1", "resource": {"resourceType": "Group"}}

    [note, _] = read(document(**subject("https://ehr.example/Group/1")), group)

    assert note.patient_source_id is None


@pytest.mark.parametrize(
    ("url", "other"),
    [
        (URN, binary("Fever.", URN)),
        ("Binary/7", binary("Fever.", id="7")),
        ("Binary/7", binary("Fever.", URN, id="7")),
        ("Binary/7", binary("Fever.", "https://ehr.example/fhir/Binary/7")),
        (
            "https://ehr.example/fhir/Binary/7",
            binary("Fever.", "https://ehr.example/fhir/Binary/7"),
        ),
        ("Binary/7/_history/2", binary("Fever.", id="7")),
    ],
)
def test_words_in_a_binary_of_the_same_bundle_are_read(url, other):
    """Nothing is fetched for them."""
    on_server = str(other.get("fullUrl", "")).startswith("https:")
    own = "https://ehr.example/fhir/DocumentReference/17" if on_server else ""

    [note, _] = read(document(full_url=own, **pointing(url)), other)

    assert (note.text, note.patient_source_id) == ("Fever.", NOTE.patient)


@pytest.mark.parametrize(
    "others",
    [
        [],
        [binary("Fever.", id="8")],
        [patient("https://ehr.example/Binary/7", id="7")],
        [binary("Fever.", "https://a.example/Binary/7", id="7")],
        [binary("Fever.", id="7"), binary("Gout.", id="7")],
        [binary("Fever.", URN, id="7", data=None)],
    ],
)
def test_words_that_are_not_in_the_bundle_are_elsewhere(others):
    """Nor is it guessed which of two servers' is meant."""
    assert read(document(**pointing("Binary/7")), *others)[0] == Reason.NOT_INLINE


def test_of_two_servers_a_relative_name_is_on_that_of_its_own_entry():
    """R4, bundle.html#references."""
    others = [binary(text, f"https://{text}.example/Binary/7", id="7") for text in ("a", "b")]
    note = document(full_url="https://b.example/DocumentReference/17", **pointing("Binary/7"))

    assert read(note, *others)[0].text == "b"
    assert read(note, binary("c", id="7"))[0] == Reason.NOT_INLINE


def test_a_name_of_two_patients_is_neithers():
    """Then the reference says what it says without them."""
    people = [patient(URL, id="p-2"), patient(URL, id="p-3")]

    assert read(document(**subject(URL)), *people)[0].patient_source_id == "p-1"


@pytest.mark.parametrize(
    ("reference", "identity"),
    [(f"https://ehr.example/{'x' * 2_000}/Patient/p-1", "p-1"), (URN, "9" * 501)],
)
def test_what_is_too_long_for_a_name_is_not_kept(reference, identity):
    """A file of many such would fill the memory."""
    entries = [patient(reference, id=identity)]
    content = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()

    with bundles.Bundle(io.BytesIO(content)) as bundle:
        with suppress(Refusal):
            bundle.patient(reference)
        assert bundle._patients == {}


@pytest.mark.parametrize(
    ("outer", "own", "encoding"),
    [
        ("text/plain; charset=iso-8859-1", "text/plain", "iso8859-1"),
        ("application/pdf", "text/plain; charset=iso-8859-1", "iso8859-1"),
        (None, "text/plain; charset=utf-8", "utf-8"),
        ("text/plain; charset=iso-8859-1", "application/octet-stream", "iso8859-1"),
    ],
)
def test_a_binary_is_what_it_says_it_is(outer, own, encoding):
    """What points to it counts where that says the same and more."""
    content = pointing(URN, outer)
    data = base64.b64encode("Ménière".encode(encoding)).decode()

    [note, _] = read(document(**content), binary("", URN, kind=own, data=data))

    assert (note.text, note.encoding) == ("Ménière", encoding)


def test_words_in_a_binary_are_read_beside_a_format_that_cannot_be():
    """What points to them need not say what they are: the Binary does."""
    rtf = {"attachment": {"contentType": "application/rtf", "data": "e1xydGYxfQ=="}}
    content = {"content": [rtf, {"attachment": {"url": "Binary/7"}}]}

    [note, _] = read(document(**content), binary("Fever.", id="7"))

    assert note.text == "Fever."


def test_words_at_hand_are_taken_before_a_scan_elsewhere_in_the_bundle():
    """Of several formats the one that loses least, wherever it stands."""
    [note, _] = read(document(), binary("%PDF-broken", id="9", kind="application/pdf"))

    assert note.text == NOTE.text


def test_one_entry_is_not_read_without_end_for_those_that_point_to_it(monkeypatch):
    """A few megabytes to which a million documents point are a bomb."""
    monkeypatch.setattr(bundles, "_FREE_BYTES", 0)
    notes = [document(id=str(number), **pointing("Binary/7")) for number in range(40)]

    found = read(*notes, binary("x" * 30_000, id="7"))

    assert found[0].text.startswith("xxx")
    assert found[-2] == Reason.TOO_COSTLY


def test_a_name_that_is_no_text_spoils_no_other():
    """Half of a pair, as a broken escape leaves it: it can be looked for like another."""
    broken = "urn:uuid:\ud800"

    entries = [patient(broken), document(**subject(broken)), document(id="18", **subject(URN))]
    *_, lost, found = read(patient(URN, id="p-1"), *entries)

    assert lost == Reason.NOT_UTF8
    assert found.patient_source_id == "p-1"


def test_where_names_cannot_be_kept_the_others_are_read_all_the_same(monkeypatch):
    """It costs those that point; the file is read on from where it was."""
    tries = []

    def full(*_, **__):
        tries.append(1)
        raise NoSpace("No space left.", "Free some.")

    monkeypatch.setattr(Places, "put", full)
    pointing_ones = [document(id=str(number), **subject(URN)) for number in range(3)]

    found = read(patient(URN, id="p-1"), *pointing_ones, document(id="18"))

    assert len(tries) == 1
    assert found[1:-1] == [Reason.FAILED] * 3
    assert found[-1].source_id == "DocumentReference/18"


def test_a_damaged_bundle_costs_what_is_damaged():
    """Who is named before the damage is known all the same."""
    entries = [patient(URN, id="p-1"), document(**subject(URN)), document(id="18")]
    content = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()[:-60]

    _, (_, note), *_, (_, broken) = FORMATS[".json"](
        io.BytesIO(content), Origin("x/a.json", Reading())
    )

    assert note.patient_source_id == "p-1"
    assert broken.reason == Reason.MALFORMED
