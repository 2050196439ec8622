"""What a corpus lacks stands on its card, in counts."""

from dataclasses import replace

from appliance.records.prompts import ENTITY_KINDS
from appliance.records.spans import Span
from appliance.synthesis.curation.gaps import find_gaps
from tests.lib.small_task import small_sheet, small_vocabulary
from tests.lib.tiny_corpora import make_examples


def texts(count):
    """So many sentences with one drug each, dealt in turn."""
    names = [term.name for term in small_vocabulary().terms]
    (plain, *_) = make_examples()
    return [
        replace(
            plain,
            text=f"{(name := names[at % len(names)])} was given.",
            spans=(Span(0, len(name), "Drug"),),
        )
        for at in range(count)
    ]


def asked(total):
    """Answers in the very shares of the sheet."""
    mix = small_sheet().mix
    return {kind: round(total * getattr(mix, kind.value)) for kind in ENTITY_KINDS}


def test_a_corpus_that_is_as_it_was_asked_has_no_gap():
    examples = texts(10 * len(small_vocabulary().terms))

    assert not find_gaps(small_sheet(), small_vocabulary(), examples, asked(100))


def test_what_is_thin_is_named():
    """A kind that was hardly answered, a label that few have, concepts that nobody named."""
    kinds = asked(100)
    short = ENTITY_KINDS[0]
    kinds[short] //= 2

    found = find_gaps(small_sheet(), small_vocabulary(), texts(2), kinds)

    terms = len(small_vocabulary().terms)
    assert set(found) == {f"sentences: {short.value}", "label Drug", "vocabulary"}
    assert found["label Drug"] == "2 examples"
    assert found["vocabulary"] == f"{terms - 2} of {terms} concepts are in no example"
