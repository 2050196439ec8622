"""`appliance support-bundle`: facts for whoever helps, and nothing about anybody."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option


@click.command("support-bundle")
@click.option("--out", type=PathType(dir_okay=False), required=True, help="The zip file to write.")
@site_option
@dry_run_option
@json_option
def support_bundle(out: Path, site: Path, dry_run: bool, as_json: bool) -> None:
    """Pack facts about the site: versions, results of the doctor, settings, counts, times.

    By a list of what may be told: no log, no name that somebody chose, no text. The gate reads
    all of it; one hit, and there is no bundle (exit code 5). Read facts.json before you send it.

    Example: appliance support-bundle --out facts.zip
    """
    from appliance.workflows.support import bundle

    done = bundle(site, out, dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    verb = "Would be packed" if dry_run else "Packed"
    render.say(
        f"{verb}: {done.facts} facts in {done.path}; the gate has read {done.inspected} texts."
    )
