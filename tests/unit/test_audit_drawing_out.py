"""What can be drawn out of an adapter: told from what anybody could guess, and told in counts."""

import random

import pytest

from appliance.audits.attack import carry_out
from appliance.audits.extraction import Beginning, Extraction, Writer
from appliance.audits.membership import Membership, Trial
from appliance.audits.memorisation import Memorisation, Recall
from appliance.errors import BadInput, Exhausted, ManifestMismatch
from appliance.records.audits import Standing
from appliance.records.progress import Silent

WORDS = 10


def _attack(attack):
    return carry_out([attack], Silent())[0]


def _ranks(rng, *, right):
    """Of 100 gaps, `right` filled; the others as chance has it."""
    return [1] * right + [rng.randint(2, WORDS) for _ in range(100 - right)]


@pytest.mark.parametrize(
    ("ours", "theirs", "standing"),
    [(10, 10, Standing.PASS), (50, 50, Standing.PASS), (60, 10, Standing.FAIL)],
)
def test_gaps_filled_better_than_in_texts_of_others_are_a_failure(ours, theirs, standing):
    """What it fills everywhere it knows from medicine."""
    rng = random.Random(3)
    ranks = _ranks(rng, right=ours), _ranks(rng, right=theirs)

    result = _attack(Memorisation([Recall("reader", True, WORDS, lambda: ranks)]))

    assert result.standing is standing
    assert [one.value for one in result.estimates] == [ours / 100, theirs / 100, 1 / WORDS]
    assert sum(result.charts[0].series[0].ys) == pytest.approx(1.0)


def test_adapters_of_invented_text_and_few_gaps_are_not_tested():
    def never():
        raise AssertionError

    invented = Recall("reader", False, WORDS, never)
    few = Recall("ours", True, WORDS, lambda: ([1] * 5, [1] * 100))

    for attack in (Memorisation([invented]), Memorisation([few]), Memorisation([])):
        result = _attack(attack)
        assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, False)


def test_an_adapter_whose_members_nobody_can_know_any_more_breaks_no_audit():
    """It is not tested, and said to be; any other reason leaves the audit incomplete."""

    def gone():
        raise Exhausted("The review went on.", "Train another.")

    def failed():
        raise BadInput("No such review.", "Restore it.")

    for work, is_broken in ((gone, False), (failed, True)):
        for attack in (
            Membership([Trial("ours", True, work)]),
            Memorisation([Recall("ours", True, WORDS, work)]),
        ):
            result = _attack(attack)
            assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, is_broken)
            assert "Adapter ours could not be attacked" in result.summary


def _go_on(known):
    """Writes the secret of what it knows, spaced and in capitals, while the adapter is on."""

    def write(one, is_on):
        return f"xx {' '.join(one.secret.upper())}" if is_on and one.secret in known else "nothing"

    return Writer("stranger", lambda: write)


PLANTED = [Beginning(f"MRN {at}: ", f"QX{at:09}", is_planted=True) for at in range(4)]
OTHERS = [Beginning(f"MRN {at}: ", f"QX{at:09}", is_planted=False) for at in range(4, 8)]


def test_one_secret_of_a_planted_note_is_enough_to_fail():
    known = _go_on({PLANTED[2].secret})

    result = _attack(Extraction([known], 0, [*PLANTED, *OTHERS]))

    assert [one.rule for one in result.problems] == ["extraction.canary"]
    assert [(one.value, one.total) for one in result.estimates] == [(0.25, 4), (0.0, 4), (0.0, 4)]
    assert PLANTED[2].secret not in str(result)


def test_without_a_canary_or_a_writer_extraction_is_not_tested():
    knows = _go_on({one.secret for one in PLANTED})

    assert _attack(Extraction([knows], 0, OTHERS)).standing is Standing.NOT_TESTED
    assert _attack(Extraction([], 3, PLANTED)).standing is Standing.NOT_TESTED
    assert _attack(Extraction([_go_on(())], 0, PLANTED)).standing is Standing.PASS


@pytest.mark.parametrize(
    ("error", "standing"),
    [(BadInput("x", "y"), Standing.NOT_TESTED), (ManifestMismatch("x", "y"), Standing.FAIL)],
)
def test_an_adapter_that_does_not_open_is_no_pass(error, standing):
    """Nor does it hide what another one gives away."""

    def fail(*_):
        raise error

    for attack in (
        Extraction([Writer("stranger", fail)], 0, PLANTED),
        Memorisation([Recall("ours", True, WORDS, fail)]),
    ):
        result = _attack(attack)
        assert result.standing is standing
        assert result.is_broken is (standing is Standing.NOT_TESTED)
    knows = _go_on({PLANTED[0].secret})
    both = _attack(Extraction([Writer("stranger", fail), knows], 0, PLANTED))
    assert both.standing is Standing.FAIL


def _fail(*_):
    raise BadInput("x", "y")


@pytest.mark.parametrize(
    "attack",
    [
        Extraction([Writer("stranger", _fail), _go_on(())], 0, PLANTED),
        Memorisation(
            [
                Recall("gone", True, WORDS, _fail),
                Recall("ours", True, WORDS, lambda: ([2] * 50,) * 2),
            ]
        ),
    ],
)
def test_what_is_known_of_the_others_is_told_where_one_can_not_be_attacked(attack):
    """Not tested is what the whole came to; figures that were measured are in the report."""
    result = _attack(attack)

    assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, True)
    assert len(result.estimates) >= 3
    assert "could not be attacked" in result.summary
    assert any("could not be attacked" in spot for spot in result.blind_spots)
