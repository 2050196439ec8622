"""`appliance init`: make a site."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option

if TYPE_CHECKING:
    from appliance.settings.site_file import Profile

# Told here as well as in settings, which load more than `--help` should.
PROFILES: Final = ("air-gapped", "cloud-allowed")


@click.command()
@click.argument("directory", type=PathType(file_okay=False))
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    required=True,
    help="air-gapped: nothing leaves, ever. cloud-allowed: cleared prompts may.",
)
@dry_run_option
@json_option
def init(directory: Path, profile: "Profile", dry_run: bool, as_json: bool) -> None:
    """Make a site in DIRECTORY: settings, keys (0600), policies, an empty ledger.

    Example: appliance init /srv/appliance --profile air-gapped
    """
    from appliance.workflows import site as workflow

    paths = workflow.check_new(directory) if dry_run else workflow.init(directory, profile).paths
    names = [path.name for path in paths.directories()]
    if as_json:
        render.emit_json(
            {"site": paths.root, "profile": profile, "made": not dry_run, "directories": names}
        )
        return
    rows = [("site", paths.root), ("profile", profile), ("directories", " ".join(names))]
    render.emit_table("Would make" if dry_run else "Made", ("", ""), rows)
