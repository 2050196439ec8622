"""`appliance patients`: load the site's registry."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option
from appliance.workflows import patients as workflow


@click.group()
def patients() -> None:
    """Load the site's patient index."""


@patients.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@site_option
@dry_run_option
@json_option
def import_(file: Path, site: Path, dry_run: bool, as_json: bool) -> None:
    """Take the registry FILE (.csv or .jsonl) into the vault and tell the gate whom to look for.

    Importing again adds to what is known. Example: appliance patients import registry.csv
    """
    result = workflow.import_patients(site, file, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(result)
        return
    rows: list[tuple[str, object]] = [("patients in the file", result.patients)]
    rows += [(f"identifiers: {kind}", count) for kind, count in result.identifiers.items()]
    if result.registered is not None:
        rows += [
            ("patients registered", result.registered),
            ("identifiers indexed", result.indexed),
        ]
    render.emit_table("Would import" if dry_run else "Imported", ("", "count"), rows)
