"""`appliance evaluate`: score an adapter."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option, site_option

if TYPE_CHECKING:
    from appliance.records.scores import Figure, RelationScore, RelationScoreCard, Score


@click.command()
@click.option("--adapter", required=True, help="Name of a finished adapter.")
@click.option(
    "--gold",
    required=True,
    type=PathType(dir_okay=False),
    help="Texts that people annotated: CoNLL/IOB2 (.tsv, .conll, .iob) or JSONL; of relations "
    "JSONL, or a file with masked pairs (.json, .jsonl, .tsv).",
)
@click.option(
    "--vocabulary",
    type=PathType(dir_okay=False),
    help="Names for the dictionary baseline (TSV); the task's own without it.",
)
@site_option
@json_option
def evaluate(site: Path, adapter: str, gold: Path, vocabulary: Path | None, as_json: bool) -> None:
    r"""Score an adapter on GOLD, beside what is free on the same texts.

    Entities, strict: a span counts when start, end and label are those of gold; beside it a
    dictionary look-up. Relations: macro-F1, Matthews correlation and the F1 of what is related;
    beside it the answer that is always yes. Intervals are a bootstrap over documents.

    \b
    Gold of relations has every pair of a text,
      {"id", "text", "spans": [{"start", "end", "label"}],
       "relations": [{"head": 0, "tail": 1, "label": "gene-disease"}]}
    or one masked pair in a line, as JSON or with these columns as TSV,
      {"text": "@GENE$ was mutated in @DISEASE$.", "label": "1"}

    Example: appliance evaluate --adapter reader --gold hospital/gold.jsonl
    """
    from appliance.records.scores import RelationScoreCard
    from appliance.workflows import evaluate as workflow

    card = workflow.evaluate(
        site, adapter=adapter, gold=gold, vocabulary=vocabulary, progress=render.Bars()
    )
    if as_json:
        render.emit_json(card)
        return
    if isinstance(card, RelationScoreCard):
        _show_relations(card)
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


def _show_relations(card: "RelationScoreCard") -> None:
    rows = [_pair_row(card.adapter, card.overall)]
    rows += [_pair_row(name, score) for name, score in card.baselines.items()]
    columns = ("", "macro-F1", "MCC", "F1 of related", "precision", "recall", "said", "gold")
    title = f"{card.gold}: {card.overall.pairs} pairs in {card.documents} texts"
    render.emit_table(title, columns, rows)


def _pair_row(name: str, score: "RelationScore") -> tuple[object, ...]:
    return (
        name,
        _figure(score.macro_f1),
        _figure(score.mcc),
        _figure(score.positive_f1),
        f"{100 * score.precision:.1f}",
        f"{100 * score.recall:.1f}",
        score.predicted,
        score.positive,
    )


def _figure(figure: "Figure") -> str:
    low, high = 100 * figure.ci_low, 100 * figure.ci_high
    return f"{100 * figure.value:.1f} ({low:.1f} to {high:.1f})"
