"""`appliance train`: fine-tune an adapter."""

from pathlib import Path
from typing import Final

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option

# deploy/MEASURED.md: 105 examples had an F1 of 37.6 where 3,525 had 60.5.
_FEW: Final = 100


@click.command()
@click.option("--task", required=True, help="Name of a label sheet.")
@click.option("--corpus", required=True, help="Name of a finished corpus of that task.")
@click.option("--base", help="Name of a base model; the setting learning.base without it.")
@click.option("--out", required=True, help="Name of the adapter to make.")
@click.option("--dp", is_flag=True, help="Train with differential privacy; takes --epsilon.")
@click.option(
    "--epsilon", type=click.FloatRange(min=0, min_open=True), help="Its budget, e.g. 8; with --dp."
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="ADAPTER",
    help="Learn from the vault's notes too, as this adapter labels them; several vote together.",
)
@click.option(
    "--own-notes",
    type=click.IntRange(1, 50_000),
    default=2000,
    show_default=True,
    help="How many notes at most; with --teacher.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    help="How sure teachers must be of a word for it to teach; with --teacher.",
)
@click.option(
    "--reviewed",
    default="",
    metavar="REVIEW",
    help="Learn from what people decided in that review too; its random part only measures.",
)
@site_option
@dry_run_option
@json_option
def train(
    site: Path,
    task: str,
    corpus: str,
    base: str | None,
    out: str,
    dp: bool,
    epsilon: float | None,
    teachers: tuple[str, ...],
    own_notes: int,
    least: float,
    reviewed: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fine-tune a LoRA adapter on a corpus, inside a Ray Train worker.

    How (rank, learning rate, epochs, device) stands in site.toml under [learning]. With --dp the
    weights tell next to nothing of any one training example: epsilon says how little. Coins leave
    out about one example in twenty, 200 or so at most, so that the audit can put that to the test.

    With --teacher or --reviewed the adapter learns from the site's own notes too. It holds traces
    of them then: its card says site_only, and every way out of the site refuses it.

    \b
    Example: appliance train --task disease --corpus first --out reader
             appliance train --task disease --corpus first --out ours --teacher reader
             appliance train --task disease --corpus first --out better --reviewed first
    """  # noqa: D301 - click wants the character itself
    from appliance.workflows import train as workflow
    from appliance.workflows.self_training import Teaching

    if dp is not (epsilon is not None):
        raise click.UsageError("--dp and --epsilon go together.")
    budget = epsilon or 0.0
    teaching = Teaching(teachers, own_notes, least, reviewed)
    if dry_run:
        planned = workflow.plan(
            site, task=task, corpus=corpus, base=base, out=out, epsilon=budget, teaching=teaching
        )
        _warn_of_few(planned.examples)
        if as_json:
            render.emit_json(planned)
            return
        rows = [
            ("base model", planned.base),
            ("corpus", planned.corpus),
            ("examples", planned.examples),
            ("epochs", planned.epochs),
            ("LoRA rank", planned.lora_rank),
            ("notes of the vault, or passages", planned.own_notes),
            ("where", f"{planned.workers} worker(s), {planned.device}"),
        ]
        render.emit_table(f"Would train adapter {out}", ("what", "value"), rows)
        if planned.is_there:
            render.say(f"Adapter {out} is there already, made of these parts.")
        return
    card = workflow.train(
        site,
        task=task,
        corpus=corpus,
        base=base,
        out=out,
        epsilon=budget,
        teaching=teaching,
        progress=render.Bars(),
    )
    _warn_of_few(card.examples)
    if as_json:
        render.emit_json(card)
        return
    rows = [
        ("base model", f"{card.base} {card.base_digest[:12]}"),
        ("corpus", f"{card.corpus} {card.corpus_digest[:12]}"),
        ("examples", card.examples),
        ("epochs", card.epochs),
        ("LoRA rank", card.lora_rank),
        ("final loss", f"{card.final_loss:.4f}"),
        (f"dev F1 ({card.kind}, invented text)", f"{100 * card.dev_f1:.1f}"),
    ]
    if card.site_only:
        rows.append(("learned from this site's notes", "yes: it stays here (site_only)"))
    if card.epsilon is not None and card.delta is not None:
        rows.append(("differential privacy", f"({card.epsilon:.3f}, {card.delta:.1e})"))
    render.emit_table(f"Adapter {card.name}", ("what", "value"), rows)


def _warn_of_few(examples: int) -> None:
    if examples < _FEW:
        render.say(
            f"{examples} example(s) are few: an adapter that learns next to nothing is what to "
            "expect, and F1 on dev is by chance. Make more with `appliance synthesize --count 600`."
        )
