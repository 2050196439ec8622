"""`appliance patients`: load the site's registry."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option
from appliance.errors import BadInput

if TYPE_CHECKING:
    from appliance.workflows.patients import PatientImport

_SHOWN: Final = 20


@click.group()
def patients() -> None:
    """Load the site's patient index."""


@patients.command("import")
@click.argument("file", type=PathType(exists=True, dir_okay=False))
@site_option
@dry_run_option
@json_option
def import_(file: Path, site: Path, dry_run: bool, as_json: bool) -> None:
    """Take the registry FILE (.csv or .jsonl) into the vault and tell the gate whom to look for.

    Importing again adds to what is known. A row with an impossible birth date or without any
    identifier is refused and told by its line; the others are imported, and the exit code is 2.

    Example: appliance patients import registry.csv
    """
    from appliance.workflows import patients as workflow

    result = workflow.import_patients(site, file, render.Bars(), dry_run=dry_run)
    for row in result.refused[:_SHOWN]:
        render.say(f"refused: line {row.line}: {row.reason}")
    if result.mixed:
        render.say(
            f"{result.mixed} patient id(s) stand with several dates of birth: if they are "
            "different people, give each an id of its own, or erasing one erases both."
        )
    if as_json:
        render.emit_json(result)
    else:
        render.emit_table("Would import" if dry_run else "Imported", ("", "count"), _rows(result))
    if result.refused:
        raise BadInput(
            f"{len(result.refused)} row(s) were refused: the gate does not know these patients.",
            "Mend them and import the file again; what was imported stays.",
        )


def _rows(result: "PatientImport") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("patients in the file", result.patients)]
    rows += [(f"identifiers: {kind}", count) for kind, count in result.identifiers.items()]
    rows += [("rows refused", len(result.refused))]
    if result.registered is not None:
        rows += [
            ("patients registered", result.registered),
            ("identifiers indexed", result.indexed),
        ]
    return rows
