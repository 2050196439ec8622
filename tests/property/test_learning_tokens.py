"""Words, windows, batches and BIO labels lose nothing on the way."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import BadInput
from appliance.learning.tokens.batches import padding_waste, plan_batches
from appliance.learning.tokens.bio import bio_labels, decode_words, entity_types, tag_words
from appliance.learning.tokens.encoding import UNCOVERED, Encoder, split_words
from appliance.learning.tokens.windows import cut_windows
from appliance.records.spans import Span
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

TYPES = ("Disease", "Gene")
# No lone surrogates: they are not UTF-8, and every door by which a text comes in refuses them.
texts = st.text(
    alphabet=st.one_of(
        st.sampled_from("abcXYZ019 .,-()'\n\tÄß心臓é\u0301🫀"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=60,
)


@st.composite
def labelled_words(draw):
    """A text, and sorted spans that begin and end where words do."""
    text = draw(texts)
    words = split_words(text)
    spans, position = [], 0
    while position < len(words):
        length = draw(st.integers(0, 3))
        if length and position + length <= len(words):
            start, end = int(words[position, 0]), int(words[position + length - 1, 1])
            spans.append(Span(start, end, draw(st.sampled_from(TYPES))))
        position += max(length, 1)
    return text, spans


@given(labelled_words())
def test_spans_survive_the_way_to_labels_and_back(example):
    """Decoding is the inverse of tagging wherever spans end at words."""
    text, spans = example
    words = split_words(text)

    tags = tag_words(words, spans, TYPES)
    found = decode_words(words, tags, np.ones(len(words), dtype=np.float32), TYPES)

    assert [scored.span for scored in found] == spans


@given(texts, st.lists(st.integers(0, 4), max_size=60))
def test_any_labels_decode_to_sorted_spans_of_whole_words(text, labels):
    words = split_words(text)
    tags = np.array((labels + [0] * len(words))[: len(words)], dtype=np.int64)

    found = decode_words(words, tags, np.full(len(words), 0.5, dtype=np.float32), TYPES)

    starts, ends = set(words[:, 0].tolist()), set(words[:, 1].tolist())
    spans = [scored.span for scored in found]
    assert all(span.start in starts and span.end in ends for span in spans)
    assert all(one.end <= two.start for one, two in itertools.pairwise(spans))


@given(texts, st.data())
def test_a_span_that_cuts_a_word_takes_the_whole_word(text, data):
    words = split_words(text)
    if not len(words):
        return
    number = data.draw(st.integers(0, len(words) - 1))
    start, end = (int(bound) for bound in words[number])
    cut = Span(data.draw(st.integers(start, end - 1)), end, "Gene")

    tags = tag_words(words, [cut], TYPES)

    assert tags.nonzero()[0].tolist() == [number]


def test_labels_and_types_are_each_others_inverse():
    assert entity_types(bio_labels(TYPES)) == TYPES


@given(st.integers(0, 3000), st.integers(1, 200), st.data())
def test_windows_decide_every_token_exactly_once(tokens, size, data):
    overlap = data.draw(st.integers(0, size - 1))

    windows = cut_windows(tokens, size, overlap)

    kept = [token for window in windows for token in range(window.keep_start, window.keep_end)]
    assert kept == list(range(tokens))
    for window in windows:
        assert window.start <= window.keep_start <= window.keep_end <= window.end
        assert window.end - window.start <= size


def test_windows_that_would_never_move_on_are_refused():
    with pytest.raises(BadInput, match="can't overlap"):
        cut_windows(100, 32, 32)


@given(
    st.lists(st.integers(1, 300), max_size=200), st.integers(1, 4000), st.booleans(), st.integers()
)
def test_batches_hold_every_row_once_and_keep_the_budget(lengths, budget, shuffled, seed):
    rows = np.array(lengths, dtype=np.int64)
    generator = np.random.default_rng(abs(seed)) if shuffled else None

    batches = plan_batches(rows, budget, generator)

    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(rows)))
    assert all(
        len(batch) == 1 or len(batch) * int(rows[batch].max()) <= budget for batch in batches
    )


def test_buckets_of_sentences_waste_little_on_padding():
    """Lengths spread like those of clinical sentences: at most a tenth is padding."""
    lengths = np.random.default_rng(0).lognormal(3.4, 0.5, 4000).astype(np.int64).clip(3, 128)

    batches = plan_batches(lengths, 2048, np.random.default_rng(1))

    assert padding_waste(lengths, batches) < 0.10


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    root = tmp_path_factory.mktemp("encoders")
    return {name: Encoder.load(make_tiny_encoder(root / name, name)) for name in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=150)
@given(text=texts)
def test_every_word_is_decided_by_a_token_that_touches_it(encoders, family, text):
    """Whatever the tokenizer counts into its offsets; only control characters are not covered."""
    encoded = encoders[family].encode([text])[0]

    assert len(encoded.first) == len(split_words(text))
    assert (encoded.first < max(1, len(encoded.ids))).all()
    own = encoded.first[(encoded.first != UNCOVERED) & ~encoded.inherits]
    assert (np.diff(own) >= 0).all()
    plain = [
        text[start:end].isascii() and text[start:end].isprintable() for start, end in encoded.words
    ]
    assert (encoded.first[np.array(plain, dtype=bool)] != UNCOVERED).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_each_word_of_a_sentence_begins_a_token_of_its_own(encoders, family):
    text = "The patient  has asthma,\nHIV-1 and (twice) COPD."

    encoded = encoders[family].encode([text])[0]

    letters = np.array([text[start].isalnum() for start, _ in encoded.words])
    assert not encoded.inherits[letters].any()
    assert len(set(encoded.first[letters].tolist())) == letters.sum()
