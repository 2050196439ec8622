"""`appliance doctor`: what must hold on this machine, and whether it does."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option


@click.command()
@click.option(
    "--site",
    envvar="APPLIANCE_SITE",
    type=PathType(file_okay=False),
    help="The site's directory; without it only the machine is looked at.",
    show_envvar=True,
)
@click.option(
    "--gate", "with_gate", is_flag=True, help="Open the gate and show it an invented patient, too."
)
@json_option
def doctor(site: Path | None, with_gate: bool, as_json: bool) -> int:
    """Check that what must hold on this machine holds.

    Changes nothing and needs no network. Exit codes: 0 pass, 1 a check could not be made,
    2 bad input, 3 a check failed, 4 a check warns.

    Example: appliance doctor --site /srv/appliance --gate
    """
    from appliance.workflows import doctor as workflow

    found = workflow.check_up(site, with_gate=with_gate)
    if as_json:
        render.emit_json({"exit_code": found.exit_code, "checks": found.results})
        return found.exit_code
    rows = [
        (result.check_id, result.status, result.title, _said(result.evidence, result.fix))
        for result in found.results
    ]
    render.emit_table("Doctor", ("check", "result", "what must hold", "seen"), rows)
    counts = ", ".join(f"{count} {status}" for status, count in found.counts().items())
    render.say(f"{len(found.results)} checks: {counts}.")
    return found.exit_code


def _said(evidence: str, fix: str) -> str:
    return f"{evidence}\n-> {fix}" if fix else evidence
