"""`appliance rounds`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, route_option, site_option

if TYPE_CHECKING:
    from appliance.workflows.curve import CurvePoint
    from appliance.workflows.rounds_run import RoundsOrder, RoundsResult


@click.command()
@site_option
@click.option("--task", required=True, help="Name of a label sheet about entities.")
@click.option(
    "--count", type=click.IntRange(min=1), required=True, help="Examples wanted of each round."
)
@click.option(
    "--rounds",
    "most",
    type=click.IntRange(1, 20),
    default=4,
    show_default=True,
    help="How many rounds, at most.",
)
@click.option("--out", required=True, help="Name of the corpus of all rounds.")
@click.option(
    "--least-gain",
    type=click.FloatRange(-100, 100),
    default=1.0,
    show_default=True,
    metavar="POINTS",
    help="A round after the second that gains less F1 than that is the last.",
)
@route_option
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Most that all rounds may cost at a provider; each may cost its part of it.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the first round's prompts."
)
@click.option("--plot", type=PathType(dir_okay=False), help="An SVG file to draw the curve into.")
@dry_run_option
@json_option
def rounds(
    site: Path,
    task: str,
    count: int,
    most: int,
    out: str,
    least_gain: float,
    route: str,
    budget: float | None,
    seed: int,
    plot: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Synthesize and train in rounds, each asking for more of what is read worst.

    A round lets a model invent COUNT sentences (corpus OUT-1, OUT-2 and so on), joins them to those
    of the rounds before, trains an adapter of the same name on all of it as [learning] says, and
    has it read the invented sentences that are held out. The next round has more of the kinds that
    were misread or doubted. It ends when a round gains too little on the same sentences beside the
    last adapter, or with the last round. Run the same command again after an interruption.

    Example: appliance rounds --task disease --count 300 --rounds 4 --out second
    """
    from appliance.workflows.rounds_run import RoundsOrder, run_rounds

    order = RoundsOrder(task, count, most, out, least_gain / 100, route, seed, budget)
    if dry_run:
        _tell_plan(site, order, as_json=as_json)
        return
    done = run_rounds(site, order, render.Bars(), plot)
    if done.denied_for:
        from appliance.workflows.sheet_denials import tell_denied

        render.complain(tell_denied(done.denied_for))
    if as_json:
        render.emit_json(done)
        return
    _tell_curve(done)


def _tell_plan(site: Path, order: "RoundsOrder", *, as_json: bool) -> None:
    from appliance.workflows.rounds_run import plan_rounds

    planned = plan_rounds(site, order)
    if as_json:
        render.emit_json(planned)
        return
    first, most = planned.first, order.rounds
    rows = [
        ("route", first.route.value),
        ("model", first.model),
        ("rounds, at most", most),
        ("prompts, at most", most * first.drafts),
        ("cost, about, USD, at most", f"{most * first.usd:.4f}"),
        ("time to write them, about, minutes", f"{most * first.seconds / 60:.1f}"),
        ("corpora", ", ".join(planned.corpora)),
        ("adapters", ", ".join(planned.adapters)),
        ("there already", ", ".join(planned.finished) or "none of them"),
    ]
    render.emit_table(f"Would write corpus {order.out} in rounds", ("what", "value"), rows)


def _tell_curve(done: "RoundsResult") -> None:
    columns = ["round", "written", "all", "repeated", "held out", "F1", "95 %", "last F1", "gain"]
    render.emit_table("The curve, on invented sentences", columns, map(_row, done.curve))
    columns = ["round", "sentences", "held out", "misread", "doubt", "asked for", "next"]
    kinds = [row for point in done.curve for row in _kind_rows(point)]
    render.emit_table("What is read worst", columns, kinds)
    rows = [
        ("ended by", done.ending.value),
        ("corpus of all rounds", done.corpus),
        ("last adapter", done.adapter),
    ]
    render.emit_table(f"Rounds of {done.corpus}", ("what", "value"), rows)


def _kind_rows(point: "CurvePoint") -> Iterator[tuple[object, ...]]:
    wanted = render.to_plain(point.mix)
    for kind, found in point.kinds.items():
        shares = (f"{one[kind]:.2f}" for one in (point.asked, wanted))
        yield point.number, kind, found.texts, found.misread, f"{found.doubt:.2f}", *shares


def _row(point: "CurvePoint") -> tuple[object, ...]:
    last, gain = point.last_f1, point.gain
    return (
        point.number,
        point.written,
        point.written_in_all,
        point.repeated,
        point.held_out,
        f"{100 * point.f1:.1f}",
        f"{100 * point.ci_low:.1f} to {100 * point.ci_high:.1f}",
        "" if last is None else f"{100 * last:.1f}",
        "" if gain is None else f"{100 * gain:+.1f}",
    )
