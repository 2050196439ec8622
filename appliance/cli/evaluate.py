"""`appliance evaluate`: score an adapter."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option, site_option

if TYPE_CHECKING:
    from appliance.records.scores import Score


@click.command()
@click.option("--adapter", required=True, help="Name of a finished adapter.")
@click.option(
    "--gold",
    required=True,
    type=PathType(dir_okay=False),
    help="Texts that people annotated: CoNLL/IOB2 (.tsv, .conll, .iob) or JSONL.",
)
@click.option(
    "--vocabulary",
    type=PathType(dir_okay=False),
    help="Names for the dictionary baseline (TSV); the task's own without it.",
)
@site_option
@json_option
def evaluate(site: Path, adapter: str, gold: Path, vocabulary: Path | None, as_json: bool) -> None:
    """Score an adapter on GOLD, beside a dictionary look-up on the same texts.

    Strict: a span counts when start, end and label are those of gold. The interval is a
    bootstrap over documents.

    Example: appliance evaluate --adapter reader --gold hospital/gold.jsonl
    """
    from appliance.workflows import evaluate as workflow

    card = workflow.evaluate(
        site, adapter=adapter, gold=gold, vocabulary=vocabulary, progress=render.Bars()
    )
    if as_json:
        render.emit_json(card)
        return
    rows = [_row(card.adapter, card.overall)]
    rows += [_row(f"  {label}", score) for label, score in card.per_label.items()]
    rows += [_row(name, score) for name, score in card.baselines.items()]
    columns = ("", "precision", "recall", "F1 (strict)", "95 % CI", "right", "found", "gold")
    render.emit_table(f"{card.gold}: {card.documents} documents", columns, rows)


def _row(name: str, score: "Score") -> tuple[object, ...]:
    return (
        name,
        f"{100 * score.precision:.1f}",
        f"{100 * score.recall:.1f}",
        f"{100 * score.f1:.1f}",
        f"{100 * score.ci_low:.1f} to {100 * score.ci_high:.1f}",
        score.true_positives,
        score.predicted,
        score.gold,
    )
