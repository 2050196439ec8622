"""Whatever is done to the entries or the head, the examination finds it and says where."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.ledger import files
from appliance.ledger.examination import MAX_FAULTS, examine
from appliance.ledger.faults import FaultKind, rising
from tests.lib.ledgers import KEY, filled, lines, open_ledger, rewrite

COUNT = 24
INDEX = st.integers(0, COUNT - 1)
AGAIN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def ledger(tmp_path):
    filled(tmp_path, COUNT - 1)
    open_ledger(tmp_path).record("thing.done", {"number": COUNT - 1})
    return tmp_path, lines(tmp_path)


def _faults(ledger, content):
    directory, whole = ledger
    rewrite(directory, content)
    try:
        found = examine(directory, KEY)
    finally:
        rewrite(directory, whole)
    return {(fault.kind, fault.entry) for fault in found.faults}


def _at(faults):
    return {entry for _, entry in faults}


def test_an_untouched_ledger_is_intact(ledger):
    found = examine(ledger[0], KEY)

    assert found.is_intact
    assert (found.entries, found.unsigned, found.torn_bytes) == (COUNT, 0, 0)
    assert found.head == open_ledger(ledger[0]).head()
    assert found.root == found.head.root.hex()


@AGAIN
@given(index=INDEX, data=st.data())
def test_a_flipped_bit_is_named(ledger, index, data):
    whole = ledger[1]
    spoilt = bytearray(whole[index])
    at = data.draw(st.integers(0, len(spoilt) - 1))
    spoilt[at] ^= 1 << data.draw(st.integers(0, 7))

    assert index in _at(_faults(ledger, [*whole[:index], bytes(spoilt), *whole[index + 1 :]]))


@AGAIN
@given(index=INDEX)
def test_a_dropped_entry_is_named(ledger, index):
    whole = ledger[1]

    kind = FaultKind.MISSING if index < COUNT - 1 else FaultKind.CUT
    assert (kind, index) in _faults(ledger, [*whole[:index], *whole[index + 1 :]])


@AGAIN
@given(size=INDEX)
def test_a_truncation_is_named(ledger, size):
    assert (FaultKind.CUT, size) in _faults(ledger, ledger[1][:size])


@AGAIN
@given(pair=st.tuples(INDEX, INDEX).filter(lambda pair: pair[0] < pair[1]))
def test_two_entries_exchanged_are_named(ledger, pair):
    one, two = pair
    swapped = list(ledger[1])
    swapped[one], swapped[two] = swapped[two], swapped[one]

    faults = _faults(ledger, swapped)

    assert any(kind is FaultKind.MOVED and entry in pair for kind, entry in faults)
    assert all(entry is None or one <= entry <= two for entry in _at(faults))


@AGAIN
@given(source=INDEX, place=st.integers(0, COUNT))
def test_an_entry_repeated_is_named(ledger, source, place):
    whole = ledger[1]

    faults = _faults(ledger, [*whole[:place], whole[source], *whole[place:]])

    assert any(kind is FaultKind.INSERTED for kind, _ in faults)


@AGAIN
@given(place=st.integers(0, COUNT), foreign=st.binary(min_size=1).filter(lambda b: b"\n" not in b))
def test_a_foreign_line_is_named(ledger, place, foreign):
    whole = ledger[1]

    faults = _faults(ledger, [*whole[:place], foreign + b"\n", *whole[place:]])

    assert (FaultKind.INSERTED, place) in faults


@AGAIN
@given(at=st.integers(0, 2 * files.SLOT_BYTES - 1), bit=st.integers(0, 7))
def test_a_spoilt_head_never_makes_another_ledger_good(ledger, at, bit):
    """A bit of one slot: the other slot still speaks, and no wrong head is believed."""
    directory, _ = ledger
    path = directory / files.HEAD
    good = path.read_bytes()
    spoilt = bytearray(good)
    spoilt[at] ^= 1 << bit
    path.write_bytes(spoilt)
    try:
        found = examine(directory, KEY)
    finally:
        path.write_bytes(good)

    assert found.head is not None
    assert found.root == examine(directory, KEY).root


def test_a_missing_head_is_named(ledger):
    (ledger[0] / files.HEAD).unlink()

    faults = examine(ledger[0], KEY).faults

    assert [fault.kind for fault in faults] == [FaultKind.HEAD]


def test_a_twin_written_with_the_key_is_told_by_the_head(ledger, tmp_path_factory):
    """Even who holds the key can't exchange entries under a head that is kept."""
    twin = tmp_path_factory.mktemp("twin")
    open_ledger(twin).record_many([("other.thing", {})] * COUNT)

    assert (FaultKind.ROOT, None) in _faults(ledger, lines(twin))


def test_another_beginning_is_named(ledger):
    faults = examine(ledger[0], KEY, first_kind="site.initialised").faults

    assert [(fault.kind, fault.entry) for fault in faults] == [(FaultKind.BEGINNING, 0)]


def test_a_beginning_that_is_no_entry_is_named(ledger):
    directory, whole = ledger
    rewrite(directory, [b"x\n", *whole[1:]])

    kinds = [fault.kind for fault in examine(directory, KEY, first_kind="thing.done").faults]

    assert FaultKind.BEGINNING in kinds


def test_what_a_crash_leaves_is_no_fault(ledger):
    """Unsigned entries and an incomplete last line are told, and nothing is wrong."""
    directory, whole = ledger
    head = (directory / files.HEAD).read_bytes()
    open_ledger(directory).record("thing.done", {})
    (directory / files.HEAD).write_bytes(head)
    rewrite(directory, [*lines(directory), whole[0][:50]])

    found = examine(directory, KEY)

    assert found.is_intact
    assert (found.unsigned, found.torn_bytes) == (1, 50)


def test_a_torn_line_beside_a_fault_does_not_hide_it(ledger):
    directory, whole = ledger
    rewrite(directory, [whole[1], *whole[1:], whole[0][:50]])

    assert not examine(directory, KEY).is_intact


def test_a_wholly_foreign_ledger_is_told_in_a_bounded_list(tmp_path):
    """Another key: everything is wrong, and the list stays readable."""
    filled(tmp_path, 3 * MAX_FAULTS)

    found = examine(tmp_path, bytes(32))

    assert found.head is None
    assert len(found.faults) == MAX_FAULTS


@given(st.lists(st.none() | st.integers(0, 20), max_size=12))
def test_the_rising_run_is_a_longest_one(numbers):
    """Patience sorting against trying every subset."""
    run = [numbers[position] for position in rising(numbers)]

    assert None not in run
    assert run == sorted(set(run))
    best = 0
    known = [number for number in numbers if number is not None]
    lengths = []
    for at, number in enumerate(known):
        shorter = [lengths[i] for i in range(at) if known[i] < number]
        lengths.append(1 + max(shorter, default=0))
        best = max(best, lengths[-1])
    assert len(run) == best
