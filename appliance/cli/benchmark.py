"""`appliance benchmark paper`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option, site_option
from appliance.errors import BadInput

if TYPE_CHECKING:
    from appliance.records.breakdown import Figure, Score
    from appliance.records.scores import DirectArm, PaperTable
    from appliance.workflows.benchmark import Arm


@click.group()
def benchmark() -> None:
    """Measure the product on public corpora."""


@benchmark.command()
@click.option("--ner-gold", type=PathType(dir_okay=False), help="Gold spans; see `evaluate`.")
@click.option("--ner-adapter", help="Name of an adapter of entities.")
@click.option("--re-gold", type=PathType(dir_okay=False), help="Gold pairs; see `evaluate`.")
@click.option("--re-adapter", help="Name of an adapter of relations.")
@click.option(
    "--map",
    "renames",
    multiple=True,
    metavar="GOLD=OURS",
    help="What a label of the gold stands for; see `evaluate`. May be given again.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Texts of each file that are scored, drawn by the seed; all without it.",
)
@click.option(
    "--shots",
    type=click.IntRange(min=0, max=20),
    default=0,
    show_default=True,
    help="Answered questions about sentences of the label sheet, shown before each question.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of both draws.")
@site_option
@json_option
def paper(
    site: Path,
    ner_gold: Path | None,
    ner_adapter: str | None,
    re_gold: Path | None,
    re_adapter: str | None,
    renames: tuple[str, ...],
    limit: int | None,
    shots: int,
    seed: int,
    as_json: bool,
) -> None:
    """Print the table of Tang et al. 2023 with this site's models, beside the paper's figures.

    Asked directly, the site's language model reads each text of GOLD itself: "list the diseases",
    "yes or no". Beside it the adapter, trained on what such a model invented, on the same texts.
    Gold texts pass the gate and go to vLLM on this machine only; a text that the gate keeps here
    counts as an empty answer. The paper asks without examples (--shots 0); a base model, which
    follows no instruction, does better with some.

    Example: appliance benchmark paper --ner-gold ncbi/test.tsv --ner-adapter reader --limit 200
    """
    from appliance.workflows import benchmark as workflow

    table = workflow.paper(
        site,
        entities=_arm(ner_gold, ner_adapter, renames, "ner"),
        relations=_arm(re_gold, re_adapter, renames, "re"),
        draw=workflow.Draw(limit, shots, seed),
        progress=render.Bars(),
    )
    if as_json:
        render.emit_json(table)
        return
    _show(table)


def _arm(
    gold: Path | None, adapter: str | None, renames: tuple[str, ...], row: str
) -> "Arm | None":
    from appliance.workflows.benchmark import Arm

    if gold is None and adapter is None:
        return None
    if gold is None or adapter is None:
        lacking = "gold" if gold is None else "adapter"
        raise BadInput(f"The row {row.upper()} lacks --{row}-{lacking}.", "Name both, or neither.")
    return Arm(adapter, gold, renames)


def _show(table: "PaperTable") -> None:
    direct = f"asked directly, {table.shots} shots"
    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    if row := table.entities:
        rows += [
            ("NER, strict F1", direct, row.asked.model, _score(row.direct), "", ""),
            ("", "trained on invented text", row.adapter, _score(row.trained), "", ""),
            ("", "free: dictionary", "", _score(row.dictionary), "", ""),
            ("", "paper", "", _published(table, "entities"), "", ""),
        ]
        notes.append(f"NER: {row.gold}, {_texts(row.documents, row.of, table.seed)}; ")
        notes[-1] += _asked(row.asked)
    if pairs := table.relations:
        arms = (
            ("RE, F1 of related", direct, pairs.asked.model, pairs.direct),
            ("", "trained on invented text", pairs.adapter, pairs.trained),
            ("", "free: always yes", "", pairs.always_yes),
        )
        rows += [
            (*words, _figure(one.positive_f1), _figure(one.macro_f1), _figure(one.mcc))
            for *words, one in arms
        ]
        rows.append(("", "paper", "", _published(table, "relations"), "", ""))
        notes.append(f"RE: {pairs.gold}, {_texts(pairs.documents, pairs.of, table.seed)}; ")
        notes[-1] += _asked(pairs.asked)
    columns = ("", "", "model", "F1", "macro-F1", "MCC")
    render.emit_table("Direct extraction and training on invented text", columns, rows)
    for note in notes:
        render.say(note)
    render.say("Paper: averages over its own test sets, with ChatGPT and larger encoders.")


def _texts(scored: int, of: int, seed: int) -> str:
    return f"{scored} texts" if scored == of else f"{scored} of {of} texts, drawn by seed {seed}"


def _asked(arm: "DirectArm") -> str:
    return (
        f"of {arm.questions} questions {arm.denied} were kept here by the gate and {arm.refused} "
        "refused by the engine, each counted as an empty answer."
    )


def _published(table: "PaperTable", row: str) -> str:
    direct, trained = table.published[row]
    return f"{direct:.1f} -> {trained:.1f}"


def _score(score: "Score") -> str:
    return f"{100 * score.f1:.1f} ({100 * score.ci_low:.1f} to {100 * score.ci_high:.1f})"


def _figure(figure: "Figure") -> str:
    low, high = 100 * figure.ci_low, 100 * figure.ci_high
    return f"{100 * figure.value:.1f} ({low:.1f} to {high:.1f})"
