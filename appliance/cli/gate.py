"""`appliance gate`: inspect texts for identifiers."""

import sys
from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option, site_option
from appliance.errors import Denied


@click.group()
def gate() -> None:
    """Inspect texts for identifiers."""


@gate.command()
@click.argument("files", metavar="[FILE|-]...", nargs=-1, type=PathType(allow_dash=True))
@click.option("--jsonl", is_flag=True, help='Each input line is {"id": ..., "text": ...}.')
@click.option("--check", is_flag=True, help="Exit with 5 if anything is denied.")
@site_option
@json_option
def scan(files: tuple[Path, ...], jsonl: bool, check: bool, site: Path, as_json: bool) -> None:
    """Print one JSON verdict per input: id, decision, findings (offsets in code points).

    Without --jsonl each FILE is one input, its name the id. The output is the same with --json.
    Example: echo "seen by Dr. Smith" | appliance gate scan -
    """
    from appliance.workflows.scan import scan as inspect

    del as_json
    denied = 0
    for row in inspect(site, files, sys.stdin.buffer, render.Bars(), jsonl=jsonl):
        denied += row.is_denied
        render.emit_json_line(row.to_plain())
    if check and denied:
        raise Denied(f"The gate denied {denied} input(s).", "Findings say where, reasons why.")


@gate.command()
@click.option(
    "--corpus",
    required=True,
    type=PathType(exists=True, dir_okay=False),
    help='JSONL with {"id", "text", "spans": [{"start", "end", "label"}]} on each line.',
)
@site_option
@json_option
def benchmark(corpus: Path, site: Path, as_json: bool) -> None:
    """Measure the gate on a corpus with gold spans: recall, precision, false alarms, 95 % CI.

    Every gold span counts as an identifier, whatever its label; labels only group the rates. A
    corpus of diseases tells how much the gate takes for identifiers, and nothing of its recall.

    Example: appliance gate benchmark --corpus asq_phi.jsonl
    """
    from appliance.workflows.gate_benchmark import benchmark as measure

    score = measure(site, corpus, render.Bars())
    if as_json:
        render.emit_json(score)
        return
    rates = {
        "spans touched": score.touched,
        "spans covered": score.covered,
        "characters precise": score.precise,
        "documents denied": score.denied,
        "documents leak-free": score.leak_free,
        "false alarms": score.false_alarms,
    }
    rates |= {f"touched: {label}": rate for label, rate in score.touched_by_label.items()}
    rows = [
        (
            name,
            f"{100 * (rate.value or 0):.1f} %" if rate.total else "-",
            f"{100 * (rate.ci_low or 0):.1f} - {100 * (rate.ci_high or 0):.1f}"
            if rate.total
            else "",
            f"{rate.hits} of {rate.total}",
        )
        for name, rate in rates.items()
    ]
    render.emit_table(f"Gate on {corpus.name}", ("", "rate", "95 % CI", "count"), rows)
