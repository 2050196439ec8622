"""`appliance access`: approve, verbs."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import json_option, site_option


@click.group()
def access() -> None:
    """Approve what needs a second person; see what you may do."""


@access.command()
@click.argument("request")
@click.option("--reason", required=True, help="Why: a word or a few.")
@site_option
@json_option
def approve(request: str, reason: str, site: Path, as_json: bool) -> None:
    """Approve another person's request, once; the ledger keeps the reason."""
    from appliance.workflows.access import approve as approve_request

    approval = approve_request(site, request, "-".join(reason.lower().split()))
    if as_json:
        render.emit_json(approval)
        return
    render.say(f"{approval.verb} by {approval.asked_by} is approved, once.")


@access.command()
@site_option
@json_option
def verbs(site: Path, as_json: bool) -> None:
    """Show what whoever runs this may do here, and what needs a second person."""
    from appliance.workflows.access import list_verbs

    rows = list_verbs(site)
    if as_json:
        render.emit_json(rows)
        return
    table = [
        (row.verb, "yes" if row.is_allowed else "no", "yes" if row.needs_second else "")
        for row in rows
    ]
    render.emit_table("Allowed", ("verb", "allowed", "second person"), table)
