"""A promise of differential privacy is held to by coins, and what coins can't show is said."""

import pytest

from appliance.audits.attack import carry_out
from appliance.audits.membership import Membership, Trial
from appliance.errors import ManifestMismatch, SiteError
from appliance.learning.tuning.coins import SWITCH, toss
from appliance.records.audits import Standing
from appliance.records.progress import Silent

SEEN = [[1.0 + number / 100] for number in range(40)]
UNSEEN = [[-1.0 - number / 100] for number in range(40)]


def _coined(epsilon, score=lambda: (SEEN, UNSEEN)):
    return Trial("private", False, score, epsilon=epsilon, delta=1e-6, is_coined=True)


def _attack(*trials):
    [result] = carry_out([Membership(trials)], Silent())
    return result


def test_a_promise_that_does_not_hold_is_found_where_no_note_was_learned_from_either():
    """Every coin guessed right speaks against a small epsilon."""
    result = _attack(_coined(1.0))

    assert result.standing is Standing.FAIL
    assert [one.rule for one in result.problems] == ["membership.epsilon"]


def test_a_promise_that_these_coins_could_not_refute_is_said_to_be_one():
    """Whatever the attack: so few guesses show no more."""
    result = _attack(_coined(8.0))

    assert result.standing is Standing.PASS
    assert any("could not be refuted" in one for one in result.blind_spots)
    assert not any("could not be refuted" in one for one in _attack(_coined(1.0)).blind_spots)


def test_a_promise_that_was_not_tested_is_not_hidden_by_another_adapter():
    def gone():
        raise SiteError("The coins can't be tossed again.")

    alike = _coined(8.0, lambda: (SEEN, SEEN))

    assert _attack(alike).standing is Standing.PASS
    assert _attack(alike, _coined(8.0, gone)).standing is Standing.NOT_TESTED


def test_a_fault_of_the_bytes_ends_the_attack():
    def broken():
        raise ManifestMismatch("The adapter differs from what was written.")

    with pytest.raises(ManifestMismatch):
        Membership([_coined(1.0, broken)]).run(Silent())


def test_what_a_card_tells_of_the_coins_needs_the_sites_key():
    """Else whoever knows all coins but one could try both ways that it may have fallen."""
    mine, other = (toss(key * 32, "private", "d" * 64, 700) for key in (b"a", b"b"))

    assert mine.switches() == toss(b"a" * 32, "private", "d" * 64, 700).switches()
    assert mine.switches()[SWITCH].split()[0] == other.switches()[SWITCH].split()[0] == "70"
    assert len(mine.mark) == 16
    assert mine.mark != other.mark
