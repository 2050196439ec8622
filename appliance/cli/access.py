"""`appliance access`: approve, verbs."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, in_dashes, json_option, site_option


@click.group()
def access() -> None:
    """Approve what needs a second person; see what you may do."""


@access.command()
@click.argument("request")
@click.option("--reason", required=True, help="Why: a word or a few.")
@site_option
@dry_run_option
@json_option
def approve(request: str, reason: str, site: Path, dry_run: bool, as_json: bool) -> None:
    """Approve another person's request, once; the ledger keeps the reason.

    Example: appliance access approve request-1f2e3d --reason "registry study"
    """
    from appliance.workflows.access import approve as approve_request

    approval = approve_request(site, request, in_dashes(reason), dry_run=dry_run)
    if as_json:
        render.emit_json(approval)
        return
    verb = "would be" if dry_run else "is"
    render.say(f"{approval.verb} by {approval.asked_by} {verb} approved, once.")


@access.command()
@site_option
@json_option
def requests(site: Path, as_json: bool) -> None:
    """List requests that wait for a second person.

    Example: appliance access requests
    """
    from appliance.workflows.access import list_requests

    rows = list_requests(site)
    if as_json:
        render.emit_json(rows)
        return
    table = [
        (row.request, row.verb, row.asked_by, row.at[:19], "yes" if row.is_approved else "no")
        for row in rows
    ]
    render.emit_table("Requests", ("request", "what", "asked by", "when", "approved"), table)


@access.command()
@site_option
@json_option
def verbs(site: Path, as_json: bool) -> None:
    """Show what whoever runs this may do here, and what needs a second person.

    Example: appliance access verbs
    """
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
