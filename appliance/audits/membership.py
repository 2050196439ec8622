"""Membership: whether an adapter tells which texts it was trained on.

Its likelihood of a text's own labels is compared between texts that it saw and texts of other
patients that it did not see. An adapter that treats both alike gives nothing away this way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from appliance.audits.attack import conclude, not_tested
from appliance.audits.statistics import (
    area_under_curve,
    bootstrap,
    epsilon_lower_bound,
    hit_rate_at,
)
from appliance.errors import ApplianceError, IntegrityError
from appliance.records.audits import AttackResult, Chart, Estimate, Problem, Series
from appliance.records.progress import Progress

LOW: Final = (0.001, 0.01)
"""False alarms at which hit rates are told (Carlini et al. 2022)."""
# An adapter of site text may find members so much better than chance, and no more.
_MOST_HITS_AT_1_PERCENT: Final = 0.05
_FEWEST: Final = 20
Groups = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One adapter under attack.

    Attributes:
        name: Of the adapter.
        is_site_only: Whether its card says that it was derived from notes.
        score: Gives members' and others' scores, higher for what is more familiar; one group per
            patient, or per text where no text belongs to anybody. Raises where it can't.
        epsilon: Upper bound that training with differential privacy guarantees; None without.
    """

    name: str
    is_site_only: bool
    score: Callable[[], tuple[Groups, Groups]] = field(repr=False)
    epsilon: float | None = None


class Membership:
    """Attacks adapters that were trained on site text; an `Attack`.

    Args:
        trials: All adapters.
        seed: Of the bootstrap.
    """

    name = "membership"
    claim = "No adapter tells which notes it was trained on."

    def __init__(self, trials: Sequence[Trial], seed: int = 0) -> None:
        self._trials = trials
        self._seed = seed

    def run(self, progress: Progress) -> AttackResult:
        """Each adapter of site text, members against others."""
        subjects = [trial for trial in self._trials if trial.is_site_only]
        if not self._trials:
            return not_tested(self, "There is no adapter.")
        if not subjects:
            return not_tested(
                self,
                f"None of the {len(self._trials)} adapters was trained on site text: their cards "
                "say so, and provenance leads each to a corpus that was invented here.",
            )
        progress.begin(self.name, len(subjects))
        problems: list[Problem] = []
        estimates: list[Estimate] = []
        charts: list[Chart] = []
        skipped: list[str] = []
        fewest, is_broken = 0, False
        for trial in subjects:
            try:
                members, others = trial.score()
            except IntegrityError:
                raise
            except ApplianceError as error:
                skipped.append(f"Adapter {trial.name} could not be attacked: {error.what}")
                is_broken = True
                continue
            if min(len(members), len(others)) < _FEWEST:
                skipped.append(f"Adapter {trial.name} has fewer than {_FEWEST} members or others.")
                continue
            measured = _measure(members, others, self._seed)
            fewest = min(fewest or measured[-1].total, measured[-1].total)
            estimates += [_named(trial.name, one) for one in measured]
            charts.append(_roc(trial.name, members, others))
            problems += _judge(trial, measured)
            progress.advance()
        if skipped and not problems:
            return not_tested(self, " ".join(skipped), is_broken=is_broken)
        ceiling = epsilon_lower_bound(fewest, fewest)
        return conclude(
            self,
            f"{len(subjects) - len(skipped)} of {len(subjects)} adapter(s) of site text attacked, "
            f"{len(problems)} problem(s).",
            problems,
            estimates=estimates,
            blind_spots=[
                *skipped,
                f"An epsilon above {ceiling:.1f}: {fewest} guesses, all right, show no more.",
                "Stronger attackers: shadow models, knowledge of the training, many queries.",
                "A hit rate at 0.1 % false alarms needs thousands of others; see their count.",
                "Whose each text is, where a corpus does not say: intervals are too narrow then.",
                "Inclusion was not drawn by coins: the bound on epsilon is one for guessing so.",
            ],
            charts=charts,
        )


def _measure(members: Groups, others: Groups, seed: int) -> list[Estimate]:
    flat = [one for group in members for one in group], [one for group in others for one in group]
    measures: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
        "area under the curve": area_under_curve,
        **{f"hits at {rate:.1%} false alarms": partial(_hits, rate) for rate in LOW},
    }
    estimates = []
    for name, measure in measures.items():
        low, high = bootstrap(members, others, measure, seed=seed)
        estimates.append(Estimate(name, measure(*flat), low, high, len(flat[0]) + len(flat[1])))
    right, guesses = _guess(*flat)
    bound = epsilon_lower_bound(right, guesses)
    estimates.append(
        Estimate("epsilon, lower bound from one run", bound, None, None, guesses, "nats")
    )
    return estimates


def _hits(rate: float, members: Sequence[float], others: Sequence[float]) -> float:
    return hit_rate_at(members, others, rate)


def _guess(members: Sequence[float], others: Sequence[float]) -> tuple[int, int]:
    """As many of either, the upper half guessed to be members: right guesses, and all."""
    count = min(len(members), len(others))
    middle = float(np.median([*members[:count], *others[:count]]))
    right = sum(one > middle for one in members[:count])
    right += sum(one <= middle for one in others[:count])
    return right, 2 * count


def _judge(trial: Trial, measured: Sequence[Estimate]) -> list[Problem]:
    problems = []
    hits, bound = measured[2], measured[-1]
    if hits.low is not None and hits.low > _MOST_HITS_AT_1_PERCENT:
        problems.append(
            Problem(
                "membership.memorised",
                f"adapter {trial.name}",
                f"At 1 % false alarms it gives away {hits.value:.0%} of what it was trained on "
                f"(95 % interval from {hits.low:.0%}).",
                "Do not let it leave; train it on more patients, or for less long.",
            )
        )
    if trial.epsilon is not None and bound.value is not None and bound.value > trial.epsilon:
        problems.append(
            Problem(
                "membership.epsilon",
                f"adapter {trial.name}",
                f"An attack shows epsilon of at least {bound.value:.2f}; training said at most "
                f"{trial.epsilon:.2f}.",
                "Its training was not as private as it says: find the fault, and train it again.",
            )
        )
    return problems


def _named(adapter: str, estimate: Estimate) -> Estimate:
    return Estimate(
        f"{adapter}: {estimate.name}",
        estimate.value,
        estimate.low,
        estimate.high,
        estimate.total,
        estimate.unit,
    )


def _roc(name: str, members: Groups, others: Groups) -> Chart:
    flat = [one for group in members for one in group], [one for group in others for one in group]
    rates = tuple(float(rate) for rate in np.geomspace(1e-3, 1, 40))
    hits = tuple(hit_rate_at(*flat, rate) for rate in rates)
    return Chart(
        "roc",
        f"Adapter {name}: members found, by false alarms; the diagonal is guessing.",
        "false alarms",
        "members found",
        (Series(name, rates, hits), Series("guessing", rates, rates)),
    )
