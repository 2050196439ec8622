"""`appliance gate`: inspect texts for identifiers."""

import sys
from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import json_option, site_option
from appliance.errors import Denied


@click.group()
def gate() -> None:
    """Inspect texts for identifiers."""


@gate.command()
@click.argument(
    "files", metavar="[FILE|-]...", nargs=-1, type=click.Path(path_type=Path, allow_dash=True)
)
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
        raise Denied(f"The gate denied {denied} input(s).", "The findings say where.")
