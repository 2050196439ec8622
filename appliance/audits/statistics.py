"""Intervals, tests and bounds: small, exact where the counts are small, each with its source."""

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from appliance.gate.benchmark import wilson
from appliance.records.audits import Estimate

_STEPS: Final = 60
_LARGEST_EPSILON: Final = 20.0


def share(name: str, hits: int, total: int) -> Estimate:
    """The share with its 95 % interval (Wilson 1927); exact (Clopper & Pearson 1934) for none.

    None of n never means zero: the upper bound is then 1 - 0.025^(1/n), about 3.7 / n.
    """
    rate = wilson(hits, total)
    if total and not hits:
        return Estimate(name, 0.0, 0.0, 1 - 0.025 ** (1 / total), total)
    return Estimate(name, rate.value, rate.ci_low, rate.ci_high, total)


def fisher_greater(hits: int, total: int, control_hits: int, control_total: int) -> float:
    """The chance of so many hits or more, if both groups had the same rate.

    Source: Fisher's exact test, one-sided (hypergeometric tail).

    >>> round(fisher_greater(3, 3, 0, 3), 3)
    0.05
    """
    marked, size = hits + control_hits, total + control_total
    most = min(marked, total)
    logs = [
        _log_choose(total, k) + _log_choose(control_total, marked - k)
        for k in range(hits, most + 1)
        if marked - k <= control_total
    ]
    return min(1.0, sum(math.exp(one - _log_choose(size, marked)) for one in logs))


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


def area_under_curve(members: Sequence[float], others: Sequence[float]) -> float:
    """The chance that a member's score is above another's (Mann & Whitney 1947)."""
    ranked = sorted(others)
    below = sum(
        (bisect_left(ranked, score) + bisect_left(ranked, math.nextafter(score, math.inf))) / 2
        for score in members
    )
    return below / (len(members) * len(others))


def hit_rate_at(members: Sequence[float], others: Sequence[float], false_alarms: float) -> float:
    """The share of members found where at most `false_alarms` of the others are taken for members.

    Source: Carlini et al. 2022, "Membership inference attacks from first principles".
    """
    allowed = math.floor(false_alarms * len(others))
    bar = sorted(others, reverse=True)[allowed] if allowed < len(others) else -math.inf
    return sum(score > bar for score in members) / len(members)


def bootstrap(
    groups: Sequence[Sequence[float]],
    controls: Sequence[Sequence[float]],
    measure: Callable[[Sequence[float], Sequence[float]], float],
    rounds: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % percentile interval of a measure, patients drawn anew and never their notes.

    Args:
        groups: The members' scores, one group per patient.
        controls: The others' scores, one group per patient.
        measure: Of all members' and all others' scores.
        rounds: Draws.
        seed: Of the draws.

    Source: cluster bootstrap, Davison & Hinkley 1997, 3.8.
    """
    rng = random.Random(seed)
    drawn = sorted(
        measure(
            [one for group in rng.choices(groups, k=len(groups)) for one in group],
            [one for group in rng.choices(controls, k=len(controls)) for one in group],
        )
        for _ in range(rounds)
    )
    return drawn[int(0.025 * rounds)], drawn[min(rounds - 1, int(0.975 * rounds))]


def shares_by_edge(values: Sequence[int], edges: Sequence[int]) -> tuple[float, ...]:
    """The share of the values from each edge up to the next; the last takes all above it.

    Args:
        values: None below the first edge.
        edges: Ascending.
    """
    found = Counter(max(edge for edge in edges if edge <= value) for value in values)
    return tuple(found[edge] / max(1, len(values)) for edge in edges)


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
        _log_choose(total, k) + k * math.log(chance) + (total - k) * math.log1p(-chance)
        for k in range(least, total + 1)
    )
    return min(1.0, math.fsum(math.exp(one) for one in logs))


def _worst_breach(right: int, guesses: int, chance: float) -> float:
    """The most that one breach of delta adds, over all numbers of guesses it could turn right."""
    worst = total = 0.0
    for turned in range(1, right + 1):
        k = right - turned
        log = _log_choose(guesses, k) + k * math.log(chance) + (guesses - k) * math.log1p(-chance)
        total += math.exp(log)
        worst = max(worst, total / turned)
    return worst


def _log_choose(total: int, k: int) -> float:
    if not 0 <= k <= total:
        return -math.inf
    return math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
