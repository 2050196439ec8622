"""`appliance findings`: export, count, review, decide, reviewed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, in_dashes, json_option, site_option

if TYPE_CHECKING:
    from appliance.records.breakdown import Figure
    from appliance.workflows.reviewed import ReviewReport

_FORMATS = ("parquet", "jsonl", "brat", "omop", "fhir")


@click.group()
def findings() -> None:
    """Export findings for other tools inside the site; count them; let people check them."""


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
    can't say is counted as left out, and so is what was found in a note that was changed since. The
    ledger keeps the reason.

    Example: appliance findings export all --format omop --out study --reason "registry study"
    """
    from appliance.workflows.findings import export as export_findings

    card = export_findings(
        site,
        name,
        out=out,
        output_format=output_format,
        reason=in_dashes(reason),
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


@findings.command()
@click.argument("name")
@click.option("--out", required=True, help="Name of the review to make.")
@click.option("--reason", required=True, help="Why: a word or a few, e.g. quality check.")
@click.option(
    "--random",
    type=click.IntRange(0, 10_000),
    default=50,
    show_default=True,
    help="Whole notes drawn by lot: what the estimates are made of.",
)
@click.option(
    "--unsure",
    type=click.IntRange(0, 10_000),
    default=100,
    show_default=True,
    help="Passages that the adapter was least sure of, of other patients.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the lot.")
@click.option(
    "--without",
    multiple=True,
    help="Another review; its patients are left out. May be given several times.",
)
@site_option
@json_option
@dry_run_option
def review(
    name: str,
    out: str,
    reason: str,
    random: int,
    unsure: int,
    seed: int,
    without: tuple[str, ...],
    site: Path,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Choose notes for a person to read, on a page at SITE/reviews/OUT/page.html.

    The page stays on site. What is to be read is sealed in it, and opens in the browser with the
    key that is printed here; run again, the command makes the same page and prints the key again.
    The person takes marks away, adds what was missed, saves, and hands that in with `findings
    decide`. The drawn notes are of the extraction's notes as they were read, with and without
    findings; the passages are of other patients than these.

    Example: appliance findings review all --out first --reason "quality check"
    """
    from appliance.workflows.review_queue import Wish, make_review

    made = make_review(
        site,
        name,
        out=out,
        reason=in_dashes(reason),
        wish=Wish(random, unsure, seed, tuple(sorted(set(without)))),
        dry_run=dry_run,
        progress=render.Bars(),
    )
    if as_json:
        render.emit_json(made)
        return
    rows = [
        ("whole notes by lot", made.random),
        ("passages it was least sure of", made.unsure),
        ("patients", made.patients),
        *((f"notes, {stratum}", size) for stratum, size in made.strata.items()),
    ]
    if made.apart:
        rows.append(("notes left out, patients of other reviews", made.apart))
    if made.left_out:
        rows.append(("left out, changed since", made.left_out))
    render.emit_table("Would be read" if dry_run else f"Review {out}", ("", "count"), rows)
    if not dry_run:
        render.emit_table("", ("", ""), [("page", made.page), ("key", made.key)])


@findings.command()
@click.argument("review")
@click.argument("decisions", type=PathType(dir_okay=False))
@site_option
@json_option
@dry_run_option
def decide(review: str, decisions: Path, site: Path, as_json: bool, dry_run: bool) -> None:
    """Take back what a person decided on the page of REVIEW.

    DECISIONS is the file that the page saved: taken whole or not at all, as often as you like;
    what is not done on it stays open. Where it says other than before, the later decision counts.
    After it, SITE/reviews/REVIEW is gold for `appliance evaluate --gold`.

    Example: appliance findings decide first first-decisions.json
    """
    from appliance.workflows.reviewed import take_decisions

    report = take_decisions(site, review, decisions, dry_run=dry_run)
    if as_json:
        render.emit_json(report)
        return
    render.say(
        f"{'Would be new' if dry_run else 'New'}: {report.new}; changed: {report.changed}; "
        f"older than what was handed in: {report.older}; on notes that are gone: {report.gone}."
    )
    _show_report(report)


@findings.command()
@click.argument("review")
@site_option
@json_option
def reviewed(review: str, site: Path, as_json: bool) -> None:
    """Show what was decided in REVIEW so far, and what that says of all notes.

    Precision, recall and F1 are of the notes that were drawn, each weighted by how many it stands
    for, with 95 % intervals by patient. They come when something of each stratum is read. Notes
    that were changed since are told by number and id: they drop out of what `evaluate --gold` and
    `train --reviewed` take from the review, which stays good for the others.

    Example: appliance findings reviewed first
    """
    from appliance.workflows.reviewed import report_review

    report = report_review(site, review)
    if as_json:
        render.emit_json(report)
        return
    _show_report(report)


def _show_report(report: "ReviewReport") -> None:
    rows: list[tuple[str, object]] = [
        ("read", f"{report.decided} of {report.items}"),
        ("of these drawn by lot", f"{report.random_decided} of {report.random}"),
        ("findings accepted", report.accepted),
        ("corrected", report.corrected),
        ("rejected", report.rejected),
        ("added", report.added),
        ("hours", f"{report.hours:.2f}"),
        ("by", ", ".join(report.by)),
    ]
    if report.apart:
        others = ", ".join(report.without)
        rows.append((f"notes not drawn from, patients of {others}: likely harder", report.apart))
    if report.outdated:
        rows.append(("changed since, drop out", len(report.outdated)))
    if report.unsure_right is not None:
        rows.append(("right where it was least sure", f"{100 * report.unsure_right:.1f}"))
    if report.estimate is not None:
        rows += [
            ("precision, all notes", _figure(report.estimate.precision)),
            ("recall, all notes", _figure(report.estimate.recall)),
            ("F1, all notes", _figure(report.estimate.f1)),
        ]
    render.emit_table(f"Review {report.review}", ("", ""), rows)
    if report.outdated:
        render.emit_table("Changed since", ("item", "note"), report.outdated)


def _figure(figure: "Figure") -> str:
    low, high = 100 * figure.ci_low, 100 * figure.ci_high
    return f"{100 * figure.value:.1f} ({low:.1f} to {high:.1f})"
