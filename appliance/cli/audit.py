"""`appliance audit run | plant | verify`."""

from datetime import datetime, time
from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option
from appliance.records.audits import PATIENTS, PAYLOADS


@click.group()
def audit() -> None:
    """Attack the site on purpose, and report what came of it."""


@audit.command()
@click.option(
    "--out", type=PathType(), help="Directory to make; SITE/reports/audit-TIME if left out."
)
@click.option(
    "--witness",
    "witnesses",
    type=PathType(),
    multiple=True,
    help="A head of the ledger kept elsewhere, or a directory of them.",
)
@click.option(
    "--holdout",
    "holdouts",
    type=PathType(),
    multiple=True,
    help="Notes that were never imported (.txt, .jsonl, .csv), as the control for overlap.",
)
@click.option(
    "--look",
    type=PathType(exists=True),
    multiple=True,
    help="One more place to search for clear text: exports, backups, logs.",
)
@click.option(
    "--drop",
    type=PathType(file_okay=False),
    help="Also put a copy of the report into this directory: a share, a mail gateway's spool. "
    "It is made in one that is there.",
)
@click.option(
    "--provider-requests",
    type=click.IntRange(min=0),
    help="Requests that the provider has counted for the site's key.",
)
@click.option(
    "--provider-since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day (UTC) of that count; the site's first day if left out.",
)
@click.option(
    "--kernel-counters",
    type=PathType(dir_okay=False),
    help="What `nft -j list counters` printed for root: what the firewall has let through.",
)
@click.option(
    "--kernel-since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Day or second (UTC) at which the firewall's rules were last loaded; the site's first day "
    "if left out. Too few packets are a failure only where the second is known.",
)
@click.option(
    "--payloads",
    type=click.IntRange(min=1),
    default=PAYLOADS,
    show_default=True,
    help="Identifiers to send against the gate.",
)
@click.option(
    "--patients",
    type=click.IntRange(min=1),
    default=PATIENTS,
    show_default=True,
    help="Most patients whose identifiers are searched for.",
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    default=(0,),
    show_default=True,
    help="Of runs of `synthesize` from before seeds were on record, to draw their prompts again.",
)
@site_option
@click.option("--dry-run", is_flag=True, help="Attack, and write neither report nor its event.")
@json_option
def run(
    out: Path | None,
    witnesses: tuple[Path, ...],
    holdouts: tuple[Path, ...],
    look: tuple[Path, ...],
    drop: Path | None,
    provider_requests: int | None,
    provider_since: datetime | None,
    kernel_counters: Path | None,
    kernel_since: datetime | None,
    payloads: int,
    patients: int,
    seeds: tuple[int, ...],
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Attack the site, read-only, and write a signed report: HTML, JSON and PDF.

    Exit codes, for monitoring: 0 nothing failed, 1 an attack could not be carried out, 3 one
    succeeded. What was not tested stands in the report with its reason.

    Example: appliance audit run --witness /mnt/witness/heads
    """
    from appliance.workflows import audit as workflow
    from appliance.workflows.audit_attacks import AuditOrder
    from appliance.workflows.audit_kernel import read_kernel

    order = AuditOrder(
        witnesses=witnesses,
        holdout=holdouts,
        look=look,
        drop=drop,
        provider_requests=provider_requests,
        provider_since=_day(provider_since),
        kernel=read_kernel(kernel_counters, _second(kernel_since)) if kernel_counters else None,
        payloads=payloads,
        patients=patients,
        seeds=seeds,
    )
    done = (
        workflow.try_attacks(site, order, render.Bars())
        if dry_run
        else workflow.audit(site, out, order, render.Bars())
    )
    if as_json:
        render.emit_json(
            {
                "exit_code": done.exit_code,
                "directory": done.directory,
                "has_pdf": done.has_pdf,
                "entry": done.entry,
                "verifier_key": done.verifier_key,
                "report": done.report,
            }
        )
        return done.exit_code
    rows = [(one.attack, one.standing, one.summary) for one in done.report.results]
    render.emit_table(f"Audit: {done.report.verdict}", ("attack", "result", "seen"), rows)
    problems = [
        (problem.rule, problem.where, f"{problem.what}\n-> {problem.fix}")
        for one in done.report.results
        for problem in one.problems
    ]
    if problems:
        render.emit_table("Problems", ("rule", "where", "what"), problems)
    if done.directory:
        render.say(f"The report is in {done.directory}{'' if done.has_pdf else ', without a PDF'}.")
    return done.exit_code


def _day(day: datetime | None) -> str:
    return f"{day:%Y-%m-%d}" if day else ""


def _second(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment and moment.time() != time.min else _day(moment)


@audit.command()
@click.option("--count", type=click.IntRange(min=1), default=20, show_default=True)
@site_option
@dry_run_option
@json_option
def plant(count: int, site: Path, dry_run: bool, as_json: bool) -> None:
    """Plant canaries: invented patients with a note each, that must be found nowhere outside.

    `audit run` looks for them. `notes erase --patient appliance-canary-0001` takes one out again.

    Example: appliance audit plant --count 20
    """
    from appliance.workflows.canaries import plant as workflow

    planted = workflow(site, count, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(planted)
        return
    verb = "Would plant" if dry_run else "Planted"
    render.say(f"{verb} {planted.count} canaries; the site has {planted.total}.")


@audit.command("list")
@site_option
@json_option
def list_(site: Path, as_json: bool) -> None:
    """List the reports in SITE/reports, newest first; each is checked as `verify` does.

    Example: appliance audit list
    """
    from appliance.workflows.audit_reports import list_reports

    reports = list_reports(site)
    if as_json:
        render.emit_json({"reports": reports})
        return
    rows = [(one.name, one.made_at, one.verdict or "not good", one.fault) for one in reports]
    render.emit_table("Audit reports", ("report", "made", "verdict", "fault"), rows)


@audit.command()
@click.argument("directory", type=PathType(exists=True, file_okay=False))
@site_option
@json_option
def verify(directory: Path, site: Path, as_json: bool) -> None:
    """Check that the report in DIRECTORY is whole, signed by this site, and on record.

    Without the site: deploy/verify_ledger.py KEY note DIRECTORY/audit.sig

    Example: appliance audit verify site/reports/audit-20261127T030000
    """
    from appliance.workflows.audit_reports import verify_report

    found = verify_report(site, directory)
    if as_json:
        render.emit_json({"good": True, "made_at": found["made_at"], "verdict": found["verdict"]})
        return
    render.say(f"The report of {found['made_at']} is as it was signed; it says {found['verdict']}.")
