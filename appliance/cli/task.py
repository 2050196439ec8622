"""`appliance task`: validate, list and show label sheets; make vocabularies for them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option
from appliance.errors import BadInput

if TYPE_CHECKING:
    from appliance.workflows.sheet_denials import DeniedPlace
    from appliance.workflows.task import TaskSummary

# Told here as well as in workflows, which load more than `--help` should.
TERMINOLOGIES: Final = ("mesh", "obo", "drugbank", "hgnc", "icd10cm", "tsv")


def _any_site_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--site DIR`, where the shipped sheets will do without one."""
    return click.option(
        "--site",
        envvar="APPLIANCE_SITE",
        type=PathType(file_okay=False),
        help="The site whose sheets are meant; without it, those that come with the product.",
        show_envvar=True,
    )(command)


def _gold_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--gold FILE` and `--map`, where a vocabulary is held against what will be scored on."""
    decorators = (
        click.option(
            "--gold",
            multiple=True,
            type=PathType(),
            help="What the task will be scored on, as `evaluate` reads it: a vocabulary that "
            "looks made from it is refused. May be given again.",
        ),
        click.option(
            "--map",
            "renames",
            multiple=True,
            metavar="GOLD=OURS",
            help="What a label of the gold stands for; GOLD= leaves it out.",
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


@click.group()
def task() -> None:
    """Validate, list and show label sheets; make vocabularies for them.

    A label sheet says what a task's entities are, by rules and examples; a vocabulary beside it
    seeds what is generated. A SHEET is a name, or a path that ends in .toml.
    """


@task.command()
@click.argument("sheet")
@click.option("--quick", is_flag=True, help="Do not ask the site's gate, which takes seconds.")
@_gold_options
@_any_site_option
@json_option
def validate(
    sheet: str,
    quick: bool,
    gold: tuple[Path, ...],
    renames: tuple[str, ...],
    site: Path | None,
    as_json: bool,
) -> None:
    """Check that SHEET and its vocabulary are well-formed.

    What contradicts itself is named as a doubt, with exit code 0: for example a topic for texts
    without an entity, or a frame, that holds a name of the vocabulary.

    Of a sheet of the site its gate is asked too: what it denies of the title, demonstrations,
    topics and openings is named on stderr, for no prompt that shows it would be sent.

    Example: appliance task validate policies/labels/disease.toml
    """
    from appliance.workflows import task as workflow

    summary = workflow.validate(sheet, site, workflow.Gold(gold, renames))
    denied: tuple[DeniedPlace, ...] | None = None
    if site is not None and not quick and workflow.is_of_site(sheet, site):
        from appliance.workflows.sheet_denials import ask_gate

        render.say("Asking the site's gate; --quick leaves that out.")
        denied = ask_gate(site, summary.name)
    doubts = workflow.find_doubts(sheet, site)
    if as_json:
        found = {"doubts": render.to_plain(doubts), "denied": render.to_plain(denied)}
        render.emit_json(render.to_plain(summary) | found)
    else:
        render.emit_table("Well-formed", ("", ""), _rows(summary))
        if doubts:
            rows = [(one.place, one.what) for one in doubts]
            render.emit_table("Doubts: usable, but see these", ("part", ""), rows)
    for one in denied or ():
        render.complain(f"the gate denies {one.place}: {one.rule}.")
    if denied:
        render.say(
            "No prompt that shows it would be sent. Write it with other words: a name of medicine "
            "that is taken for a person's belongs into the vocabulary."
        )


@task.command("list")
@_any_site_option
@json_option
def list_command(site: Path | None, as_json: bool) -> None:
    """List all label sheets. Exit code 2 where one of them is broken.

    Example: appliance task list
    """
    from appliance.workflows import task as workflow

    listed = workflow.list_all(site)
    if as_json:
        render.emit_json(listed)
    else:
        rows = [
            (s.name, s.title, ", ".join(s.entities), ", ".join(s.relations), sum(s.terms.values()))
            for s in listed.sheets
        ]
        render.emit_table("Label sheets", ("name", "title", "entities", "relations", "terms"), rows)
    if listed.broken:
        faults = " ".join(f"{name}: {what}" for name, what in listed.broken.items())
        raise BadInput(
            f"{len(listed.broken)} label sheet(s) can't be used. {faults}",
            "Mend them and run `appliance task validate NAME`.",
        )


@task.command()
@click.argument("sheet")
@_any_site_option
@json_option
def show(sheet: str, site: Path | None, as_json: bool) -> None:
    """Show SHEET: definitions, rules, examples; how large its vocabulary is.

    Example: appliance task show disease
    """
    from appliance.workflows import task as workflow

    content = workflow.show(sheet, site)
    if as_json:
        render.emit_json(content)
        return
    for entity in content.entities:
        rows = [
            ("is", entity.definition),
            *(("counts", rule) for rule in entity.includes),
            *(("does not count", rule) for rule in entity.excludes),
            ("examples", ", ".join(entity.examples)),
            ("counter-examples", ", ".join(entity.counter_examples)),
        ]
        render.emit_table(f"{content.title}: {entity.name}", ("", ""), rows)
    relations = [(r.name, f"{r.head} > {r.tail}", r.definition) for r in content.relations]
    if relations:
        render.emit_table("Relations", ("name", "between", "definition"), relations)
    for relation in content.relations:
        if relation.teaching is not None:
            examples = [(one.kind.value, one.text) for one in relation.teaching.examples]
            render.emit_table(f"Sentences for {relation.name}", ("pair is", ""), examples)
    render.emit_table("In counts", ("", ""), _rows(workflow.validate(sheet, site)))


@task.command()
@click.argument("source", type=PathType(dir_okay=False))
@click.option("--format", "form", type=click.Choice(TERMINOLOGIES), required=True)
@click.option("--label", required=True, help="Entity type of the sheet, e.g. Disease.")
@click.option("--under", multiple=True, help="Only what lies under this code, tree number or name.")
@click.option("--without", multiple=True, help="Nothing that lies under this one.")
@click.option(
    "--max-words", type=click.IntRange(min=1), default=6, show_default=True, help="Longest name."
)
@click.option("--lower", is_flag=True, help="No capital that only begins a word: Insulin, insulin.")
@click.option("--out", required=True, type=PathType(dir_okay=False), help="The .tsv to write.")
@click.option("--append", is_flag=True, help="Add to that .tsv, which is there: another type.")
@_gold_options
@dry_run_option
@json_option
def vocabulary(
    source: Path,
    form: str,
    label: str,
    under: tuple[str, ...],
    without: tuple[str, ...],
    max_words: int,
    lower: bool,
    out: Path,
    append: bool,
    gold: tuple[Path, ...],
    renames: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a label sheet's vocabulary from SOURCE, a terminology's file as its makers publish it.

    mesh: desc20XX.xml; obo: doid.obo, hp.obo; drugbank: the open vocabulary's CSV; hgnc:
    hgnc_complete_set.txt; icd10cm: icd10cm-order-20XX.txt; tsv: a table with a column `name`.
    Mind each one's licence, and name it in the sheet's vocabulary_source.

    Example: appliance task vocabulary desc2026.xml --format mesh --label Disease --under C04 --out
    tumours.tsv
    """
    from appliance.settings.vocabularies.selection import Selection
    from appliance.workflows import task as workflow

    selection = Selection(label, under, without, max_words, lower)
    made = workflow.make_vocabulary(
        source,
        form,
        selection,
        out,
        append=append,
        gold=workflow.Gold(gold, renames),
        dry_run=dry_run,
    )
    if as_json:
        render.emit_json(made)
        return
    title = "Would write" if dry_run else "A vocabulary"
    render.emit_table(title, ("", ""), render.to_plain(made).items())


def _rows(summary: "TaskSummary") -> list[tuple[str, object]]:
    terms = ", ".join(f"{label} {count}" for label, count in summary.terms.items())
    return [
        ("name", summary.name),
        ("title", summary.title),
        ("digest", summary.digest),
        ("entities", ", ".join(summary.entities)),
        ("relations", ", ".join(summary.relations) or "none"),
        ("concepts", terms),
        ("surfaces", summary.surfaces),
        ("registers", summary.registers),
        ("topics", summary.topics),
        ("demonstrations", summary.demonstrations),
        *(
            (f"examples of {name}", f"{count} sentences")
            for name, count in summary.pair_examples.items()
        ),
        ("vocabulary", summary.source),
    ]
