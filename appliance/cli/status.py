"""`appliance status`: how a site stands, on one screen."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option, site_option
from appliance.records.status import Moment

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@click.command()
@click.option(
    "--prometheus",
    type=PathType(dir_okay=False),
    help="Also write FILE for the textfile collector of node_exporter.",
)
@site_option
@json_option
def status(prometheus: Path | None, site: Path, as_json: bool) -> None:
    """Show how the site stands: counts, ages, disk, and what is at work. No patient's data.

    Example: appliance status --prometheus /var/lib/node_exporter/appliance.prom
    """
    from appliance.workflows import status as workflow

    found = workflow.status(site)
    if prometheus:
        workflow.write_metrics(found, prometheus)
    if as_json:
        render.emit_json(found)
        return
    verdict = f", {found.audit_verdict}" if found.audit_verdict else ""
    rows = [
        ("site", f"{found.site} ({found.profile}, version {found.product})"),
        ("notes", "not known: the vault can't be opened" if found.notes is None else found.notes),
        ("products", render.in_words(found.products)),
        ("ledger", f"{found.ledger_entries} entries, the last {_ago(found.ledger_moved)}"),
        ("audit", f"{_ago(found.audited)}{verdict}"),
        ("backup", _ago(found.backed_up)),
        ("rehearsal of a restore", _ago(found.rehearsed)),
        ("gateway", "shut itself: see `appliance doctor`" if found.is_latched else "not latched"),
        ("disk", f"{found.disk_free >> 30} of {found.disk_size >> 30} GiB free"),
        ("at work", render.in_words(found.work) or "nothing"),
    ]
    render.emit_table("Status", ("", ""), rows)


def _ago(moment: Moment | None) -> str:
    if moment is None:
        return "never"
    for seconds, unit in _UNITS:
        if moment.age_s >= seconds:
            count = round(moment.age_s / seconds)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
