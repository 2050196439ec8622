"""Coins of an audit: fair, the same every time, and told to nobody who has no key."""

from appliance.learning.tuning.coins import LEAST, MOST, NONE, toss

KEY = b"k" * 32


def test_coins_fall_the_same_way_again_and_otherwise_for_anything_else():
    coins = toss(KEY, "reader", "c" * 64, 2_000)

    assert coins == toss(KEY, "reader", "c" * 64, 2_000)
    others = [
        toss(b"l" * 32, "reader", "c" * 64, 2_000),
        toss(KEY, "writer", "c" * 64, 2_000),
        toss(KEY, "reader", "d" * 64, 2_000),
        toss(KEY, "reader", "c" * 64, 2_010),
    ]
    assert all(other.switches() != coins.switches() for other in others)


def test_a_coin_is_tossed_for_a_tenth_of_the_rows_and_each_falls_on_one_side():
    coins = toss(KEY, "reader", "c" * 64, 2_000)

    assert len(coins.seen) + len(coins.left_out) == 200
    assert len({*coins.seen, *coins.left_out}) == 200
    assert max(*coins.seen, *coins.left_out) < 2_000
    assert len(toss(KEY, "reader", "c" * 64, 10**6).seen) < MOST


def test_the_coins_are_fair():
    """Of 40 adapters' 8,000 coins no more fall on one side than chance has it (5 sigma)."""
    seen = sum(len(toss(KEY, f"a{number}", "c" * 64, 2_000).seen) for number in range(40))

    assert abs(seen - 4_000) < 5 * (8_000 / 4) ** 0.5


def test_where_few_rows_are_none_is_left_out():
    coins = toss(KEY, "reader", "c" * 64, 10 * LEAST - 1)

    assert coins == NONE
    assert coins.switches() == {}
    assert toss(KEY, "reader", "c" * 64, 10 * LEAST) != NONE


def test_the_card_tells_how_many_and_not_which():
    coins = toss(KEY, "reader", "c" * 64, 2_000)

    count, digest = coins.switches()["coins"].split()
    assert count == "200"
    assert len(digest) == 16
