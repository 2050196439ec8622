"""Membership: whether an adapter tells which texts it was trained on.

Its likelihood of a text's own labels is compared between texts that it saw and texts of other
patients that it did not see. An adapter that treats both alike gives nothing away this way. Where
training promised differential privacy, its epsilon is held against what the attack shows; that of
an adapter of invented text too, where coins were tossed: a promise not kept there is kept nowhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from appliance.audits.attack import conclude, not_tested, try_adapter
from appliance.audits.coins import bound_by_coins, bound_by_lots, ceiling
from appliance.audits.statistics import area_under_curve, bootstrap, hit_rate_at
from appliance.records.audits import AttackResult, Chart, Estimate, Problem, Series
from appliance.records.progress import Progress

LOW: Final = (0.001, 0.01)
"""False alarms at which hit rates are told (Carlini et al. 2022)."""
# An adapter of site text may find members so much better than chance, and no more.
_MOST_HITS_AT_1_PERCENT: Final = 0.05
FEWEST: Final = 20
"""Patients or texts on either side, without which nothing is told."""
_SHOWN: Final = "lower bound from one run"
_PROMISED: Final = "epsilon, upper bound that training promised (delta {:.1e})"
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
        delta: Of it.
        is_coined: Whether a fair coin decided of each text whether training saw it.
        has_reference: Whether its scores are set against what adapters say that never saw a text.
    """

    name: str
    is_site_only: bool
    score: Callable[[], tuple[Groups, Groups]] = field(repr=False)
    epsilon: float | None = None
    delta: float = 0.0
    is_coined: bool = False
    has_reference: bool = False

    @property
    def is_subject(self) -> bool:
        """Whether it has something to hide, or a promise that coins can hold it to."""
        return self.is_site_only or (self.epsilon is not None and self.is_coined)


class Membership:
    """Attacks adapters that were trained on site text or privately; an `Attack`.

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
        """Each adapter of site text or with a promise, members against others."""
        subjects = [trial for trial in self._trials if trial.is_subject]
        if not self._trials:
            return not_tested(self, "There is no adapter.")
        if not subjects:
            return not_tested(
                self,
                f"None of the {len(self._trials)} adapters was trained on site text: their cards "
                "say so, and provenance leads each to a corpus that was invented here. None was "
                "trained with differential privacy on enough rows to toss coins for, either.",
            )
        progress.begin(self.name, len(subjects))
        problems: list[Problem] = []
        measured: dict[str, list[Estimate]] = {}
        charts: list[Chart] = []
        skipped: list[str] = []
        gone: list[str] = []
        is_untested = is_broken = False
        for trial in subjects:
            scores = try_adapter(trial.name, trial.score, skipped, gone)
            if scores is None:
                is_untested = True
                # What was made of invented text alone has nothing that it could give away.
                is_broken |= trial.is_site_only and trial.name not in gone
                continue
            members, others = scores
            if min(len(members), len(others)) < FEWEST:
                skipped.append(f"Adapter {trial.name} has fewer than {FEWEST} members or others.")
                is_untested = True
                continue
            measured[trial.name] = _measure(trial, members, others, self._seed)
            charts.append(_roc(trial.name, members, others))
            problems += _judge(trial, measured[trial.name])
            progress.advance()
        done = conclude(
            self,
            f"{len(measured)} of {len(subjects)} adapter(s) of site text or with a promise of "
            f"differential privacy attacked, {len(problems)} problem(s).",
            problems,
            estimates=[_named(name, one) for name, found in measured.items() for one in found],
            blind_spots=[*skipped, *(_blind_spots(subjects, measured) if measured else ())],
            charts=[*charts, *([_epsilons(subjects, measured)] if measured else ())],
        )
        if not problems and is_untested:
            return not_tested(self, " ".join(skipped), is_broken=is_broken, so_far=done)
        return done


def _blind_spots(trials: Sequence[Trial], measured: Mapping[str, Sequence[Estimate]]) -> list[str]:
    fewest = min(_bound_in(one).total for one in measured.values())
    return [
        f"An epsilon above {ceiling(fewest):.1f}: {fewest} guesses, all right, show no more.",
        "Stronger attackers: shadow models, knowledge of the training, many queries.",
        "A hit rate at 0.1 % false alarms needs thousands of others; see their count.",
        "Whose each text is, where a corpus does not say: intervals are too narrow then.",
        *(
            f"Adapter {trial.name}: its promise of epsilon {trial.epsilon:.1f} could not be "
            f"refuted by {_bound_in(measured[trial.name]).total} guesses, all right."
            for trial in trials
            if trial.name in measured
            and trial.is_coined
            and trial.epsilon is not None
            and trial.epsilon >= ceiling(_bound_in(measured[trial.name]).total)
        ),
        *(
            f"Adapter {trial.name}: no reference tells how hard a text is; with its adapter off a "
            "classifier has no head that learned anything."
            for trial in trials
            if trial.name in measured and not trial.has_reference
        ),
        *(
            f"Adapter {trial.name}: its training tossed no coins. Its bound is about all texts of "
            "one patient in place of another's, holds where it was drawn by lot whose texts "
            "teach, and tests no promise about single texts."
            for trial in trials
            if trial.name in measured and not trial.is_coined
        ),
    ]


def _measure(trial: Trial, members: Groups, others: Groups, seed: int) -> list[Estimate]:
    flat = [one for group in members for one in group], [one for group in others for one in group]
    measures: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
        "area under the curve": area_under_curve,
        **{f"hits at {rate:.1%} false alarms": partial(_hits, rate) for rate in LOW},
    }
    estimates = []
    for name, measure in measures.items():
        low, high = bootstrap(members, others, measure, seed=seed)
        unit = "area" if measure is area_under_curve else "share"
        total = len(flat[0]) + len(flat[1])
        estimates.append(Estimate(name, measure(*flat), low, high, total, unit))
    if trial.is_coined:
        whose, (bound, guesses) = "epsilon", bound_by_coins(*flat, trial.delta)
    else:
        whose, (bound, guesses) = "epsilon of a patient", bound_by_lots(members, others, seed)
    estimates.append(Estimate(f"{whose}, {_SHOWN}", bound, None, None, guesses, "nats"))
    if trial.epsilon is not None:
        estimates.append(
            Estimate(_PROMISED.format(trial.delta), trial.epsilon, None, None, guesses, "nats")
        )
    return estimates


def _bound_in(estimates: Sequence[Estimate]) -> Estimate:
    return next(one for one in estimates if one.name.endswith(_SHOWN))


def _hits(rate: float, members: Sequence[float], others: Sequence[float]) -> float:
    return hit_rate_at(members, others, rate)


def _judge(trial: Trial, measured: Sequence[Estimate]) -> list[Problem]:
    problems = []
    hits, bound = measured[2], _bound_in(measured)
    is_too_many = hits.low is not None and hits.low > _MOST_HITS_AT_1_PERCENT
    if trial.is_site_only and is_too_many:
        problems.append(
            Problem(
                "membership.memorised",
                f"adapter {trial.name}",
                f"At 1 % false alarms it gives away {hits.value:.0%} of what it was trained on "
                f"(95 % interval from {hits.low:.0%}).",
                "Do not let it leave; train it on more patients, or for less long.",
            )
        )
    # Without coins the two are not about the same: all texts of a patient, and a single text.
    promised = trial.epsilon if trial.is_coined else None
    if promised is not None and bound.value is not None and bound.value > promised:
        problems.append(
            Problem(
                "membership.epsilon",
                f"adapter {trial.name}",
                f"An attack shows epsilon of at least {bound.value:.2f}; training said at most "
                f"{promised:.2f}.",
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


def _epsilons(trials: Sequence[Trial], measured: Mapping[str, Sequence[Estimate]]) -> Chart:
    """What each attack shows at least beside what training promised at most; in nats."""
    rows = [trial for trial in trials if trial.name in measured]
    shown = [float(_bound_in(measured[trial.name]).value or 0.0) for trial in rows]
    promised = [(trial.epsilon, at) for at, trial in enumerate(rows) if trial.epsilon is not None]
    said = "; ".join(
        f"{trial.name} at least {low:.2g}, "
        + ("no promise" if trial.epsilon is None else f"promised at most {trial.epsilon:.2g}")
        for trial, low in zip(rows, shown, strict=True)
    )
    return Chart(
        "epsilon",
        f"Privacy loss of each adapter, from one run and as training promised: {said}.",
        "epsilon",
        "",
        (
            Series("the attack shows at least", tuple(shown), tuple(map(float, range(len(rows))))),
            Series(
                "training promised at most",
                tuple(epsilon for epsilon, _ in promised),
                tuple(float(at) for _, at in promised),
            ),
        ),
        tuple(trial.name for trial in rows),
    )
