"""`appliance site`: migrate, revert."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option
from appliance.errors import EXIT_OK, BadInput


@click.group()
def site() -> None:
    """Bring a site to the layout of this program, or back."""


@site.command()
@site_option
@json_option
@dry_run_option
def migrate(site: Path, as_json: bool, dry_run: bool) -> None:
    """Bring a site of an older release to this one's layout; a snapshot of before is kept.

    Does nothing where there is nothing to do. Run again after an interruption, it goes on where it
    was. `deploy/install.sh` does this by itself.

    Example: appliance site migrate --site /srv/appliance
    """
    from appliance.workflows.migration import migrate as migrate_site

    done = migrate_site(site, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    if not done.steps and done.schema_before == done.schema:
        render.say(f"Nothing was to be done: the site has layout {done.schema}.")
        return
    title = "Would be done" if dry_run else "Done"
    render.emit_table(title, ("step",), [(step,) for step in done.steps])
    render.say(f"Layout {done.schema_before} -> {done.schema}.")


@site.command()
@site_option
@json_option
@dry_run_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def revert(site: Path, as_json: bool, dry_run: bool, yes: bool) -> int:
    """Put the site back to before its migration, for the release before this one.

    Only as long as nothing else is in the ledger since; an erasure and a change of keys remove the
    snapshot. `deploy/install.sh --rollback` does this by itself.

    Example: appliance site revert --site /srv/appliance
    """
    from appliance.workflows import migration

    found = migration.check_revertible(site)
    if not dry_run:
        if not yes and not render.confirm(f"Put the site back to layout {found.schema}?"):
            raise BadInput("Nothing was changed.", "Answer yes, or give --yes, to put it back.")
        migration.revert(site)
    document = {"schema": found.schema, "is_dry_run": dry_run}
    if as_json:
        render.emit_json(document)
    else:
        render.emit_table(
            "Would be put back" if dry_run else "Put back", ("", ""), list(document.items())
        )
    return EXIT_OK
