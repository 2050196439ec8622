"""An audit's report as one HTML file, and the same as PDF: nothing is loaded from anywhere."""

import re
from collections import Counter
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Final

from appliance.records.audits import AttackResult, AuditReport, Estimate, Standing
from appliance.workflows.report.audit_plots import draw

if TYPE_CHECKING:
    from markupsafe import Markup

_SHARES: Final = 0.01


def render_audit(report: AuditReport) -> str:
    """The report's HTML; it runs no script and loads nothing."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["figure"] = in_figures
    environment.filters["coded"] = with_code
    environment.filters["interval"] = interval
    environment.filters["slug"] = lambda text: text.replace(" ", "-")
    return environment.from_string(_part("audit.html.j2")).render(
        report=report,
        style=_part("audit.css"),
        counts=Counter(result.standing.value for result in report.results),
        order=[Standing.PASS.value, Standing.FAIL.value, Standing.NOT_TESTED.value],
        broken=[result.attack for result in report.results if result.is_broken],
        idle=[
            result.attack
            for result in report.results
            if result.standing is Standing.NOT_TESTED and not result.is_broken
        ],
        problems=[problem for result in report.results for problem in result.problems],
        charts={result.attack: _charts(result) for result in report.results},
    )


def to_pdf(page: str) -> bytes | None:
    """The page as PDF; None where the system's Pango is missing, or it can't be set.

    Nothing is fetched: there is no address in the page, and one would be refused.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError):
        return None
    fetcher = URLFetcher(allowed_protocols=frozenset({"data"}), allow_redirects=False)
    try:
        content: bytes = HTML(string=page, url_fetcher=fetcher).write_pdf(pdf_tags=True)
    except Exception:  # noqa: BLE001 - the report stands without it
        return None
    return content


def with_code(text: str) -> "Markup":
    """The text escaped, what stands between backticks as code."""
    from markupsafe import Markup

    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text)))  # noqa: S704 - escaped


def in_figures(estimate: Estimate) -> str:
    """The estimate's value as people write it."""
    return "-" if estimate.value is None else _write(estimate.value, estimate.unit)


def interval(estimate: Estimate) -> str:
    """Its interval, or "" where it is a plain count."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{_write(estimate.low, estimate.unit)} to {_write(estimate.high, estimate.unit)}"


def _write(value: float, unit: str) -> str:
    if unit == "area":
        return f"{value:.2f}"
    if unit != "share":
        return f"{value:.3g} {unit}" if unit != "count" else f"{value:.0f}"
    percent = 100 * value
    if 0 < value < _SHARES:
        return f"{percent:.2g} %"
    return f"{percent:.1f} %"


def _charts(result: AttackResult) -> list[tuple[str, str]]:
    """Caption and SVG of each chart, the SVG named for those who hear it."""
    made: list[tuple[str, str]] = []
    for chart in result.charts:
        label = f'<svg role="img" aria-label="{escape(chart.caption)}"'
        drawing = _with_own_ids(draw(chart), f"{result.attack}-{len(made)}")
        made.append((chart.caption, drawing.replace("<svg", label, 1)))
    return made


def _with_own_ids(drawing: str, prefix: str) -> str:
    """The drawing with ids that no other on the page has, and what refers to them."""
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", drawing)


def _part(name: str) -> str:
    return resources.files("appliance.workflows.report").joinpath(name).read_text("utf-8")
