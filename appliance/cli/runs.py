"""`appliance runs`: how far long runs are."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import json_option, site_option


@click.command()
@site_option
@json_option
def runs(site: Path, as_json: bool) -> None:
    """Show long runs and how far they are, from what they keep on disk; nothing is touched.

    Example: appliance runs --json
    """
    from appliance.workflows.runs import list_runs

    found = list_runs(site)
    if as_json:
        render.emit_json({"runs": found})
        return
    rows = [
        (run.verb, run.name, run.state, f"{run.done} of {run.total or '?'} {run.unit}", run.at)
        for run in found
    ]
    columns = ("command", "makes", "state", "done", "last written")
    render.emit_table("Runs", columns, rows)
