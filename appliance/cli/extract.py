"""`appliance extract`: an adapter over all notes in the vault."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option


@click.command()
@click.option("--adapter", help="Name of an adapter; the promoted one of the task without it.")
@click.option("--task", help="Whose promoted adapter; needed where several tasks have one.")
@click.option("--out", required=True, help="Name of the findings to make.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["parquet", "jsonl"]),
    default="parquet",
    show_default=True,
    help="In what the findings are written.",
)
@site_option
@json_option
@dry_run_option
def extract(
    adapter: str | None,
    task: str | None,
    out: str,
    output_format: str,
    site: Path,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Run an adapter over all notes in the vault.

    Findings hold offsets, never text. A note that fails is in the quarantine, and counted. Run
    again after an interruption, it goes on where it was.
    """
    from appliance.workflows import extract as workflow

    if dry_run:
        plan = workflow.plan_extraction(
            site, adapter=adapter, task=task, out=out, output_format=output_format
        )
        if as_json:
            render.emit_json(plan)
        else:
            rows = [("adapter", plan.adapter), ("notes", plan.notes), ("plan", plan.digest)]
            render.emit_table("Would be extracted", ("", ""), rows)
        if plan.is_there:
            render.say(f"Findings {out} are there already, of these notes and this adapter.")
        return
    card = workflow.extract(
        site,
        adapter=adapter,
        task=task,
        out=out,
        output_format=output_format,
        progress=render.Bars(),
    )
    if as_json:
        render.emit_json(card)
        return
    rows = [("notes", card.notes), ("notes with findings", card.notes_with_findings)]
    rows += [(f"findings: {label}", count) for label, count in card.labels.items()]
    rows += [(f"quarantined: {kind}", count) for kind, count in card.quarantined.items()]
    render.emit_table(f"Findings {card.name}", ("", "count"), rows)
