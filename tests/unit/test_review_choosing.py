"""What a person is asked to read: a sample that speaks for all notes, and whole passages."""

from collections import Counter
from statistics import mean

import numpy as np
import pytest

from appliance.clinical.reviewing.choosing import (
    LeastSure,
    Stratum,
    choose_unsure,
    draw,
    passage,
)
from appliance.learning.evaluation.sampled import estimate, gain
from appliance.records.identifiers import NoteId

OWNERS = {NoteId(f"n-{number}"): f"p-{number // 3}" for number in range(300)}
LEAST = {
    note: LeastSure(0.5 + (number * 37 % 100) / 200, 0, 4)
    for number, note in enumerate(OWNERS)
    if number % 4 == 0
}


def test_the_same_seed_draws_the_same_notes_and_another_draws_others():
    one, again, other = (draw(OWNERS, LEAST, 40, seed) for seed in (1, 1, 2))

    assert list(one.drawn) == list(again.drawn)
    assert one.drawn.keys() != other.drawn.keys()
    assert len(one.drawn) == len(other.drawn) == 40


def test_each_stratum_gives_a_tenth_at_least():
    """Also one that is rare: what is never drawn tells nothing."""
    least = dict(list(LEAST.items())[:6])

    sample = draw(OWNERS, least, 30, 0)

    assert sum(sample.sizes.values()) == len(OWNERS)
    assert min(Counter(sample.drawn.values())[one] for one in Stratum) >= 3


def test_a_sample_is_never_larger_than_what_there_is():
    assert len(draw(OWNERS, LEAST, 10_000, 0).drawn) == len(OWNERS)
    assert not draw({}, {}, 10, 0).drawn
    assert len(draw(OWNERS, LEAST, 1, 0).drawn) == 1


def test_within_a_stratum_every_note_has_the_same_chance():
    """Over 120 lots each note is drawn about as often as its stratum's share says."""
    lots = 120
    drawn = Counter(note for seed in range(lots) for note in draw(OWNERS, LEAST, 40, seed).drawn)

    one = draw(OWNERS, LEAST, 40, 0)
    shares = Counter(one.drawn.values())
    for note, stratum in draw(OWNERS, LEAST, len(OWNERS), 0).drawn.items():
        expected = lots * shares[stratum] / one.sizes[stratum]
        # Six standard deviations of a binomial count.
        assert abs(drawn[note] - expected) < 6 * expected**0.5


@pytest.mark.parametrize("found_in", [len(LEAST), len(LEAST) // 6], ids=["often", "seldom"])
def test_an_estimate_from_samples_is_right_on_average(found_in):
    """Weighted by its stratum, a sample gives recall, precision and F1 of all notes."""
    least = dict(list(LEAST.items())[:found_in])
    counts = {note: _counts(number, note in least) for number, note in enumerate(OWNERS)}
    total = np.sum(list(counts.values()), axis=0)
    estimates = []

    for seed in range(60):
        sample = draw(OWNERS, least, 60, seed)
        read = Counter(stratum.value for stratum in sample.drawn.values())
        weights = [sample.sizes[one] / read[one] for one in sample.drawn.values()]
        rows = np.array([counts[note] for note in sample.drawn])
        owners = [OWNERS[note] for note in sample.drawn]
        estimates.append(estimate(rows, np.array(weights), owners))

    of = {"precision": total[1], "recall": total[2], "f1": (total[1] + total[2]) / 2}
    for name, below in of.items():
        truth = total[0] / below
        figures = [getattr(one, name) for one in estimates]
        assert mean(one.value for one in figures) == pytest.approx(truth, abs=0.02)
        covered = mean(float(one.ci_low <= truth <= one.ci_high) for one in figures)
        assert covered > 0.88


def _counts(number, is_found):
    """True positives, predicted and gold of a note: misses stand where nothing was found too."""
    if not is_found:
        return 0, 0, int(number % 5 == 1)
    return int(number % 12 != 0), 2, 1 + number % 3


def test_where_everything_is_right_the_interval_still_says_how_little_was_read():
    counts = np.array([[1, 1, 1]] * 5)

    few = estimate(counts, np.ones(5), ["a", "b", "c", "d", "e"])
    one = estimate(counts, np.ones(5), ["a"] * 5)

    assert few.precision.value == 1.0
    assert 0.5 < few.precision.ci_low < 0.6
    assert one.precision.ci_low < few.precision.ci_low


def test_of_nothing_nothing_is_known():
    none = estimate(np.zeros((2, 3), np.int64), np.ones(2), ["a", "b"])

    assert (none.recall.ci_low, none.recall.ci_high) == (0.0, 1.0)


def test_a_gain_is_measured_on_the_same_patients():
    """Two adapters that differ on every note by the same differ surely."""
    counts, others = np.array([[2, 2, 2]] * 6), np.array([[1, 2, 2]] * 6)

    figure = gain(counts, others, np.ones(6), list("abcdef"))

    assert figure.value == figure.ci_low == figure.ci_high == 0.5


def test_no_patient_is_on_both_sides():
    """Those drawn by lot are what is measured by; none of them teaches."""
    sample = draw(OWNERS, LEAST, 40, 0)
    taken = {OWNERS[note] for note in sample.drawn}

    chosen = choose_unsure(OWNERS, LEAST, taken, 20, 0)

    owners = [OWNERS[note] for note in chosen]
    assert taken.isdisjoint(owners)
    assert len(set(owners)) == len(chosen) == 20


def test_the_least_sure_come_first():
    chosen = choose_unsure(OWNERS, LEAST, set(), 10, 0)

    best = {}
    for note, one in LEAST.items():
        best[OWNERS[note]] = min(best.get(OWNERS[note], 1.0), one.score)
    assert [LEAST[note].score for note in chosen] == sorted(best.values())[:10]


TEXT = "No fever today.  Mild asthma is known. Dr. Ada saw gout; it hurts."


@pytest.mark.parametrize(
    ("words", "found", "expected"),
    [
        ("asthma", [], "Mild asthma is known."),
        ("fever", [], "No fever today."),
        ("hurts", [], "it hurts."),
        # What was found across a cut keeps both sides together.
        ("asthma", ["known. Dr."], "Mild asthma is known. Dr. Ada saw gout;"),
    ],
)
def test_a_passage_is_whole_sentences(words, found, expected):
    start = TEXT.index(words)
    places = [(TEXT.index(one), TEXT.index(one) + len(one)) for one in (words, *found)]

    first, last = passage(TEXT, (start, start + len(words)), places)

    assert TEXT[first:last] == expected
