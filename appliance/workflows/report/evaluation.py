"""One evaluation as an HTML page: counts only, small ones hidden, nothing loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from appliance.records.breakdown import Score
from appliance.records.scores import ScoreCard
from appliance.workflows.report.cells import HIDDEN, hide_small, is_shown
from appliance.workflows.report.plots import plot_reliability, plot_scores


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of scores, as it is shown."""

    name: str
    precision: str
    recall: str
    f1: str
    interval: str
    gold: str


def render_evaluation(card: ScoreCard, *, made_at: str, smallest: int) -> str:
    """The page's HTML.

    Args:
        card: With its breakdown.
        made_at: ISO 8601, UTC.
        smallest: The smallest count, besides 0, that is shown.
    """
    from jinja2 import Environment, StrictUndefined

    assert card.breakdown is not None
    breakdown = card.breakdown
    template = resources.files(__package__).joinpath("evaluation.html.j2").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    shown = hide_small(list(breakdown.faults.values()), smallest)
    has_plots = is_shown([card.overall.true_positives, card.overall.gold], smallest)
    return environment.from_string(template).render(
        card=card,
        made_at=made_at,
        smallest=smallest,
        rows=_rows(card, smallest),
        faults=list(zip(breakdown.faults, shown, strict=True)),
        ece=breakdown.calibration.ece,
        scores=plot_scores([card]) if has_plots else "",
        reliability=plot_reliability(breakdown.calibration, smallest) if has_plots else "",
        is_hidden=HIDDEN in shown,
    )


def _rows(card: ScoreCard, smallest: int) -> Sequence[Row]:
    assert card.breakdown is not None
    breakdown = card.breakdown
    named = [(f"{card.adapter}, strict", card.overall)]
    named += [(f"{card.adapter}, {label}", score) for label, score in card.per_label.items()]
    named += [(f"{card.adapter}, overlap is enough", breakdown.relaxed)]
    if breakdown.seen is not None and breakdown.unseen is not None:
        named += [("of names seen in training", breakdown.seen)]
        named += [("of names never seen", breakdown.unseen)]
    named += list(card.baselines.items())
    if card.comparison is not None:
        named += [(f"{card.comparison.against}, strict", card.comparison.other)]
    golds = _golds(card, smallest)
    return [_row(name, score, smallest, golds.get(id(score))) for name, score in named]


def _golds(card: ScoreCard, smallest: int) -> dict[int, str]:
    """By the score's id: what those add up to stands in another row."""
    assert card.breakdown is not None
    groups = [list(card.per_label.values())]
    if card.breakdown.seen is not None and card.breakdown.unseen is not None:
        groups.append([card.breakdown.seen, card.breakdown.unseen])
    found: dict[int, str] = {}
    for group in groups:
        shown = hide_small([score.gold for score in group], smallest)
        found |= {id(score): gold for score, gold in zip(group, shown, strict=True)}
    return found


def _row(name: str, score: Score, smallest: int, gold: str | None) -> Row:
    if gold is None:
        gold = HIDDEN if 0 < score.gold < smallest else str(score.gold)
    if not is_shown([score.true_positives, score.predicted, score.gold], smallest):
        return Row(name, HIDDEN, HIDDEN, HIDDEN, HIDDEN, gold)
    return Row(
        name,
        f"{100 * score.precision:.1f}",
        f"{100 * score.recall:.1f}",
        f"{100 * score.f1:.1f}",
        f"{100 * score.ci_low:.1f} to {100 * score.ci_high:.1f}",
        gold,
    )
