"""An entry has one form, and what is not in it is no entry."""

import pytest

from appliance.errors import LedgerBroken
from appliance.ledger import entry
from appliance.ledger.examination import examine
from appliance.records.events import Event
from tests.lib.ledgers import KEY

EVENT = Event("thing.done", "2026-03-01T06:00:00.000000+00:00", "tester", "0" * 64, {"n": 1})
TAG_KEY = entry.derive_tag_key(KEY)


def test_an_entry_comes_back_as_it_was_written():
    assert entry.decode(entry.encode(7, EVENT)) == (7, EVENT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{", b"["),
        (b'"index":7', b'"index": 7'),
        (b'"index":7', b'"index":7.0'),
        (b'"index":7', b'"index":true'),
        (b'"index":7', b'"index":"7"'),
        (b'"index":7,', b""),
        (b'{"n":1}', b"[]"),
        (b'"tester"', b"1"),
        (b'"' + b"0" * 64 + b'"', b"1"),
        (b"thing", b"\xff"),
    ],
)
def test_what_is_not_in_the_one_form_is_no_entry(old, new):
    """One event, one spelling: no room for a second reading."""
    with pytest.raises(entry.Malformed):
        entry.decode(entry.encode(7, EVENT).replace(old, new))


def test_deeply_nested_bytes_are_no_entry():
    with pytest.raises(entry.Malformed):
        entry.decode(b"[" * 100_000)


def test_a_tag_fits_one_entry_after_one_other():
    line, tag = entry.seal(entry.encode(0, EVENT), entry.FIRST_TAG, TAG_KEY)

    assert entry.unseal(line[:-1], entry.FIRST_TAG, TAG_KEY) == (entry.encode(0, EVENT), tag)
    for wrong in ((line[:-1], tag, TAG_KEY), (line[:-1], entry.FIRST_TAG, b"other")):
        with pytest.raises(entry.Malformed):
            entry.unseal(*wrong)


def test_the_key_of_the_tags_is_not_the_signing_seed():
    """One secret, two uses, two keys."""
    assert entry.derive_tag_key(KEY) != KEY


def test_an_examination_needs_entries(tmp_path):
    with pytest.raises(LedgerBroken, match="gone"):
        examine(tmp_path, KEY)
