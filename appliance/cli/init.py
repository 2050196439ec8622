"""`appliance init`: make a site."""

from pathlib import Path
from typing import get_args

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option
from appliance.settings.site_file import Profile
from appliance.workflows import site as workflow


@click.command()
@click.argument("directory", type=PathType(file_okay=False))
@click.option(
    "--profile",
    type=click.Choice(get_args(Profile)),
    required=True,
    help="air-gapped: nothing leaves, ever. cloud-allowed: cleared prompts may.",
)
@dry_run_option
@json_option
def init(directory: Path, profile: Profile, dry_run: bool, as_json: bool) -> None:
    """Make a site in DIRECTORY: settings, keys (0600), policies, an empty ledger.

    Example: appliance init /srv/appliance --profile air-gapped
    """
    paths = workflow.check_new(directory) if dry_run else workflow.init(directory, profile).paths
    names = [path.name for path in paths.directories()]
    if as_json:
        render.emit_json(
            {"site": paths.root, "profile": profile, "made": not dry_run, "directories": names}
        )
        return
    rows = [("site", paths.root), ("profile", profile), ("directories", " ".join(names))]
    render.emit_table("Would make" if dry_run else "Made", ("", ""), rows)
