"""Plots as inline SVG, drawn by matplotlib without a display."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from appliance.records.breakdown import Calibration
from appliance.records.scores import ScoreCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from appliance.workflows.curve import CurvePoint

# Okabe & Ito 2008: distinguishable with the common colour-vision deficiencies and in print.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREY: Final = "#767676"


def plot_scores(cards: Sequence[ScoreCard], paper_f1: float | None = None) -> str:
    """Grouped bars of strict F1 with 95 % intervals: adapter beside dictionary, per gold set.

    Args:
        cards: At least one evaluation.
        paper_f1: A published F1, 0 to 1, drawn as a dashed line, or None.

    Returns:
        An `<svg>` element.
    """
    figure = make_figure(6.4, 2.6)
    axes = figure.subplots()
    for row, card in enumerate(cards):
        series = [(card.adapter, card.overall, BLUE)]
        series += [(name, score, ORANGE) for name, score in card.baselines.items()]
        for place, (name, score, colour) in enumerate(series):
            height = 0.8 / len(series)
            centre = row + (place - (len(series) - 1) / 2) * height
            low, high = score.f1 - score.ci_low, score.ci_high - score.f1
            axes.barh(centre, score.f1, height * 0.9, color=colour, label=name if not row else None)
            axes.errorbar(
                score.f1, centre, xerr=[[max(low, 0)], [max(high, 0)]], color="black", capsize=3
            )
    if paper_f1 is not None:
        axes.axvline(paper_f1, color=GREY, linestyle="--", label="Tang et al. 2023, NER mean")
    axes.set_yticks(range(len(cards)), [card.gold for card in cards])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("strict entity F1, with 95 % bootstrap interval")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return to_svg(figure)


def plot_reliability(calibration: Calibration, smallest: int) -> str:
    """The share of right spans over what the adapter says of them, beside the line of the honest.

    Args:
        calibration: Bins of probability.
        smallest: Bins with fewer spans are left out.

    Returns:
        An `<svg>` element.
    """
    figure = make_figure(4.6, 3.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = [one for one in calibration.bins if one.count >= smallest]
    above.plot((0, 1), (0, 1), color=GREY, linestyle="--", label="as sure as it is right")
    above.plot(
        [one.confidence for one in bins],
        [one.right / one.count for one in bins],
        color=BLUE,
        marker="o",
        label="this adapter",
    )
    above.set_ylim(0, 1.02)
    above.set_ylabel("share that is right")
    above.legend(loc="upper left", frameon=False)
    below.bar(
        [(one.low + one.high) / 2 for one in bins],
        [one.count for one in bins],
        width=0.9 / len(calibration.bins),
        color=BLUE,
    )
    below.set_ylabel("spans")
    below.set_xlabel("probability that the adapter gives")
    below.set_xlim(0, 1)
    figure.align_ylabels()
    return to_svg(figure)


def plot_counts(title: str, counts: Mapping[str, int]) -> str:
    """Horizontal bars, longest first.

    Returns:
        An `<svg>` element.
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    figure = make_figure(6.4, 0.7 + 0.26 * len(ranked))
    axes = figure.subplots()
    names = [name for name, _ in ranked]
    bars = axes.barh(names, [count for _, count in ranked], color=BLUE)
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(title)
    axes.margins(x=0.12)
    return to_svg(figure)


def plot_curve(points: Sequence["CurvePoint"]) -> str:
    """Strict F1 of each round's adapter over the sentences it learned from, the last one's beside.

    Args:
        points: At least one, in order.

    Returns:
        An `<svg>` element.
    """
    figure = make_figure(6.4, 3.2)
    axes = figure.subplots()
    sizes = [point.written_in_all for point in points]
    errors = [
        [max(point.f1 - point.ci_low, 0) for point in points],
        [max(point.ci_high - point.f1, 0) for point in points],
    ]
    f1 = [point.f1 for point in points]
    axes.errorbar(
        sizes, f1, errors, color=BLUE, marker="o", capsize=3, label="this round's adapter"
    )
    known = [(one.written_in_all, one.last_f1) for one in points if one.last_f1 is not None]
    axes.plot(
        [size for size, _ in known],
        [last for _, last in known],
        color=ORANGE,
        marker="s",
        linestyle="",
        label="the last round's, on the same sentences",
    )
    axes.set_ylim(0, 1)
    axes.set_xlabel("written sentences in all rounds so far")
    axes.set_ylabel("strict F1, invented sentences")
    axes.legend(loc="lower right", frameon=False)
    return to_svg(figure)


def make_figure(width: float, height: float) -> "Figure":
    """An empty figure of that size in inches, that leaves room for what is written on it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: "Figure") -> str:
    """The figure as an `<svg>` element; the same figure gives the same bytes."""
    import matplotlib as mpl

    buffer = io.StringIO()
    # Text stays text, so that it can be searched and read aloud; a fixed salt keeps ids stable.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "appliance"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    return drawing[drawing.index("<svg") :]
