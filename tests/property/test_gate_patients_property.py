"""The patient index: whatever letter of a name is wrong, whatever way a day is written."""

from datetime import date

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from appliance.gate.hashed.hashing import Hasher
from appliance.gate.patients.dates import find_days
from appliance.gate.patients.index import PatientIndex
from appliance.gate.patients.names import is_ordinary
from appliance.gate.patients.writing import write_index
from appliance.records.notes import PatientIdentifier

KEY = b"k" * 32
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = st.text(LETTERS, min_size=5, max_size=12).filter(lambda name: not is_ordinary(name))
FORMS = st.sampled_from(
    [
        *("{d}/{m}/{y}", "{m}/{d}/{y}", "{y}-{m:02}-{d:02}", "{d}.{m}.{y}", "{y}{m:02}{d:02}"),
        *("{d} {name} {y}", "{name} {d}, {y}", "{d}-{name:.3}-{y}", "{y} {name:.3} {d}"),
    ]
)
MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@st.composite
def slips(draw, name):
    """The name with one letter wrong, missing, too many, or exchanged with its neighbour."""
    at = draw(st.integers(0, len(name) - 2))
    letter = draw(st.sampled_from(LETTERS))
    return draw(
        st.sampled_from(
            [
                name[:at] + letter + name[at + 1 :],
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + name[at + 1] + name[at] + name[at + 2 :],
            ]
        )
    )


@SETTINGS
@given(NAMES, NAMES, st.data())
def test_a_name_with_one_letter_wrong_is_found(tmp_path, first, last, data):
    """In either name, in either order."""
    write_index(tmp_path / "a", [[PatientIdentifier("name", f"{first} {last}")]], KEY)
    index = PatientIndex.load(tmp_path / "a", KEY)
    wrong_first, wrong_last = data.draw(slips(first)), data.draw(slips(last))
    assume(not is_ordinary(wrong_first))
    assume(not is_ordinary(wrong_last))

    for text in (
        f"Seen: {first} {last}.",
        f"Seen: {first} {wrong_last}.",
        f"Seen: {wrong_first} {last}.",
        f"Seen: {wrong_last}, {first}.",
    ):
        [hits] = index.detect([text])
        assert hits, text
        assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), FORMS)
def test_a_day_in_any_form_is_that_day(day, form):
    """Also among the readings of an ambiguous one."""
    written = form.format(d=day.day, m=day.month, y=day.year, name=MONTHS[day.month - 1])

    assert day.isoformat() in {found for _, _, found in find_days(f"born {written}, well")}


@given(st.text(max_size=80))
def test_whatever_the_text_hits_lie_within_it(tmp_path_factory, text):
    """No text makes the index fail."""
    path = tmp_path_factory.getbasetemp() / "shared.index"
    if not path.exists():
        write_index(path, [[PatientIdentifier("name", "Zebulon Quackenbush")]], KEY)
    index = PatientIndex.load(path, KEY)

    [hits] = index.detect([text])

    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_pairs_do_not_depend_on_their_neighbours(values):
    """A hash computed among millions is the hash computed alone."""
    import numpy as np

    hasher = Hasher(KEY, b"test")
    first = np.array(values, np.uint64)
    second = first[::-1].copy()

    together = hasher.pairs(first, second)

    alone = [hasher.pairs(first[at : at + 1], second[at : at + 1])[0] for at in range(len(first))]
    assert list(together) == alone


@pytest.mark.parametrize("text", ["", " ", "-", "\n\n", "a", "1", "@", "@.", ".@.", "0" * 50])
def test_degenerate_texts_are_read(tmp_path, text):
    """Nothing, one sign, only signs."""
    write_index(tmp_path / "a", [[PatientIdentifier("mrn", "00417722")]], KEY)

    assert PatientIndex.load(tmp_path / "a", KEY).detect([text]) == [[]]
