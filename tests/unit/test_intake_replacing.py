"""Documents that take the place of others: what they replace is not read any more."""

import json

import pytest

from appliance.errors import BadInput
from appliance.records.progress import Silent
from appliance.workflows.ingest import import_notes, opened_vault
from appliance.workflows.site import init
from tests.lib.exports import Exported, document_reference

URN = "urn:uuid:0f1e2d3c-0000-4000-8000-000000000017"
OLD = document_reference(Exported("17", text="Draft."))
NOTE = document_reference(Exported("18", text="Amended."))


def replacing(*targets, code="replaces", **changes):
    related = [{"code": code, "target": {"reference": target}} for target in targets]
    return {**NOTE, "relatesTo": related, **changes}


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped")


@pytest.fixture
def take(site, tmp_path):
    """Imports one file; None where it holds no note at all."""

    def taken(content, suffix=".ndjson"):
        path = tmp_path / f"a{suffix}"
        path.write_text(content)
        try:
            return import_notes(site.paths.root, [path], Silent())
        except BadInput:
            return None

    return taken


def stored(site):
    with opened_vault(site) as vault:
        found = {note.text for note in vault.read_identified(vault.note_ids(), "check")}
        return found, vault.digest()


def lines(*resources):
    return "".join(json.dumps(one) + "\n" for one in resources)


def bundle(*resources, kind="collection", names=()):
    entries = [{"resource": one} for one in resources]
    for entry, name in zip(entries, names, strict=False):
        entry["fullUrl"] = name
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries})


@pytest.mark.parametrize(
    "target",
    [
        "DocumentReference/17",
        "DocumentReference/17/_history/1",
        "https://ehr.example/fhir/DocumentReference/17",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("write", "suffix"), [(lines, ".ndjson"), (bundle, ".json")])
def test_what_is_replaced_is_not_read_in_whatever_order(
    site, take, target, is_first, write, suffix
):
    """In one file; and the same file again changes nothing."""
    order = [OLD, replacing(target)] if is_first else [replacing(target), OLD]

    report = take(write(*order), suffix)
    texts, digest = stored(site)
    again = take(write(*order), suffix)

    assert (report.new, report.withdrawn, report.rejected) == (2, 1, {"withdrawn": 1})
    assert texts == {"Amended."}
    assert (again.new, again.changed, again.withdrawn) == (0, 0, 0)
    assert stored(site) == (texts, digest)


@pytest.mark.parametrize("suffix", [".ndjson", ".json"])
def test_what_was_imported_before_is_replaced_later(site, take, suffix):
    """On a line, or in a file of its own."""
    take(lines(OLD))

    report = take(lines(replacing("DocumentReference/17")), suffix)

    assert (report.new, report.withdrawn) == (1, 1)
    assert stored(site)[0] == {"Amended."}


@pytest.mark.parametrize("old", [OLD, {**OLD, "id": None, "masterIdentifier": {"value": "17"}}])
def test_what_only_its_bundle_names_is_replaced(site, take, old):
    """By the name of its entry there; in another Bundle it is nobody's."""
    new = replacing(URN)

    take(bundle(new, old, names=("urn:uuid:1", URN)), ".json")

    assert stored(site)[0] == {"Amended."}


@pytest.mark.parametrize(
    "new",
    [
        replacing("DocumentReference/17", code="appends"),
        replacing("DocumentReference/17", status="entered-in-error"),
        replacing("DocumentReference/17", docStatus="entered-in-error"),
        replacing("DocumentReference/17", subject={"reference": "Patient/pat-2"}),
        replacing("DocumentReference/18"),
        replacing("Binary/17"),
        replacing("17"),
        replacing("#17"),
        replacing(URN),
        replacing(""),
        replacing() | {"relatesTo": [{"code": "replaces", "target": {"identifier": "17"}}]},
        replacing() | {"relatesTo": "replaces"},
    ],
)
@pytest.mark.parametrize(("write", "suffix"), [(lines, ".ndjson"), (bundle, ".json")])
def test_what_is_not_surely_replaced_stays(site, take, new, write, suffix):
    """Nor does a document replace itself, or another patient's."""
    take(lines(OLD, NOTE))

    take(write(new), suffix)

    assert "Draft." in stored(site)[0]


def test_a_superseded_document_is_withdrawn_and_what_it_replaced_too(site, take):
    """Of three in a row the last one is read."""
    newest = document_reference(Exported("19", text="Corrected."))
    middle = replacing("DocumentReference/17", status="superseded")
    take(lines(OLD, NOTE))

    report = take(lines(middle, newest))

    assert report.withdrawn == 2
    assert stored(site)[0] == {"Corrected."}


def test_one_that_replaces_and_cannot_be_read_replaces_all_the_same(site, take):
    """What the hospital calls out of date is out of date."""
    take(lines(OLD))

    report = take(lines(replacing("DocumentReference/17", content=[]), {**NOTE, "id": "20"}))

    assert (report.withdrawn, report.rejected) == (1, {"missing-field": 1, "withdrawn": 1})
    assert stored(site)[0] == {"Amended."}


@pytest.mark.parametrize(
    ("newest", "is_kept"),
    [
        ({"resource": {**NOTE, "status": "entered-in-error"}}, True),
        ({"request": {"method": "DELETE", "url": "DocumentReference/18"}}, True),
        ({"resource": replacing("DocumentReference/17")}, False),
        ({"resource": {**NOTE, "id": "\ud800"}}, False),
        ({"resource": "DocumentReference"}, False),
    ],
)
def test_of_a_history_the_newest_version_says_what_is_replaced(site, take, newest, is_kept):
    """An older one that said so was mended, or taken back."""
    entries = [newest, {"resource": replacing("DocumentReference/17")}]
    take(lines(OLD))

    history = {"resourceType": "Bundle", "type": "history", "entry": entries}
    take(json.dumps(history), ".json")

    assert ("Draft." in stored(site)[0]) is is_kept
