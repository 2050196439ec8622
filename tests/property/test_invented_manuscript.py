"""Whatever is done to a manuscript's layout, its mentions stay where its spans say."""

import random

from hypothesis import example, given
from hypothesis import strategies as st

from appliance.invented.decks import Decks
from appliance.invented.likeness import Shelf, shingles, shingles_of
from appliance.invented.manuscript import DISEASE, Manuscript, Piece
from appliance.invented.writer import misspell

_TEXTS = st.text(alphabet=" \nabcdef,.", min_size=1, max_size=30)
_MENTIONS = st.text(alphabet="abcßı é", min_size=1, max_size=12).filter(lambda t: t == t.strip())
_PIECES = st.lists(
    st.one_of(
        st.builds(Piece, _TEXTS),
        st.builds(Piece, _MENTIONS, st.sampled_from([DISEASE, "name"])),
    ),
    max_size=20,
)


def _mentions(manuscript):
    return [manuscript.text[s.start : s.end] for s in manuscript.spans([DISEASE, "name"])]


@given(_PIECES)
def test_spans_hold_what_was_added(pieces):
    manuscript = Manuscript(pieces)

    assert _mentions(manuscript) == [p.text for p in pieces if p.kind]


@given(_PIECES)
@example([Piece("a\n  ")])
@example([Piece("\n\n"), Piece("gout", DISEASE), Piece(" \n \n \n\nb")])
def test_tidying_keeps_every_mention(pieces):
    tidy = Manuscript(pieces).tidied()

    assert _mentions(tidy) == [p.text for p in pieces if p.kind]
    assert " \n" not in tidy.text
    assert "\n\n\n" not in tidy.text
    assert tidy.text == tidy.text.rstrip(" \n")


@given(_PIECES, st.integers(min_value=5, max_value=40))
def test_wrapping_keeps_length_and_mentions(pieces, columns):
    manuscript = Manuscript(pieces)
    wrapped = manuscript.wrapped(columns)

    assert len(wrapped.text) == len(manuscript.text)
    assert wrapped.text.split() == manuscript.text.split()
    assert _mentions(wrapped) == _mentions(manuscript)


@given(_PIECES)
def test_shouting_shouts_every_mention(pieces):
    manuscript = Manuscript(pieces)

    assert _mentions(manuscript.shouted()) == [m.upper() for m in _mentions(manuscript)]


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), min_size=2, max_size=6)
)
def test_the_shelf_agrees_with_the_jaccard_index(notes):
    sets = [shingles_of(" ".join(note)) for note in notes]
    shelf = Shelf()
    for earlier in sets[:-1]:
        shelf.put(earlier)

    expected = max(len(sets[-1] & other) / len(sets[-1] | other) for other in sets[:-1])

    assert shelf.highest_likeness(sets[-1]) == expected


def test_likeness_is_blind_to_names_numbers_and_diseases():
    one = Manuscript(
        [
            Piece("Seen on day 3 is "),
            Piece("Ann Lee", "name"),
            Piece(" with "),
            Piece("gout", DISEASE),
        ]
    )
    other = Manuscript(
        [Piece("Seen on day 41 is "), Piece("Bo", "name"), Piece(" with "), Piece("lupus", DISEASE)]
    )

    assert shingles(one) == shingles(other)


@given(st.integers(1, 12), st.integers(1, 40), st.integers())
def test_a_deck_deals_evenly(size, rounds, seed):
    decks = Decks()
    rng = random.Random(seed)
    counts = [0] * size

    for _ in range(rounds):
        (place,) = decks.draw("pool", size, 1, rng)
        counts[place] += 1

    assert max(counts) - min(counts) <= 1


@given(st.text(alphabet="abcdefgh XY-", max_size=40), st.integers())
def test_a_misspelling_changes_at_most_one_word_by_one_letter(surface, seed):
    misspelt = misspell(surface, random.Random(seed))

    assert 0 <= len(surface) - len(misspelt) <= 1
    assert sum(a != b for a, b in zip(surface.split(" "), misspelt.split(" "), strict=True)) <= 1
