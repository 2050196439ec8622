"""`appliance keys`: rotate."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option


@click.group()
def keys() -> None:
    """Change the site's keys."""


@keys.command()
@site_option
@json_option
@dry_run_option
def rotate(site: Path, as_json: bool, dry_run: bool) -> None:
    """Put the vault under fresh keys; the old key opens nothing of it any more.

    Notes can be read and imported meanwhile, but for the last moment. Run again after an
    interruption, it goes on where it was. Keep a backup's key as long as the backup.

    Example: appliance keys rotate --dry-run
    """
    from appliance.workflows.keys import rotate as rotate_keys

    done = rotate_keys(site, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    title = "Would be changed" if dry_run else "Changed"
    render.emit_table(title, ("generation", "notes"), [(done.generation, done.notes)])
