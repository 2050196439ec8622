"""`appliance adapter`: the adapters of a site."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option

if TYPE_CHECKING:
    from appliance.records.registry import RecordedEvaluation, Registered


@click.group()
def adapter() -> None:
    """List, show, promote and retire adapters."""


@adapter.command("list")
@site_option
@json_option
def list_(site: Path, as_json: bool) -> None:
    """List the adapters of the site: task, standing, newest evaluation.

    Example: appliance adapter list
    """
    from appliance.workflows.registry import list_adapters

    found = list_adapters(site)
    if as_json:
        render.emit_json({"adapters": found})
        return
    rows = [
        (
            one.card.name,
            one.card.task,
            one.standing.value,
            _figure(one.evaluations[-1]) if one.evaluations else "never evaluated",
            one.digest[:12],
        )
        for one in found
    ]
    render.emit_table("Adapters", ("name", "task", "standing", "evaluated", "digest"), rows)


@adapter.command()
@click.argument("name")
@site_option
@json_option
def show(name: str, site: Path, as_json: bool) -> None:
    """Show adapter NAME: what it was made of, by whom, how it was judged, where it stands.

    Example: appliance adapter show reader
    """
    from appliance.workflows.registry import show_adapter

    found = show_adapter(site, name)
    if as_json:
        render.emit_json(found)
        return
    _show(found)


@adapter.command()
@click.argument("name")
@site_option
@dry_run_option
@json_option
def promote(name: str, site: Path, dry_run: bool, as_json: bool) -> None:
    """Make adapter NAME the one of its task; it must have been evaluated as it is now.

    `appliance extract` without --adapter takes it.

    Example: appliance adapter promote reader
    """
    from appliance.workflows import registry

    found = registry.promote(site, name, dry_run=dry_run)
    if as_json:
        render.emit_json(found)
        return
    _show(found)


@adapter.command()
@click.argument("name")
@site_option
@dry_run_option
@json_option
def retire(name: str, site: Path, dry_run: bool, as_json: bool) -> None:
    """Let adapter NAME read no note any more; what it is and was stays to be looked at.

    Example: appliance adapter retire reader
    """
    from appliance.workflows import registry

    found = registry.retire(site, name, dry_run=dry_run)
    if as_json:
        render.emit_json(found)
        return
    _show(found)


def _show(found: "Registered") -> None:
    card = found.card
    privacy = "none" if card.epsilon is None else f"epsilon {card.epsilon:.2f}"
    rows = [
        ("standing", f"{found.standing} {found.since[:19]} {found.by}".strip()),
        ("digest", found.digest),
        ("task", card.task),
        ("corpus", f"{card.corpus} {card.corpus_digest}"),
        ("base model", f"{card.base} {card.base_digest}"),
        ("trained", f"{card.made_at} {_record_of(found)}"),
        ("examples, epochs, rank", f"{card.examples}, {card.epochs}, {card.lora_rank}"),
        ("dev F1 (invented text)", f"{100 * card.dev_f1:.1f}"),
        ("differential privacy", privacy),
        ("derived from notes", "yes: it stays on this site" if card.site_only else "no"),
    ]
    rows += [(f"evaluation {one.entry}", _told(one)) for one in found.evaluations]
    render.emit_table(f"Adapter {card.name}", ("what", "value"), rows)


def _record_of(found: "Registered") -> str:
    if found.trained_entry < 0:
        return "not in the ledger: run the same `appliance train` again, which puts it there"
    return f"{found.trained_by}, ledger entry {found.trained_entry}"


def _told(one: "RecordedEvaluation") -> str:
    where = f"{one.documents} documents {one.gold_digest[:12]}"
    return f"{_figure(one)} on {where}, {one.at[:19]} {one.actor}"


def _figure(one: "RecordedEvaluation") -> str:
    low, high = 100 * one.ci_low, 100 * one.ci_high
    return f"{one.measure} {100 * one.value:.1f} ({low:.1f} to {high:.1f})"
