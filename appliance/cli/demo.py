"""`appliance demo`: the whole main job on the invented hospital."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option


@click.command()
@click.option(
    "--site",
    envvar="APPLIANCE_SITE",
    type=PathType(file_okay=False),
    default="demo-site",
    show_default=True,
    show_envvar=True,
    help="Where to make the demo's site; an unfinished one is gone on with.",
)
@click.option(
    "--count", type=click.IntRange(min=20), default=600, show_default=True, help="Examples to make."
)
@click.option(
    "--gold",
    type=PathType(dir_okay=False, exists=True),
    help="Score on this file too (CoNLL/IOB2 or JSONL).",
)
@click.option(
    "--export-hospital",
    type=PathType(file_okay=False),
    help="Only write the invented hospital's files into this directory, for trying each step.",
)
@dry_run_option
@json_option
def demo(
    site: Path,
    count: int,
    gold: Path | None,
    export_hospital: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the whole main job on the invented hospital, with the real components.

    Makes a site, seals 240 invented notes, lets a local language model invent labelled
    sentences, trains a LoRA adapter on them, scores it and runs it over the notes.

    Example: appliance demo --site demo-site
    """
    if export_hospital is not None:
        from appliance.workflows.hospital import export_hospital as export

        written = export(export_hospital, dry_run=dry_run)
        if as_json:
            render.emit_json(written)
        else:
            title = "Would be written" if dry_run else "Written"
            render.emit_table(title, ("file", "records"), written.items())
        return
    from appliance.workflows.demo import demo as run
    from appliance.workflows.demo import plan_demo

    if dry_run:
        is_there = plan_demo(site)
        if as_json:
            render.emit_json({"site": site, "is_there": is_there, "count": count})
            return
        verb = "go on with" if is_there else "make"
        render.say(f"Would {verb} the demo's site {site}, with {count} examples.")
        return
    result = run(site, count=count, gold=gold, progress=render.Bars())
    if as_json:
        render.emit_json(result)
        return
    render.emit_table(
        "What was done",
        ("step", "outcome", "seconds"),
        [(step.name, step.outcome, step.duration) for step in result.steps],
    )
    rows = []
    for card in result.evaluations:
        for name, score in [(card.adapter, card.overall), *card.baselines.items()]:
            rates = (score.precision, score.recall, score.f1, score.ci_low, score.ci_high)
            rows.append((card.gold, name, *(f"{100 * rate:.1f}" for rate in rates)))
    columns = ("gold", "system", "precision", "recall", "F1", "95 % low", "high")
    render.emit_table("Strict entity agreement", columns, rows)
    click.echo(f"Report: {result.report}")
