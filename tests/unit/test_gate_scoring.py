"""The gate's score: what a span's being touched, covered or alarmed for nothing means."""

import pytest

from appliance.errors import BadInput
from appliance.gate.benchmark import score_gate, wilson
from appliance.gate.vocabulary import Terms, load_terms
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span
from appliance.records.verdicts import Decision, Hit, Verdict


def _verdict(*stretches):
    hits = tuple(Hit(start, end, "PERSON", 0.9, "x") for start, end in stretches)
    return Verdict(Decision.DENY if hits else Decision.ALLOW, hits, (), "", "0" * 64)


def test_touched_covered_precise_and_alarmed():
    """Letters and digits count; blanks between them do not."""
    gold = [
        GoldDocument("a", "Jane Roe, 40, Ohio", (Span(0, 8, "NAME"), Span(14, 18, "PLACE"))),
        GoldDocument("b", "Jane Roe", (Span(0, 8, "NAME"),)),
        GoldDocument("c", "asthma", ()),
        GoldDocument("d", "fever", ()),
    ]
    verdicts = [_verdict((0, 4), (5, 8), (10, 12)), _verdict((0, 4)), _verdict((0, 6)), _verdict()]

    score = score_gate(gold, verdicts)

    assert (score.touched.hits, score.touched.total) == (2, 3)
    assert (score.covered.hits, score.covered.total) == (1, 3)
    assert (score.precise.hits, score.precise.total) == (11, 13)
    assert (score.denied.hits, score.denied.total) == (2, 2)
    assert (score.leak_free.hits, score.leak_free.total) == (0, 2)
    assert (score.false_alarms.hits, score.false_alarms.total) == (1, 2)
    assert {label: rate.hits for label, rate in score.touched_by_label.items()} == {
        "NAME": 2,
        "PLACE": 0,
    }


def test_an_interval_holds_its_share():
    """Wilson's interval stays within 0 and 1 and is None of nothing."""
    rate = wilson(1, 10)

    assert 0 < rate.ci_low < rate.value == 0.1 < rate.ci_high < 1
    assert wilson(10, 10).ci_high == pytest.approx(1)
    assert wilson(0, 0).value is None


def test_a_term_that_stands_there_twice_is_found_at_its_place():
    """Whole words only, and around the alarm."""
    terms = Terms(["Marden syndrome", "two"])
    text = "Marden syndromes, no; a Marden syndrome, yes."

    assert not terms.covers(text, 0, 6)
    assert terms.covers(text, 24, 30)
    assert not terms.covers(text, 15, 17)


def test_a_vocabulary_that_can_not_be_read_opens_nothing(tmp_path):
    """Not UTF-8, or not a file."""
    (tmp_path / "disease.tsv").write_bytes(b"term\n\xff\n")
    with pytest.raises(BadInput, match="UTF-8"):
        load_terms(tmp_path)

    (tmp_path / "disease.tsv").unlink()
    (tmp_path / "disease.tsv").mkdir()
    with pytest.raises(BadInput, match="can't be read"):
        load_terms(tmp_path)
