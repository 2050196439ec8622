"""Which findings are looked at as pairs, and that relations are kept as findings are."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.clinical.assertion.sentences import sentences_of
from appliance.clinical.extraction.formats import (
    OutputFormat,
    decode_relations,
    encode_relations,
)
from appliance.clinical.extraction.pairing import MOST_PAIRS, CombinedLabeller, PairFinder
from appliance.clinical.extraction.parts import Plan, read_card
from appliance.clinical.extraction.reading import open_findings, open_relations
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.records.findings import RelationFinding
from appliance.records.identifiers import Digest, NoteId
from appliance.records.notes import SourceNote
from appliance.records.spans import UNRELATED, ScoredSpan, Span
from appliance.records.tasks import Term, Vocabulary
from tests.lib import read_site

TREATS = frozenset({("Drug", "Disease")})


class Yes:
    """Relates every pair, and remembers what it was shown."""

    def __init__(self, *scores):
        self.shown = []
        self.scores = scores

    def classify_pairs(self, pairs):
        self.shown += pairs
        return [
            ("treats", score) for score, _ in zip(itertools.cycle(self.scores or (0.5,)), pairs)
        ]


def spans_of(text, **labels):
    """Every word that is named, with its label, in order."""
    found = []
    for word, label in labels.items():
        at = text.find(word)
        while at >= 0:
            found.append(ScoredSpan(Span(at, at + len(word), label), 1.0))
            at = text.find(word, at + 1)
    return sorted(found)


def words(text, related):
    return [(text[h.start : h.end], text[t.start : t.end]) for h, t, *_ in related]


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (0, [("aspirin", "fever")]),
        (1, [("aspirin", "fever"), ("aspirin", "gout"), ("codeine", "gout")]),
    ],
)
def test_pairs_are_of_one_sentence_or_of_as_many_as_the_site_says(sentences, expected):
    """By type, in either order, with offsets of the note."""
    text = "He took aspirin for fever. He has gout. Nothing else. Codeine was codeine."
    spans = spans_of(text, aspirin="Drug", codeine="Drug", fever="Disease", gout="Disease")
    if sentences:
        text = text.replace(" Nothing else.", "")
        spans = spans_of(text, aspirin="Drug", codeine="Drug", fever="Disease", gout="Disease")

    [found] = PairFinder(Yes(), TREATS, sentences).find([text], [spans])

    assert words(text, found.related) == expected
    assert (found.judged, found.left_out) == (len(expected), 0)


def test_the_judge_sees_the_sentence_and_the_ends_in_it():
    """What stands before is not shown, and the note's offsets are not what it is given."""
    text = "Seen today. He took aspirin for fever. Gone."
    judge = Yes()

    PairFinder(judge, TREATS, 0).find([text], [spans_of(text, aspirin="Drug", fever="Disease")])

    [(shown, head, tail)] = judge.shown
    assert shown.strip() == "He took aspirin for fever."
    assert (shown[head.start : head.end], shown[tail.start : tail.end]) == ("aspirin", "fever")


def test_of_two_directions_the_surer_one_stands():
    """Where a relation joins a type with itself, nobody knows which end is the head."""
    text = "aspirin and codeine"
    spans = spans_of(text, aspirin="Drug", codeine="Drug")

    for scores, expected in (((0.6, 0.9), "codeine"), ((0.9, 0.6), "aspirin")):
        finder = PairFinder(Yes(*scores), frozenset({("Drug", "Drug")}), 0)
        [found] = finder.find([text], [spans])
        assert [pair[0] for pair in words(text, found.related)] == [expected]
        assert found.judged == 2


def test_a_long_list_is_bounded_and_what_is_left_out_is_counted():
    """Neighbours first."""
    text = " ".join(f"d{n:03} x{n:03}" for n in range(90))
    spans = [
        ScoredSpan(Span(at, at + 4, "Drug" if text[at] == "d" else "Disease"), 1.0)
        for at in range(0, len(text), 5)
    ]

    [found] = PairFinder(Yes(), TREATS, 0).find([text], [spans])

    assert found.judged == len(found.related) == MOST_PAIRS
    assert found.left_out == 90 * 90 - MOST_PAIRS
    assert max(abs(head.start - tail.start) for head, tail, *_ in found.related) < 100


def test_ends_that_are_pages_apart_are_left_out():
    """In what has no stop; the words around a pair are bounded too."""
    text = "aspirin " + "word " * 2_000 + "fever aspirin " + "word " * 2_000
    judge = Yes()
    spans = spans_of(text, aspirin="Drug", fever="Disease")

    [found] = PairFinder(judge, TREATS, 0).find([text], [spans])

    assert (found.judged, found.left_out) == (1, 1)
    [(shown, head, _)] = judge.shown
    assert len(shown) < 5_000
    assert shown[head.start : head.end] == "aspirin"


@given(
    st.lists(
        st.tuples(st.sampled_from(["Drug", "Disease", "Gene"]), st.sampled_from(" .")), max_size=12
    ),
    st.integers(0, 2),
    st.sets(st.tuples(*[st.sampled_from(["Drug", "Disease"])] * 2), min_size=1),
)
def test_every_pair_in_reach_is_looked_at_once(made, sentences, types):
    """Beside a search that tries all."""
    text, spans = "", []
    for label, end in made:
        spans.append(ScoredSpan(Span(len(text), len(text) + 3, label), 1.0))
        text += f"Abc{end.strip()} "
    judge = Yes()

    [found] = PairFinder(judge, frozenset(types), sentences).find([text], [spans])

    bounds = sentences_of(text)
    number = {
        one.span: next(n for n, (_, end) in enumerate(bounds) if one.span.start < end)
        for one in spans
    }
    expected = sum(
        (one.label, two.label) in types and abs(number[one] - number[two]) <= sentences
        for one, two in itertools.permutations(number, 2)
    )
    assert (found.judged, found.left_out) == (expected, 0) == (len(judge.shown), 0)


def test_unrelated_pairs_are_no_findings():
    """They are counted as judged."""

    class No:
        def classify_pairs(self, pairs):
            return [(UNRELATED, 0.9) for _ in pairs]

    text = "aspirin for fever"
    spans = spans_of(text, aspirin="Drug", fever="Disease")

    [found] = PairFinder(No(), TREATS, 0).find([text], [spans])

    assert (found.related, found.judged) == ((), 1)


def test_of_labellers_that_overlap_the_first_is_believed():
    class Fixed:
        def __init__(self, *spans):
            self.spans = tuple(ScoredSpan(span, 1.0) for span in spans)

        def label(self, texts):
            return [self.spans for _ in texts]

    one, two = Fixed(Span(5, 9, "A")), Fixed(Span(0, 3, "B"), Span(8, 12, "B"))

    [found] = CombinedLabeller([one, two]).label(["a text of some length"])

    assert [scored.span for scored in found] == [Span(0, 3, "B"), Span(5, 9, "A")]


def test_abbreviations_are_looked_up_as_they_are_written():
    """In notes "all" is no leukaemia; the free baseline does not ask."""
    terms = (
        Term("acute lymphoblastic leukemia", (), ("ALL",), "Disease"),
        Term("gout", (), (), "Disease"),
    )
    vocabulary = Vocabulary("s", terms, Digest("0" * 64))
    texts = ["all have Gout and ALL"]

    [strict] = DictionaryLabeller(vocabulary, strict_short=True).label(texts)
    [free] = DictionaryLabeller(vocabulary).label(texts)

    assert [texts[0][s.span.start : s.span.end] for s in strict] == ["Gout", "ALL"]
    assert [texts[0][s.span.start : s.span.end] for s in free] == ["all", "Gout", "ALL"]


@pytest.mark.parametrize("output", list(OutputFormat))
def test_relations_come_back_from_the_disk_as_they_were(output):
    made = [
        RelationFinding(NoteId("n-1"), Span(0, 3, "Drug"), Span(9, 12, "Disease"), "treats", 0.75),
        RelationFinding(NoteId("n-2"), Span(9, 12, "Drug"), Span(0, 3, "Disease"), "treats", 0.5),
    ]

    assert decode_relations(encode_relations(made, output), output) == made
    assert decode_relations(encode_relations([], output), output) == []


@pytest.fixture
def site(tmp_path):
    texts = ("Took aspirin for fever.", "No aspirin. Fever.", "aspirin for gout, aspirin")
    return read_site.make_site(
        tmp_path / "site",
        (SourceNote(f"s-{n}", f"p-{n}", "letter", "", texts[n % 3]) for n in range(40)),
    )


@pytest.mark.parametrize("output", list(OutputFormat))
def test_relations_are_written_once_beside_their_parts(site, output):
    """Their ends are findings; the card counts what the files hold, and what was looked at."""
    card = read_site.read_notes(site, "f", output, with_pairs=True)

    directory = site.paths.findings / "f"
    notes = dict(open_findings(directory)[1])
    relations = dict(open_relations(directory))
    assert len(list(directory.glob("relations-*"))) == len(list(directory.glob("part-*"))) == 3
    assert card.relations == {"treats": 27}
    assert sum(map(len, relations.values())) == 27
    assert card.pairs == {"judged": 40, "left-out": 0}
    assert card.found_by == {"list": "0" * 64}
    for note_id, found in relations.items():
        places = {Span(one.start, one.end, one.label) for one in notes[note_id]}
        assert all({one.head, one.tail} <= places for one in found)


def test_a_part_without_its_relations_is_not_done(site, monkeypatch):
    """Killed between the two files, or with one of them changed, it is made again, the same."""
    from appliance.clinical.extraction import parts as module

    read_site.read_notes(site, "whole", with_pairs=True)
    real = module.write_atomically

    def dying(path, content, mode=0o600):
        if path.name == "relations-00001.parquet":
            raise KeyboardInterrupt
        real(path, content, mode)

    monkeypatch.setattr(module, "write_atomically", dying)
    with pytest.raises(KeyboardInterrupt):
        read_site.read_notes(site, "f", with_pairs=True)
    monkeypatch.setattr(module, "write_atomically", real)
    draft = site.paths.findings / ".f.partial"
    (draft / "relations-00000.parquet").write_bytes(b"changed")

    card = read_site.read_notes(site, "f", with_pairs=True)

    files = [
        {path.name: path.read_bytes() for path in (site.paths.findings / name).glob("*-0*.parquet")}
        for name in ("whole", "f")
    ]
    assert files[0] == files[1]
    assert card.relations == read_card(site.paths.findings / "whole").relations


def test_a_plan_without_pairs_is_what_it_was():
    """The digest of 0.1's plans: what they finished is found finished."""
    plan = Plan("a", Digest("d"), "128", Digest("s"), 60, 5, 20, OutputFormat.PARQUET)
    with_pairs = Plan(
        *("a", Digest("d"), "128", Digest("s"), 60, 5, 20, OutputFormat.PARQUET),
        found_by=(("x", "y"),),
    )

    assert plan.digest == "d3a97a394502995d3603268975e981c6ace2dc4bde9121b7e2d8561907bb8186"
    assert with_pairs.digest != plan.digest


def test_counts_hold_for_labels_too(site):
    """Pairs change nothing of what is found."""
    plain = read_site.read_notes(site, "plain")
    card = read_site.read_notes(site, "f", with_pairs=True)

    assert card.labels == plain.labels
    assert Counter(plain.relations) == Counter()
    assert not list((site.paths.findings / "plain").glob("relations-*"))
