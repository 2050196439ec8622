"""`appliance extract`: an adapter over all notes in the vault."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option


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
@click.option(
    "--vocabulary",
    type=PathType(dir_okay=False),
    help="Table of concepts (concept, name, synonyms) that findings are linked to.",
)
@click.option(
    "--entities",
    multiple=True,
    help="Of an adapter of relations: an adapter that finds ends of pairs; may be given again.",
)
@click.option(
    "--names",
    type=PathType(dir_okay=False),
    help="Of the same: names (TSV) of the types that none of these finds; the task's own "
    "vocabulary without it.",
)
@click.option("--cohort", default="", help="Only notes of that cohort (`notes search`).")
@site_option
@json_option
@dry_run_option
def extract(
    adapter: str | None,
    task: str | None,
    out: str,
    output_format: str,
    vocabulary: Path | None,
    cohort: str,
    entities: tuple[str, ...],
    names: Path | None,
    site: Path,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Run an adapter over all notes in the vault.

    Findings hold offsets, never text: of the entity, and of the words that say that it is negated,
    historical, of the family, hypothetical or uncertain (policies/assertion.toml). A note
    that fails is in the quarantine, and counted. Run again after an interruption, it goes on where
    it was.

    An adapter of relations says what joins two entities of a sentence ([extraction]
    pair_sentences in site.toml: of a few). Their ends are findings too, of the adapters given with
    --entities, and of names that are looked up.

    \b
    Example: appliance extract --adapter reader --out all
    Example: appliance extract --adapter pairs --entities reader --out related
    """  # noqa: D301 - click wants the character itself
    from appliance.workflows import extract as workflow

    if dry_run:
        plan = workflow.plan_extraction(
            site,
            adapter=adapter,
            task=task,
            out=out,
            output_format=output_format,
            vocabulary=vocabulary,
            cohort=cohort,
            entities=entities,
            names=names,
        )
        if as_json:
            render.emit_json(plan)
        else:
            rows = [("adapter", plan.adapter), ("notes", plan.notes), ("plan", plan.digest)]
            rows += [("ends of pairs", found_by) for found_by in plan.found_by]
            render.emit_table("Would be extracted", ("", ""), rows)
        if plan.goes_on:
            render.say("A stopped run would go on, with the notes there were when it began.")
        if plan.is_there:
            render.say(f"Findings {out} are there already, of these notes and this adapter.")
        return
    card = workflow.extract(
        site,
        adapter=adapter,
        task=task,
        out=out,
        output_format=output_format,
        vocabulary=vocabulary,
        cohort=cohort,
        entities=entities,
        names=names,
        progress=render.Bars(),
    )
    if as_json:
        render.emit_json(card)
        return
    rows = [("notes", card.notes), ("notes with findings", card.notes_with_findings)]
    rows += [(f"findings: {label}", count) for label, count in card.labels.items()]
    rows += [(kind, count) for kind, count in card.assertions.items()]
    rows += [(f"relations: {label}", count) for label, count in card.relations.items()]
    rows += [(f"pairs: {kind}", count) for kind, count in card.pairs.items()]
    rows += [(f"concept: {reason}", count) for reason, count in card.linked.items()]
    rows += [(f"quarantined: {kind}", count) for kind, count in card.quarantined.items()]
    render.emit_table(f"Findings {card.name}", ("", "count"), rows)
