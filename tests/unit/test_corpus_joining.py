"""Corpora that become one: each sentence once, and all that was counted is counted."""

import shutil
from dataclasses import replace

import pytest

from appliance.artifacts.manifest import read_manifest
from appliance.errors import BadInput
from appliance.records.examples import Example, Origin, Split
from appliance.records.identifiers import Digest
from appliance.records.spans import Span
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.curator import example_id
from appliance.synthesis.curation.joining import Part, join
from appliance.workflows.joining import find_joined, join_corpora
from appliance.workflows.site import find_entries, init
from tests.lib.frozen_clock import FrozenClock
from tests.lib.tiny_corpora import make_card, make_examples

WORDS = "was seen again on the second day of a long visit to the ward"
NEW = "Gout kept him from the walk that he had planned with the family"


def example(text, entity, origin=Origin.WRITTEN, draft="d-1", split=Split.TRAIN):
    start = text.index(entity)
    spans = (Span(start, start + len(entity), "Disease"),)
    return Example(example_id(text, spans), text, spans, (), draft, "m@1", split, 1.0, origin)


def part(name, *examples, **changes):
    card = replace(make_card(name, "disease", list(examples)), **changes)
    return Part(card, Digest(name[0] * 64), examples)


def test_what_repeats_an_earlier_corpus_is_left_out_with_its_copies():
    """The same sentence about another disease is the same; it counts as dropped for that."""
    first = part("a", example(f"Asthma {WORDS}.", "Asthma"))
    repeated = example(f"Gout {WORDS}.", "Gout", draft="d-2", split=Split.DEV)
    copy = example(f"Lupus {WORDS}!", "Lupus", Origin.VARIED, "d-2")
    fresh = example(f"{NEW}.", "Gout", draft="d-3")
    second = part("b", copy, repeated, fresh)

    card, examples = join([first, second], "both", "now")

    assert examples == (*first.examples, fresh)
    assert card.dropped == {"near-duplicate": 1}
    assert card.completions == 4
    assert (card.accepted, card.varied) == (2, 0)
    assert card.revision == {"kept": 2, "left_out": 2}
    assert card.joined == {"a": "a" * 64, "b": "b" * 64}
    assert card.models == {"m@1": 2}


def test_a_text_stands_there_once():
    """To the word a text stands there once, as whoever came first had it."""
    line = example(f"{NEW}.", "Gout", Origin.COMPOSED, "c-1")
    written = example(f"{NEW}.", "Gout")

    for one, other in ((line, written), (written, line)):
        _, examples = join([part("a", one), part("b", other)], "both", "now")
        assert examples == (one,)


def test_one_corpus_alone_is_joined_whole():
    """What its own curation let pass repeats nothing."""
    examples = (example(f"Asthma {WORDS}.", "Asthma"), example(f"{NEW}.", "Gout", draft="d-3"))

    card, kept = join([part("a", *examples)], "all", "now")

    assert kept == examples
    assert card.revision["left_out"] == 0


def test_shares_that_were_asked_for_are_weighed_by_what_came():
    """A quarter of four and all of twelve: it was to be 81 of a hundred."""
    first = part("a", accepted=4, asked={"single": 0.25, "none": 0.75})
    second = part("b", accepted=12, asked={"single": 1.0, "none": 0.0}, mix={"single": 1.0})

    card, _ = join([first, second], "both", "now")

    assert card.asked == {"single": 0.8125, "none": 0.1875}
    assert card.mix == {}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sheet_digest": Digest("1" * 64)}, "one and the same label sheet"),
        ({"task": "drug"}, "one and the same label sheet"),
        ({"relations": {"treats": 1}}, "about pairs"),
    ],
)
def test_what_is_not_alike_is_not_joined(changes, complaint):
    """Another sheet holds out other concepts: what one teaches the other would measure."""
    with pytest.raises(BadInput, match=complaint):
        join([part("a"), part("b", **changes)], "both", "now")


@pytest.fixture
def site(tmp_path):
    opened = init(tmp_path / "site", "air-gapped", FrozenClock())
    for name in ("one", "two"):
        examples = make_examples()
        card = make_card(name, "disease", examples)
        write_corpus(opened.paths.corpora / name, card, examples)
    return opened


def test_a_joined_corpus_is_on_record_and_taken_as_it_is(site):
    """By the digests of its parts, once."""
    first = join_corpora(site, ["one", "two"], "both")
    again = join_corpora(site, ["one", "two"], "both")

    assert again == first
    assert read_corpus(site.paths.corpora / "both") == (first.card, first.examples)
    [entry] = [one for one in find_entries(site, first.digest) if one["kind"] == "corpus.revised"]
    digests = [read_manifest(site.paths.corpora / name, "corpus").digest for name in ("one", "two")]
    assert [entry["facts"][f"part_{number}"] for number in (1, 2)] == digests
    assert "vocabulary" in first.card.gaps


def test_a_joined_corpus_that_a_kill_left_off_the_record_is_recorded(site, tmp_path):
    """Between its last byte and the ledger's entry nothing may come that nobody mends."""
    made = join_corpora(site, ["one", "two"], "both")
    other = init(tmp_path / "other", "air-gapped", FrozenClock())
    shutil.copytree(site.paths.corpora, other.paths.corpora, dirs_exist_ok=True)
    assert not [*find_entries(other, made.digest)]

    join_corpora(other, ["one", "two"], "both")

    assert len([*find_entries(other, made.digest)]) == 1


def test_a_name_that_is_taken_is_refused(site):
    """By a corpus that is no joined one, by one of other parts, and by half of one."""
    join_corpora(site, ["one"], "alone")
    (site.paths.corpora / "half").mkdir()

    for name in ("two", "alone", "half"):
        with pytest.raises(BadInput, match=f"another corpus {name}"):
            join_corpora(site, ["one", "two"], name)
    assert find_joined(site, "nothing") is None
