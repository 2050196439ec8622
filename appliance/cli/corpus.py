"""`appliance corpus list | show | report | export | import | weigh | review`."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option

if TYPE_CHECKING:
    from appliance.workflows.profile import CorpusReport

# Told here as well as in workflows, which load more than `--help` should.
_FORMATS: Final = (
    "jsonl",
    "conll",
    "gliner",
    "label-studio",
    "parquet",
    "docbin",
    "hf",
    "brat",
)


@click.group()
def corpus() -> None:
    """Show corpora, give them to other tools and people, and take back what they did."""


@corpus.command("list")
@site_option
@json_option
def list_(site: Path, as_json: bool) -> None:
    """List the corpora of the site.

    Example: appliance corpus list
    """
    from appliance.workflows.corpus import list_corpora

    cards = list_corpora(site)
    if as_json:
        render.emit_json({"corpora": cards})
        return
    rows = [
        (
            *(card.name, card.task, sum(card.splits.values()), card.made_at[:19]),
            card.parent or ", ".join(card.joined),
        )
        for card in cards
    ]
    render.emit_table("Corpora", ("name", "task", "examples", "made", "made from"), rows)


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
    """Show the card and the first examples of corpus NAME.

    Example: appliance corpus show first --examples 10
    """
    from appliance.workflows.corpus import show_corpus

    view = show_corpus(site, name, first)
    if as_json:
        render.emit_json(view)
        return
    card = render.to_plain(view.card)
    rows = [(what, render.in_words(value)) for what, value in card.items()]
    render.emit_table(f"Corpus {name}", ("what", "value"), rows)
    rows = [
        (example.text, "; ".join(example.text[span.start : span.end] for span in example.spans))
        for example in view.examples
    ]
    render.emit_table("First examples, invented", ("text", "entities"), rows)


@corpus.command()
@click.argument("name")
@click.option(
    "--reference",
    type=PathType(dir_okay=False),
    help="Public texts like those that the adapter is to read: .txt (one a line), .jsonl or IOB2.",
)
@click.option("--adapter", help="One that learned from it: what of the held-out does it misread?")
@site_option
@json_option
def report(
    name: str, reference: Path | None, adapter: str | None, site: Path, as_json: bool
) -> None:
    """Tell how varied corpus NAME is, and how far from a reference.

    Numbers only. With --reference it also tells which shares the label sheet's [mix] would need for
    such texts; with --adapter, which it would need to teach what that one reads worst. `synthesize
    --mix-from` takes either for the next round.

    Example: appliance corpus report first --reference public.txt
    """
    from appliance.workflows.profile import report_corpus

    result = report_corpus(site, name, reference, adapter)
    if as_json:
        render.emit_json(result)
        return
    columns = ["all", *result.origins, *(["reference"] if result.gap else [])]
    render.emit_table(f"Corpus {name}", ("", *columns), _profile_rows(result))
    if result.gap and result.mix:
        rows = [
            ("divergence of words, bits", f"{result.gap.divergence:.2f}"),
            ("of the reference missing: words, pairs, triples", _shares(result.gap.missing)),
            ("of the corpus novel: words, pairs, triples", _shares(result.gap.novel)),
            ("[mix] for texts like the reference", render.in_words(render.to_plain(result.mix))),
        ]
        render.emit_table("Beside the reference", ("", "value"), rows)
    if result.held_out and result.mix:
        mix = render.to_plain(result.mix)
        held_out = [
            (kind, found.texts, found.misread, f"{found.doubt:.2f}", f"{mix[kind]:.2f}")
            for kind, found in result.held_out.items()
        ]
        columns = ["sentences", "held out", "misread", "doubt", "[mix] to teach it"]
        render.emit_table(f"As {adapter} reads it", columns, held_out)


def _profile_rows(result: "CorpusReport") -> list[tuple[str, ...]]:
    profiles = [result.profile, *result.origins.values()]
    profiles += [result.gap.reference] if result.gap else []
    lines = {
        "texts": [str(one.texts) for one in profiles],
        "words a text: 10th, 50th, 90th percentile": [
            " ".join(f"{words:.0f}" for words in one.words) for one in profiles
        ],
        "no mention": [f"{one.without_mention:.0%}" for one in profiles],
        "several mentions": [f"{one.several_mentions:.0%}" for one in profiles],
        "mentions a text": [f"{one.mentions:.2f}" for one in profiles],
        "abbreviations among words": [f"{one.short_forms:.1%}" for one in profiles],
        "words with digits": [f"{one.numbers:.1%}" for one in profiles],
        "vocabulary named": [f"{one.coverage:.0%}" for one in profiles],
        "distinct words, pairs, triples": [_shares(one.distinct) for one in profiles],
        "entropy of words, bits": [f"{one.entropy:.1f}" for one in profiles],
        "self-BLEU": [f"{one.self_bleu:.2f}" for one in profiles],
    }
    return [(name, *cells) for name, cells in lines.items()]


def _shares(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.0%}" for value in values)


@corpus.command()
@click.argument("name")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="jsonl", show_default=True)
@click.option(
    "--out",
    "target",
    type=PathType(),
    help="File or, for hf and brat, folder to write; stdout where it is left out.",
)
@click.option(
    "--approval",
    "approvals",
    type=PathType(dir_okay=False),
    multiple=True,
    help="A signed statement of `appliance release ask`, where policies/release.toml asks for it.",
)
@site_option
@dry_run_option
@json_option
def export(
    name: str,
    form: str,
    target: Path | None,
    approvals: tuple[Path, ...],
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write corpus NAME in a format of another tool.

    Nothing is lost in any of them: `corpus import` takes the same examples back. parquet, docbin
    (spaCy), hf (Hugging Face datasets) and brat need --out. With --json, stdout holds one document,
    with the lines in it where nothing was named.

    Example: appliance corpus export first --format conll --out first.conll
    """
    from appliance.workflows.corpus import document_export, export_corpus

    if dry_run or as_json or target is not None:
        document = document_export(site, name, form, target, dry_run=dry_run, approvals=approvals)
        if dry_run:
            place = target or "stdout"
            render.say(f"Would write {document.examples} examples as {form} to {place}.")
        elif not as_json:
            render.say(f"{document.examples} examples are in {target}.")
        if document.setup:
            render.say(f"Labelling interface of the project: {document.setup}")
        if as_json:
            render.emit_json(document)
        return
    for line in export_corpus(site, name, form, approvals=approvals):
        click.echo(line)


@corpus.command("import")
@click.argument("source", type=PathType())
@click.option("--format", "form", type=click.Choice(_FORMATS), default="jsonl", show_default=True)
@click.option("--of", "name", required=True, help="The corpus that was exported.")
@click.option("--out", required=True, help="Name of the new corpus.")
@site_option
@dry_run_option
@json_option
def import_(
    source: Path, form: str, name: str, out: str, site: Path, dry_run: bool, as_json: bool
) -> None:
    """Take back an export that was worked on with another tool, as a new corpus.

    Labels may have changed and examples may be missing; a text that is not in the corpus it came
    from is refused, because nothing says how it was made. So are offsets that are counted
    otherwise: more than one span in ten that begins or ends inside a word.

    Example: appliance corpus import first.jsonl --of first --out corrected
    """
    from appliance.workflows.review import import_corpus

    revision = import_corpus(site, source, form, name, out, dry_run=dry_run)
    if revision.cut_words:
        render.complain(
            f"{revision.cut_words} span(s) begin or end inside a word, the first in example "
            f"{revision.first_cut}: see that they mark what you meant."
        )
    _tell(revision, dry_run=dry_run, as_json=as_json)


@corpus.command()
@click.argument("name")
@click.option("--adapter", required=True, help="One that learned from another corpus of the task.")
@click.option("--out", required=True, help="Name of the new corpus.")
@site_option
@dry_run_option
@json_option
def weigh(name: str, adapter: str, out: str, site: Path, dry_run: bool, as_json: bool) -> None:
    """Weigh corpus NAME by how far an adapter believes its labels, as a new corpus.

    Examples that a model wrote count in training as much as the adapter agrees with their labels
    ([learning] row_weights); composed lines and what is held out stay as they are.

    Example: appliance corpus weigh second --adapter first --out weighed
    """
    from appliance.workflows.weighing import weigh_corpus

    weighing = weigh_corpus(site, name, adapter, out, dry_run=dry_run)
    _tell(weighing, dry_run=dry_run, as_json=as_json)


@corpus.command()
@click.argument("name")
@click.option("--page", type=PathType(dir_okay=False), help="HTML file to write.")
@click.option("--decisions", type=PathType(dir_okay=False), help="File that the page saved.")
@click.option("--out", help="With --decisions: name of the new corpus.")
@click.option(
    "--undecided",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="With --decisions: what becomes of examples without one.",
)
@site_option
@dry_run_option
@json_option
def review(
    name: str,
    page: Path | None,
    decisions: Path | None,
    out: str | None,
    undecided: str,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let a person accept or reject the examples of corpus NAME.

    With --page, write a page that does it in any browser, loads nothing and saves a file of
    decisions. With --decisions and --out, make a new corpus of what was accepted.

    Example: appliance corpus review first --page review.html
    """
    from appliance.workflows.review import apply_decisions, write_review

    if (page is None) == (decisions is None):
        raise click.UsageError("Give --page to write the page, or --decisions to take them back.")
    if page is not None:
        written = write_review(site, name, page, dry_run=dry_run)
        verb = "Would write" if dry_run else "Wrote"
        render.say(f"{verb} {written.examples} examples to {page}; open it in a browser.")
        if as_json:
            render.emit_json(written)
        return
    if decisions is None or out is None:
        raise click.UsageError("Give the new corpus a name with --out.")
    keep = undecided == "keep"
    revision = apply_decisions(site, name, decisions, out, keep_undecided=keep, dry_run=dry_run)
    _tell(revision, dry_run=dry_run, as_json=as_json)


def _tell(revision: object, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        render.emit_json(revision)
        return
    title = "What the corpus would be" if dry_run else "A new corpus"
    fields = render.to_plain(revision)
    render.emit_table(title, ("what", "value"), fields.items())
