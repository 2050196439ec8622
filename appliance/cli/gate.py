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
@click.option(
    "--quick", is_flag=True, help="Decide only: the first finding that denies ends an input."
)
@click.option(
    "--actors",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that inspect; more than one pays from some thousand inputs on.",
)
@site_option
@json_option
def scan(
    files: tuple[Path, ...],
    jsonl: bool,
    check: bool,
    quick: bool,
    actors: int,
    site: Path,
    as_json: bool,
) -> None:
    """Print one JSON verdict per input: id, decision, findings (offsets in code points).

    Without --jsonl each FILE is one input, its name the id. The output is the same with --json.
    The decision is the same with --quick; not all findings are named.
    Example: echo "seen by Dr. Smith" | appliance gate scan -
    """
    from appliance.workflows.scan import scan as inspect

    del as_json
    denied = 0
    rows = inspect(
        site,
        files,
        sys.stdin.buffer,
        render.Bars(),
        jsonl=jsonl,
        only_decide=quick,
        actors=actors,
    )
    for row in rows:
        denied += row.is_denied
        render.emit_json_line(row.to_plain())
    if check and denied:
        raise Denied(f"The gate denied {denied} input(s).", "Findings say where, reasons why.")


@gate.command()
@click.argument("text", metavar="ID")
@click.option("--show-text", is_flag=True, help="Show the words too; on a terminal only.")
@click.option(
    "--from",
    "sources",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --show-text: the file that was scanned.",
)
@click.option("--jsonl", is_flag=True, help="Each line of FILE is one input.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="With --show-text: the run's seed."
)
@site_option
@json_option
def explain(
    text: str,
    show_text: bool,
    sources: tuple[Path, ...],
    jsonl: bool,
    seed: int,
    site: Path,
    as_json: bool,
) -> None:
    """Say which rule denied a draft or a scanned input, and where; the words only on demand.

    ID is a draft's, as the ledger names it, or an input's, as `gate scan` prints it.
    Example: appliance gate explain note.txt --show-text --from note.txt
    """
    from appliance.workflows.explain import Words
    from appliance.workflows.explain import explain as look_up

    words = Words(sys.stdout.isatty(), sources, jsonl, seed) if show_text else None
    found = look_up(site, text, words)
    if as_json:
        render.emit_json(found)
        return
    title = f"Denied {found.at[:19]}, ledger entry {found.entry}: {found.rule} {found.detail}"
    rows = [
        (one.start, one.end, one.entity, f"{one.score:.2f}", one.rule, one.words or "")
        for one in found.findings
    ]
    columns = ("start", "end", "entity", "score", "rule", "words" if show_text else "")
    render.emit_table(title.strip(), columns, rows)


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
