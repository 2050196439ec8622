"""Intervals and tests: small, exact where the counts are small, each with its source."""

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

from appliance.gate.benchmark import wilson
from appliance.records.audits import Estimate


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
        log_choose(total, k) + log_choose(control_total, marked - k)
        for k in range(hits, most + 1)
        if marked - k <= control_total
    ]
    return min(1.0, sum(math.exp(one - log_choose(size, marked)) for one in logs))


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


def log_choose(total: int, k: int) -> float:
    """The logarithm of the number of ways to choose k of so many; minus infinity for none."""
    if not 0 <= k <= total:
        return -math.inf
    return math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
