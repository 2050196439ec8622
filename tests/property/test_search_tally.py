"""A search of any size is counted and ordered as a short one would be by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.clinical.vault.words import Hit
from appliance.workflows.search_tally import Tally
from appliance.workflows.sorted_ids import SortedIds

# The ends of both parts of an id, and few others, so that they come again.
DIGITS = st.sampled_from(
    ["0" * 24, "f" * 24, "0" * 16 + "f" * 8, "f" * 16 + "0" * 8]
) | st.integers(0, 40).map(lambda number: f"{number * 7919:024x}")
IDS = st.tuples(st.sampled_from("np"), DIGITS).map("-".join)
PIECES = st.lists(st.lists(IDS, max_size=9), max_size=9)


@settings(max_examples=60)
@given(pieces=PIECES, run=st.integers(1, 20))
def test_ids_come_out_in_order_and_once(tmp_path_factory, pieces, run):
    """By digits, then by letter; those that lay on the disk too, of which nothing is left."""
    folder = tmp_path_factory.mktemp("ids")
    expected = sorted({one for piece in pieces for one in piece}, key=lambda one: (one[2:], one))
    for taken in (list, lambda ids: ids.count()):
        with SortedIds(folder, run) as ids:
            for piece in pieces:
                ids.add(piece)
            assert taken(ids) == (expected if taken is list else len(expected))

    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tally")


@settings(max_examples=60)
@given(
    notes=st.permutations(range(60)).flatmap(
        lambda order: st.integers(0, 60).map(lambda count: order[:count])
    ),
    limit=st.integers(0, 30),
    at_once=st.integers(1, 20),
    run=st.integers(1, 20),
)
def test_the_first_notes_and_the_counts_are_those_of_all(folder, notes, limit, at_once, run):
    """In whatever order they come; a note without a patient counts as one of its own."""
    hits = [
        Hit(f"n-{number * 7919:024x}", f"p-{number % 7:024x}" if number % 5 else None, "", "")
        for number in notes
    ]
    with Tally(folder, limit, keeps_notes=True, run=run) as tally:
        for start in range(0, len(hits), at_once):
            tally.add_all(iter(hits[start : start + at_once]))

        ordered = sorted(hits, key=lambda hit: hit.note_id)
        assert tally.count == len(hits)
        assert tally.first == ordered[:limit]
        assert list(tally.notes) == [hit.note_id for hit in ordered]
        assert tally.patients.count() == len({hit.patient_id or hit.note_id for hit in hits})
