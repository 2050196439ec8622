"""Whatever a model writes, what is kept is labelled right."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from appliance.records.prompts import Completion, Route
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.formats import conll, jsonl
from appliance.synthesis.curation.lexicon import Lexicon
from appliance.synthesis.prompting.stream import drafts
from tests.lib.small_task import small_sheet, small_vocabulary

SURFACES = [surface for term in small_vocabulary().terms for surface in term.surfaces]
PIECES = st.one_of(
    st.sampled_from(SURFACES),
    st.sampled_from([surface.upper() for surface in SURFACES]),
    st.sampled_from(["the", "of", "seen", "on", "ward", "was", "-", "(", ")", ",", "\u00b5", "s"]),
    st.text(max_size=6),
)
TEXTS = st.lists(PIECES, max_size=25).map(" ".join)
LEXICON = Lexicon(small_vocabulary())
DRAFTS = list(islice(drafts(small_sheet(), small_vocabulary(), 0), 60))


@given(TEXTS)
def test_matches_are_sorted_apart_and_whole_words(text):
    """Spans lie in the text, in order, never overlap, never cut a word."""
    matches = LEXICON.find(text)

    end = 0
    for match in matches:
        span = match.span
        assert end <= span.start < span.end <= len(text)
        assert not (text[span.start - 1 : span.start].isalnum() and text[span.start].isalnum())
        assert not (text[span.end : span.end + 1].isalnum() and text[span.end - 1].isalnum())
        end = span.end


@given(TEXTS)
def test_no_plain_occurrence_is_missed(text):
    """Every word that is a one-word name of the vocabulary lies in a span."""
    spans = [match.span for match in LEXICON.find(text)]
    at = 0
    for piece in text.split(" "):
        if piece.isascii() and piece.lower() in {"warfarin", "atorvastatin", "allopurinol"}:
            assert any(span.start <= at < span.end for span in spans)
        at += len(piece) + 1


@given(st.lists(st.tuples(st.sampled_from(DRAFTS), TEXTS), max_size=12))
def test_every_answer_is_kept_or_counted(answers):
    """Kept and dropped add up, and everything asked for is under a label of what is kept."""
    curator = Curator(small_sheet(), small_vocabulary())
    kept = []
    for draft, text in answers:
        reply = Completion(draft.draft_id, Route.SCRIPTED, "m", text, "stop", 1, 1)
        example = curator.consider(draft, reply)
        if example is not None:
            kept.append(example)
            assert bool(example.spans) or not draft.entities

    assert len(kept) + sum(curator.dropped.values()) == len(answers)
    assert len({example.text for example in kept}) == len(kept)


@given(st.lists(TEXTS, max_size=8))
def test_conll_holds_every_span_from_its_first_to_its_last_token(texts):
    """As many tags begin as there are spans, and tokens put together are the text's letters."""
    examples = []
    curator = Curator(small_sheet(), small_vocabulary())
    for draft, text in zip(DRAFTS, texts, strict=False):
        reply = Completion(draft.draft_id, Route.SCRIPTED, "m", text, "stop", 1, 1)
        example = curator.consider(draft, reply)
        if example is not None:
            examples.append(example)

    lines = [line for line in conll.to_lines(examples) if line[:2] != "# "]

    spans = sum(len(example.spans) for example in examples)
    assert sum("\tB-" in line for line in lines) == spans
    letters = "".join(line.partition("\t")[0] for line in lines)
    assert letters == "".join("".join(example.text.split()) for example in examples)
    assert len(list(jsonl.to_lines(examples))) == len(examples)
