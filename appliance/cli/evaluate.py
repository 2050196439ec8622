"""`appliance evaluate`: score an adapter."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option

if TYPE_CHECKING:
    from appliance.records.breakdown import Breakdown, Figure, Mistake, Score
    from appliance.records.reviews import ReviewedScore
    from appliance.records.scores import (
        Comparison,
        RelationComparison,
        RelationScore,
        RelationScoreCard,
    )
    from appliance.records.spans import Span


@click.command()
@click.option("--adapter", required=True, help="Name of a finished adapter.")
@click.option(
    "--gold",
    required=True,
    type=PathType(),
    help="Texts that people annotated: CoNLL/IOB2 (.tsv, .conll, .iob), JSONL, PubTator "
    "(.pubtator, .pubtator.txt), a folder of brat's, or SITE/reviews/NAME; of relations the same "
    "without CoNLL and reviews, or a file with masked pairs (.json, .jsonl, .tsv).",
)
@click.option(
    "--map",
    "renames",
    multiple=True,
    metavar="GOLD=OURS",
    help="What a label of the gold stands for, e.g. DRUG=Chemical; GOLD= leaves it out. May be "
    "given again, for a relation also with several of ours: the one that joins the pair's types.",
)
@click.option(
    "--vocabulary",
    type=PathType(dir_okay=False),
    help="Names for the dictionary baseline (TSV); the task's own without it.",
)
@click.option(
    "--vocabulary-is-independent",
    "is_independent",
    is_flag=True,
    help="The gold was marked up with that very vocabulary, or holds common names only: score, "
    "though the vocabulary looks made from it. The card and the ledger say so.",
)
@click.option("--against", help="Name of another adapter, to be compared on the same gold.")
@click.option("--report", type=PathType(dir_okay=False), help="An HTML page to write, counts only.")
@click.option(
    "--show-text", is_flag=True, help="Show every mistake with its words; on a terminal only."
)
@site_option
@dry_run_option
@json_option
def evaluate(
    site: Path,
    adapter: str,
    gold: Path,
    vocabulary: Path | None,
    is_independent: bool,
    against: str | None,
    renames: tuple[str, ...],
    report: Path | None,
    show_text: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Score an adapter on GOLD, beside what is free on the same texts.

    Entities, strict: a span counts when start, end and label are those of gold; beside it a
    dictionary look-up. Relations: macro-F1, Matthews correlation and the F1 of what is related;
    beside it the answer that is always yes. Intervals are a bootstrap over documents, and the
    comparison with another adapter is a paired permutation test over documents.

    Refused where the task's vocabulary, or --vocabulary, looks made from the gold.

    \b
    Gold of relations has every pair of a text,
      {"id", "text", "spans": [{"start", "end", "label"}],
       "relations": [{"head": 0, "tail": 1, "label": "gene-disease"}]}
    or one masked pair in a line, as JSON or with these columns as TSV,
      {"text": "@GENE$ was mutated in @DISEASE$.", "label": "1"}

    Example: appliance evaluate --adapter reader --gold hospital/gold.jsonl
    """  # noqa: D301 - click wants the character itself
    if dry_run:
        _plan(site, adapter, gold, vocabulary, against, renames, is_independent, as_json=as_json)
        return
    from appliance.records.scores import RelationScoreCard, ScoreCard
    from appliance.workflows.evaluate_shown import Mistakes, evaluate_shown

    mistakes = Mistakes(sys.stdout.isatty()) if show_text else None
    card = evaluate_shown(
        site,
        adapter=adapter,
        gold=gold,
        vocabulary=vocabulary,
        against=against,
        renames=renames,
        is_independent=is_independent,
        report=report,
        mistakes=mistakes,
        progress=render.Bars(),
    )
    if isinstance(card, ScoreCard) and card.vouched:
        render.complain("the vocabulary looks made from this gold; you said that it is not.")
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
    if card.breakdown is not None:
        _show_breakdown(card.breakdown)
    if card.comparison is not None:
        _show_comparison(card.adapter, card.comparison)
    if card.reviewed is not None:
        _show_reviewed(card.reviewed)
    if mistakes is not None:
        _show_mistakes(mistakes.found)


def _plan(
    site: Path,
    adapter: str,
    gold: Path,
    vocabulary: Path | None,
    against: str | None,
    renames: tuple[str, ...],
    is_independent: bool,
    *,
    as_json: bool,
) -> None:
    from appliance.workflows.evaluate_shown import plan_shown

    planned = plan_shown(
        site,
        adapter=adapter,
        gold=gold,
        vocabulary=vocabulary,
        against=against,
        renames=renames,
        is_independent=is_independent,
    )
    if as_json:
        render.emit_json(planned)
        return
    beside = f", beside {planned.against}" if planned.against else ""
    render.say(f"Would score {adapter} on {planned.documents} documents of {planned.gold}{beside}.")


def _show_breakdown(breakdown: "Breakdown") -> None:
    rows = [_row("overlap is enough", breakdown.relaxed)]
    if breakdown.seen is not None and breakdown.unseen is not None:
        rows += [_row("names seen in training", breakdown.seen)]
        rows += [_row("names never seen", breakdown.unseen)]
    columns = ("", "precision", "recall", "F1", "95 % CI", "right", "found", "gold")
    render.emit_table("Behind it", columns, rows)
    faults = [(kind, str(count)) for kind, count in breakdown.faults.items()]
    faults += [("expected calibration error", f"{breakdown.calibration.ece:.3f}")]
    render.emit_table("Mistakes", ("kind", "count"), faults)


def _show_comparison(name: str, comparison: "Comparison | RelationComparison") -> None:
    rows = [
        ("difference, points", _figure(comparison.difference)),
        ("p, paired permutation", f"{comparison.p_value:.4f}"),
    ]
    render.emit_table(f"{name} less {comparison.against}", ("", ""), rows)


def _show_reviewed(reviewed: "ReviewedScore") -> None:
    rows = [
        ("precision", _figure(reviewed.estimate.precision)),
        ("recall", _figure(reviewed.estimate.recall)),
        ("F1", _figure(reviewed.estimate.f1)),
        ("hours of review", f"{reviewed.hours:.2f}"),
    ]
    if reviewed.outdated:
        rows.append(("notes that drop out, changed since", str(reviewed.outdated)))
    if reviewed.apart:
        rows.append(
            ("notes apart, of patients in other reviews: likely harder", str(reviewed.apart))
        )
    if reviewed.gained is not None:
        rows.append(("F1 gained, points", _figure(reviewed.gained)))
    if reviewed.gained_per_hour is not None:
        rows.append(("F1 gained per reviewed hour", _figure(reviewed.gained_per_hour)))
    title = f"All notes that review {reviewed.review} was drawn from"
    render.emit_table(title, ("", ""), rows)


def _show_mistakes(mistakes: "Sequence[Mistake]") -> None:
    rows = [
        (one.fault.value, one.document_id, _label(one.gold), _label(one.found), one.words)
        for one in mistakes
    ]
    render.emit_table("Every mistake", ("kind", "document", "gold", "found", "words"), rows)


def _label(span: "Span | None") -> str:
    return "" if span is None else f"{span.label} {span.start}-{span.end}"


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
    if card.comparison is not None:
        _show_comparison(card.adapter, card.comparison)


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
