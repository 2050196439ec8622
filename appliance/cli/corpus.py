"""`appliance corpus show | export`."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option


@click.group()
def corpus() -> None:
    """Show and export corpora."""


@corpus.command()
@click.argument("name")
@click.option(
    "--examples",
    "first",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many examples to show.",
)
@site_option
@json_option
def show(name: str, first: int, site: Path, as_json: bool) -> None:
    """Show the card and the first examples of corpus NAME."""
    from appliance.workflows.corpus import show_corpus

    view = show_corpus(site, name, first)
    if as_json:
        render.emit_json(view)
        return
    card = render.to_plain(view.card)
    render.emit_table(f"Corpus {name}", ("what", "value"), card.items())
    rows = [
        (example.text, "; ".join(example.text[span.start : span.end] for span in example.spans))
        for example in view.examples
    ]
    render.emit_table("First examples, invented", ("text", "entities"), rows)


@corpus.command()
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["jsonl", "conll"]), default="jsonl")
@click.option(
    "--out",
    "target",
    type=PathType(dir_okay=False),
    help="File to write; stdout where it is left out.",
)
@site_option
@dry_run_option
@json_option
def export(
    name: str, form: str, target: Path | None, site: Path, dry_run: bool, as_json: bool
) -> None:
    """Write corpus NAME as JSON lines or CoNLL (IOB2).

    With --json, stdout holds one document, with the lines in it where no file was named.
    """
    from appliance.workflows.corpus import document_export, export_corpus

    if dry_run or as_json:
        document = document_export(site, name, form, target, dry_run=dry_run)
        if dry_run:
            place = target or "stdout"
            render.say(f"Would write {document.examples} examples as {form} to {place}.")
        if as_json:
            render.emit_json(document)
        return
    for line in export_corpus(site, name, form, target):
        click.echo(line)
