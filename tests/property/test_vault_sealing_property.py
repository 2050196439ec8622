"""Sealing and opening are inverse; everything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.clinical.vault.sealing import Sealed, derive_keys, mark, seal, unseal
from appliance.errors import IntegrityError
from appliance.records.identifiers import NoteId

KEYS = derive_keys(b"k" * 32)
NOTE = NoteId("n-1")
TEXTS = st.text(max_size=300)


@given(text=TEXTS, version=st.integers(1, 99))
def test_what_was_sealed_opens(text, version):
    """Every text, to the code point."""
    assert unseal(seal(text, NOTE, version, KEYS.wrapping), NOTE, version, KEYS.wrapping) == text


@given(text=TEXTS, data=st.data())
def test_one_changed_bit_and_it_does_not_open(text, data):
    """Of the wrapped key or of the body."""
    sealed = seal(text, NOTE, 1, KEYS.wrapping)
    parts = [bytearray(sealed.wrapped_key), bytearray(sealed.body)]
    part = data.draw(st.sampled_from(parts))
    position = data.draw(st.integers(0, 8 * len(part) - 1))
    part[position // 8] ^= 1 << position % 8

    with pytest.raises(IntegrityError):
        unseal(Sealed(bytes(parts[0]), bytes(parts[1])), NOTE, 1, KEYS.wrapping)


@pytest.mark.parametrize(
    ("note_id", "version", "key"),
    [
        (NoteId("n-2"), 1, KEYS.wrapping),
        (NOTE, 2, KEYS.wrapping),
        (NOTE, 1, KEYS.database),
    ],
)
def test_it_opens_only_as_what_it_is(note_id, version, key):
    """Not as another note, another version, or under another key."""
    sealed = seal("Chest clear.", NOTE, 1, KEYS.wrapping)

    with pytest.raises(IntegrityError):
        unseal(sealed, note_id, version, key)


def test_the_same_text_is_never_sealed_alike():
    """Each note has a data key of its own."""
    one, two = (seal("Chest clear.", NOTE, 1, KEYS.wrapping) for _ in range(2))

    assert one.body[12:] != two.body[12:]
    assert one.wrapped_key != two.wrapped_key


@given(left=st.lists(TEXTS, max_size=4), right=st.lists(TEXTS, max_size=4))
def test_marks_tell_different_parts_apart(left, right):
    """However the parts are cut: ("ab", "c") is not ("a", "bc")."""
    same = mark(KEYS.marking, *left) == mark(KEYS.marking, *right)

    assert same == (left == right)
