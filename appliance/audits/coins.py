"""What coins show of epsilon: a lower bound from one run of a training, and when it holds.

Steinke, Nasr and Jagielski 2023, arXiv:2305.08846: for each canary a fair coin of its own decides
whether training sees it. An attacker who has the adapter, and not the coins, says of some canaries
that they were in or out. Theorem 5.2 bounds how often so many guesses are right. Two things are
needed for the proof, and kept to here: the coins are independent, and which canaries are guessed
at, and how many, follows from the scores alone. So all canaries are one pool, and half of the
guesses say "in", however many were: whoever takes as many of one kind as there are of the other has
looked at the coins.
"""

import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Final

from appliance.audits.statistics import log_choose

_STEPS: Final = 60
_LARGEST_EPSILON: Final = 20.0
# Two looks, at nearly all canaries and at the surest only; each costs its share of the confidence.
_SUREST: Final = 0.2
_CONFIDENCE: Final = 1 - 0.05 / 2


def bound_by_coins(
    members: Sequence[float], others: Sequence[float], delta: float = 0.0
) -> tuple[float, int]:
    """The lower bound on epsilon with 95 % confidence, and how many guesses the wider look has.

    Args:
        members: Scores of canaries that training saw, higher for what is more familiar.
        others: Scores of those that it did not.
        delta: Of the promise.
    """
    canaries = len(members) + len(others)
    wide = _wide_look(canaries)
    looks = {wide, 2 * max(1, round(_SUREST * canaries / 2))}
    return max(
        epsilon_lower_bound(
            surest_guesses(members, others, guesses),
            guesses,
            _CONFIDENCE,
            delta=delta,
            canaries=canaries,
        )
        for guesses in looks
    ), wide


def bound_by_lots(
    members: Sequence[Sequence[float]], others: Sequence[Sequence[float]], seed: int
) -> tuple[float, int]:
    """The same for patients of whom it was drawn by lot whether their texts teach.

    No coin was tossed for each of them: their numbers are what they are. But of two patients, one
    of either side, each was as likely to be the one whose texts teach. So pairs are made, and for
    each a coin decides which of the two the attacker is shown: these coins are independent. What
    is bounded is how much it changes that all texts of one patient stand in place of another's.

    Args:
        members: Scores of the texts of each patient that training saw.
        others: Of each that it did not.
        seed: Of pairs and coins.
    """
    rng = random.Random(seed)
    pairs = min(len(members), len(others))
    shown: tuple[list[float], list[float]] = ([], [])
    for pair in zip(rng.sample(members, pairs), rng.sample(others, pairs), strict=True):
        side = rng.getrandbits(1)
        shown[side].append(fmean(pair[side]))
    return bound_by_coins(*shown)


def _wide_look(canaries: int) -> int:
    """So many guesses that whoever ranks all canaries right is wrong at none, 19 times in 20.

    Half of the canaries were in, give or take two standard deviations of so many coins.
    """
    return max(2, 2 * ((canaries - 2 * math.isqrt(canaries)) // 2))


def ceiling(guesses: int) -> float:
    """The most that so many guesses can show, all of them right."""
    return epsilon_lower_bound(guesses, guesses, _CONFIDENCE)


def epsilon_lower_bound(
    right: int,
    guesses: int,
    confidence: float = 0.95,
    *,
    delta: float = 0.0,
    canaries: int | None = None,
) -> float:
    """The largest epsilon that so many right guesses of membership speak against.

    Each canary was included by a fair coin, and an attacker guessed at some of them.

    Args:
        right: Guesses that were right.
        guesses: All guesses; abstaining is allowed and not counted.
        confidence: Of the bound.
        delta: Of the promise; what a breach of it with so small a chance can do is allowed for.
        canaries: All of them, those abstained from too; as many as guesses where left out.

    Source: Steinke, Nasr and Jagielski 2023, arXiv:2305.08846, theorem 5.2 and its appendix D.

    >>> round(epsilon_lower_bound(20, 20), 2)
    1.82
    """
    if not guesses:
        return 0.0
    among = guesses if canaries is None else canaries

    def is_refuted(epsilon: float) -> bool:
        chance = 1 / (1 + math.exp(-epsilon))
        pure = _binomial_tail(right, guesses, chance)
        if delta:
            pure += 2 * among * delta * _worst_breach(right, guesses, chance)
        return pure <= 1 - confidence

    return _largest(is_refuted) if is_refuted(0.0) else 0.0


def surest_guesses(members: Sequence[float], others: Sequence[float], guesses: int) -> int:
    """Right guesses, where the highest half of them is said to be in and the lowest to be out.

    Of equal scores those come first that make a guess wrong.

    Args:
        members: Scores of what was in.
        others: Scores of what was not.
        guesses: How many are made, even; all others are abstained from.
    """
    pooled = sorted([*((one, False) for one in members), *((one, True) for one in others)])
    half = guesses // 2
    # Ascending, a member before another of the same score.
    lowest, highest = pooled[:half], pooled[len(pooled) - half :]
    return sum(is_other for _, is_other in lowest) + sum(not is_other for _, is_other in highest)


def _largest(holds: Callable[[float], bool]) -> float:
    low, high = 0.0, _LARGEST_EPSILON
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _binomial_tail(least: int, total: int, chance: float) -> float:
    """P[X >= least]."""
    if least <= 0:
        return 1.0
    logs = (
        log_choose(total, k) + k * math.log(chance) + (total - k) * math.log1p(-chance)
        for k in range(least, total + 1)
    )
    return min(1.0, math.fsum(math.exp(one) for one in logs))


def _worst_breach(right: int, guesses: int, chance: float) -> float:
    """The most that one breach of delta adds, over all numbers of guesses it could turn right."""
    worst = total = 0.0
    for turned in range(1, right + 1):
        k = right - turned
        log = log_choose(guesses, k) + k * math.log(chance) + (guesses - k) * math.log1p(-chance)
        total += math.exp(log)
        worst = max(worst, total / turned)
    return worst
