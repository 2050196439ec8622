"""The charts of an audit's report as inline SVG."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from appliance.records.audits import Chart
from appliance.workflows.report.plots import BLUE, GREY, ORANGE, make_figure, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH: Final = 7.2
# Kinds that are as high as they have labels, and what they need besides.
_BY_ROW: Final[Mapping[str, float]] = {"bounds": 0.9, "epsilon": 1.5}


def draw(chart: Chart) -> str:
    """The chart as an `<svg>` element.

    Raises:
        KeyError: There is no such kind of chart.
    """
    rows = len(chart.labels) if chart.kind in _BY_ROW else 0
    figure = make_figure(_WIDTH, _BY_ROW[chart.kind] + 0.22 * rows if rows else 2.9)
    axes = figure.subplots()
    _KINDS[chart.kind](axes, chart)
    axes.spines[["top", "right"]].set_visible(False)
    return to_svg(figure)


def _histogram(axes: "Axes", chart: Chart) -> None:
    width = 0.8 / len(chart.series)
    for number, (series, colour) in enumerate(zip(chart.series, (BLUE, ORANGE), strict=False)):
        shift = (number - (len(chart.series) - 1) / 2) * width
        places = [x + shift for x in series.xs]
        axes.bar(places, series.ys, width, color=colour, label=series.name)
    axes.set_xticks(list(chart.series[0].xs), chart.labels)
    # One copy among thousands must be seen: a linear axis would hide it.
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_ylim(0, 1.5)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.legend(frameon=False)


def _bounds(axes: "Axes", chart: Chart) -> None:
    low, found, high = (series.ys for series in chart.series)
    for place, (least, value, most) in enumerate(zip(low, found, high, strict=True)):
        axes.plot([least, most], [place, place], color=GREY, linewidth=3, solid_capstyle="butt")
        axes.plot([value], [place], "o", color=BLUE, markersize=5)
    axes.set_yticks(range(len(chart.labels)), chart.labels)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(chart.x_label)


def _epsilon(axes: "Axes", chart: Chart) -> None:
    shown, promised = chart.series
    most = dict(zip(promised.ys, promised.xs, strict=True))
    for place, least in zip(shown.ys, shown.xs, strict=True):
        if place in most:
            # Where the attack shows more than was promised, the line says so by its colour.
            colour = GREY if least <= most[place] else ORANGE
            axes.plot([least, most[place]], [place, place], color=colour, linewidth=3, zorder=1)
    # Told apart by shape as well as by colour; a bound of 0 lies on the axis and is seen too.
    for series, marker, colour in ((shown, ">", ORANGE), (promised, "<", BLUE)):
        axes.plot(
            series.xs,
            series.ys,
            marker,
            color=colour,
            markersize=7,
            label=series.name,
            clip_on=False,
            zorder=3,
        )
    axes.set_yticks(range(len(chart.labels)), chart.labels)
    axes.set_ylim(len(chart.labels) - 0.5, -0.5)
    axes.set_xlim(left=0, right=1.15 * max(1.0, *shown.xs, *promised.xs))
    axes.set_xlabel(chart.x_label)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _roc(axes: "Axes", chart: Chart) -> None:
    styles = ((BLUE, "-"), (GREY, "--"))
    for series, (colour, style) in zip(chart.series, styles, strict=False):
        axes.loglog(series.xs, series.ys, style, color=colour, label=series.name)
    axes.set_xlim(1e-3, 1)
    axes.set_ylim(1e-3, 1.2)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.legend(frameon=False, loc="lower right")


_KINDS: Final[Mapping[str, Callable[["Axes", Chart], None]]] = {
    "histogram": _histogram,
    "bounds": _bounds,
    "epsilon": _epsilon,
    "roc": _roc,
}
