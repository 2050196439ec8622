"""Tokens are good once and for two minutes; sessions end by themselves."""

import pytest

from appliance.console import sessions as rules
from appliance.console.refusals import TOLD_S, Refusals
from appliance.console.sessions import Sessions, TooMany
from appliance.errors import Forbidden
from appliance.records.access import Identity

ANN, BEN = Identity(2001, "ann"), Identity(2002, "ben")


class Seconds:
    """A clock that stands still."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def sessions(clock):
    return Sessions(clock)


def test_a_token_signs_in_once(sessions):
    """Whoever reads it over somebody's shoulder afterwards has nothing."""
    token = sessions.issue(ANN)

    cookie, session = sessions.begin(token)

    assert session.who == ANN
    assert sessions.find(cookie) is session
    with pytest.raises(Forbidden):
        sessions.begin(token)


def test_a_token_expires(sessions, clock):
    token = sessions.issue(ANN)

    clock.at += rules.TOKEN_S

    with pytest.raises(Forbidden):
        sessions.begin(token)


def test_a_person_has_few_tokens_at_a_time(sessions):
    """The newest of them; another person's stay."""
    other = sessions.issue(BEN)
    tokens = [sessions.issue(ANN) for _ in range(7)]

    assert sessions.begin(other)[1].who == BEN
    for token in tokens[:2]:
        with pytest.raises(Forbidden):
            sessions.begin(token)
    assert {sessions.begin(token)[1].who for token in tokens[2:]} == {ANN}


@pytest.mark.parametrize("step", [rules.IDLE_S, rules.LONGEST_S / 40])
def test_a_session_ends(sessions, clock, step):
    """When it is not used for a while, and in any case after some hours."""
    cookie, _ = sessions.begin(sessions.issue(ANN))

    steps = 0
    while sessions.find(cookie) is not None:
        clock.at += step
        steps += 1
        assert steps <= 40

    assert steps == (1 if step == rules.IDLE_S else 40)


def test_a_page_that_draws_itself_keeps_nobody_signed_in(sessions, clock):
    cookie, session = sessions.begin(sessions.issue(ANN))
    clock.at += rules.IDLE_S / 2
    assert sessions.find(cookie, is_person=False) is session

    clock.at += rules.IDLE_S / 2

    assert sessions.find(cookie) is None


def test_who_signs_out_is_out(sessions):
    cookie, _ = sessions.begin(sessions.issue(ANN))

    sessions.end(cookie)

    assert sessions.find(cookie) is None
    sessions.end(cookie)


def test_guessing_is_stopped_for_a_while(sessions, clock):
    """After so many wrong ones the next are told to wait."""
    for guess in range(rules.FAILURES):
        with pytest.raises(Forbidden):
            sessions.begin(f"guess-{guess}")

    with pytest.raises(TooMany):
        sessions.begin("guess")
    clock.at += rules.WINDOW_S

    with pytest.raises(Forbidden):
        sessions.begin("guess")


def test_secrets_are_kept_as_hashes(sessions):
    """A dump of the process's objects opens nothing."""
    token = sessions.issue(ANN)
    cookie, _ = sessions.begin(sessions.issue(ANN))

    kept = repr(vars(sessions))

    assert token not in kept
    assert cookie not in kept


def test_sessions_have_secrets_of_their_own(sessions):
    one, first = sessions.begin(sessions.issue(ANN))
    two, second = sessions.begin(sessions.issue(ANN))

    assert one != two
    assert first.csrf != second.csrf


def test_whoever_guesses_keeps_nobody_out(sessions):
    """However many were wrong: a good token is good."""
    good = sessions.issue(ANN)
    for _ in range(rules.FAILURES):
        with pytest.raises(Forbidden):
            sessions.begin("guess")
    with pytest.raises(TooMany):
        sessions.begin("guess")

    assert sessions.begin(good)[1].who == ANN


def test_refusals_are_told_at_once_and_then_by_their_number(clock):
    """Each kind by itself; none of a user's hides another's."""
    refusals = Refusals(clock)

    told = [refusals.count("uid:1", "a") for _ in range(500)]
    other = [refusals.count("uid:2", "a"), refusals.count("uid:1", "b")]
    clock.at += TOLD_S

    assert told == [1] + [0] * 499
    assert other == [1, 1]
    assert refusals.count("uid:1", "a") == 500
    assert refusals.count("uid:1", "a") == 0


def test_who_is_refused_again_and_again_has_to_wait(clock):
    """Alone, and no longer than a minute."""
    refusals = Refusals(clock)
    for _ in range(rules.FAILURES):
        refusals.check("uid:1")
        refusals.count("uid:1", "a")

    with pytest.raises(TooMany):
        refusals.check("uid:1")
    refusals.check("uid:2")
    clock.at += rules.WINDOW_S
    refusals.check("uid:1")
