"""`appliance findings`: export, count."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option

_FORMATS = ("parquet", "jsonl", "brat", "omop", "fhir")


@click.group()
def findings() -> None:
    """Export findings for other tools inside the site; count them for others."""


@findings.command()
@click.argument("name")
@click.option(
    "--format", "output_format", type=click.Choice(_FORMATS), required=True, help="Of the export."
)
@click.option("--out", required=True, help="Name of the export to make.")
@click.option("--reason", required=True, help="Why: a word or a few, e.g. registry study.")
@click.option("--vocabulary", default="", help="URI of the coding system of the concepts.")
@click.option("--with-text", is_flag=True, help="Write the words that were found too.")
@site_option
@json_option
@dry_run_option
def export(
    name: str,
    output_format: str,
    out: str,
    reason: str,
    vocabulary: str,
    with_text: bool,
    site: Path,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Write findings as tables, BRAT, OMOP NOTE_NLP or FHIR R4, under SITE/exports.

    Nothing is written outside the site, and no word of a note without --with-text. What a format
    can't say is counted as left out. The ledger keeps the reason.

    Example: appliance findings export all --format omop --out study --reason "registry study"
    """
    from appliance.workflows.findings import export as export_findings

    card = export_findings(
        site,
        name,
        out=out,
        output_format=output_format,
        reason="-".join(reason.lower().split()),
        vocabulary=vocabulary,
        with_text=with_text,
        dry_run=dry_run,
        progress=render.Bars(),
    )
    if as_json:
        render.emit_json(card)
        return
    rows = list(card.rows.items())
    rows += [(f"left out: {reason}", count) for reason, count in card.left_out.items()]
    render.emit_table("Would be exported" if dry_run else f"Export {out}", ("", "count"), rows)


@findings.command()
@click.argument("name")
@click.option("--by-concept", is_flag=True, help="Not by label alone.")
@site_option
@json_option
def count(name: str, by_concept: bool, site: Path, as_json: bool) -> None:
    """Count patients by what was found in their notes; small numbers are kept back.

    What is negated, of the family or only feared does not count. policies/disclosure.toml says
    from which number on one is shown.

    Example: appliance findings count all
    """
    from appliance.workflows.findings import count as count_findings

    counts = count_findings(site, name, by_concept=by_concept)
    if as_json:
        render.emit_json(counts)
        return
    rows = [
        (row.label, row.concept, *("few" if n is None else n for n in (row.patients, row.findings)))
        for row in counts
    ]
    render.emit_table("Patients", ("label", "concept", "patients", "findings"), rows)
