"""`appliance train`: fine-tune an adapter."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option


@click.command()
@click.option("--task", required=True, help="Name of a label sheet.")
@click.option("--corpus", required=True, help="Name of a finished corpus of that task.")
@click.option("--base", help="Name of a base model; the setting learning.base without it.")
@click.option("--out", required=True, help="Name of the adapter to make.")
@click.option("--dp", is_flag=True, help="Train with differential privacy; takes --epsilon.")
@click.option(
    "--epsilon", type=click.FloatRange(min=0, min_open=True), help="Its budget, e.g. 8; with --dp."
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
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fine-tune a LoRA adapter on a corpus, inside a Ray Train worker.

    How (rank, learning rate, epochs, device) stands in site.toml under [learning]. With --dp the
    weights tell next to nothing of any one training example: epsilon says how little.

    Example: appliance train --task disease --corpus first --out reader
    """
    from appliance.workflows import train as workflow

    if dp is not (epsilon is not None):
        raise click.UsageError("--dp and --epsilon go together.")
    budget = epsilon or 0.0
    if dry_run:
        planned = workflow.plan(site, task=task, corpus=corpus, base=base, out=out, epsilon=budget)
        if as_json:
            render.emit_json(planned)
            return
        rows = [
            ("base model", planned.base),
            ("corpus", planned.corpus),
            ("examples", planned.examples),
            ("epochs", planned.epochs),
            ("LoRA rank", planned.lora_rank),
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
        progress=render.Bars(),
    )
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
    if card.epsilon is not None and card.delta is not None:
        rows.append(("differential privacy", f"({card.epsilon:.3f}, {card.delta:.1e})"))
    render.emit_table(f"Adapter {card.name}", ("what", "value"), rows)
