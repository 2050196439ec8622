"""`appliance notes`: import, count, show, erase."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option


@click.group()
def notes() -> None:
    """Import, count, show and erase clinical notes."""


@notes.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@site_option
@json_option
@dry_run_option
def import_(paths: tuple[Path, ...], site: Path, as_json: bool, dry_run: bool) -> None:
    """Seal the notes of files and folders (.txt, .jsonl, .csv) in the vault.

    What is no note is counted by reason and stops nothing. The same note twice is one note.
    """
    from appliance.workflows.ingest import import_notes

    report = import_notes(site, paths, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(report)
        return
    rows = [("new", report.new), ("changed", report.changed), ("known", report.known)]
    rows += [(f"rejected: {reason}", count) for reason, count in report.rejected.items()]
    render.emit_table("Would be imported" if dry_run else "Imported", ("notes", "count"), rows)


@notes.command()
@site_option
@json_option
def count(site: Path, as_json: bool) -> None:
    """Count the notes in the vault by kind."""
    from appliance.workflows.notes import count as count_notes

    counts = count_notes(site)
    if as_json:
        render.emit_json({"total": sum(counts.values()), "kinds": counts})
        return
    rows = [(kind or "(none)", number) for kind, number in counts.items()]
    render.emit_table("Notes", ("kind", "count"), [*rows, ("total", sum(counts.values()))])


@notes.command()
@click.argument("note_id", metavar="ID")
@click.option("--reason", required=True, help="Why: letters and dashes, e.g. chart-review.")
@click.option("--show-text", is_flag=True, help="Print the note's text too.")
@site_option
@json_option
def show(note_id: str, reason: str, show_text: bool, site: Path, as_json: bool) -> None:
    """Show one note; its text only with --show-text. The ledger keeps the reason.

    ID is the site's own (n-...), as findings name it, or the one of the exporting system.
    """
    from appliance.workflows.notes import show as show_note

    view = show_note(site, note_id, reason, with_text=show_text)
    if as_json:
        render.emit_json(view)
        return
    fields = ("note_id", "patient_id", "kind", "written_on", "characters")
    rows = [(field, render.to_plain(view)[field]) for field in fields]
    render.emit_table("Note", ("field", "value"), rows)
    if view.text is not None:
        click.echo(view.text)


@notes.command()
@click.option("--patient", required=True, help="The patient's id in the hospital's system.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@site_option
@json_option
@dry_run_option
def erase(patient: str, yes: bool, site: Path, as_json: bool, dry_run: bool) -> None:
    """Erase a patient's notes and identifiers for good; an event stays."""
    from appliance.workflows.notes import erase as erase_patient

    if not (yes or dry_run):
        click.confirm("Erase this patient's notes for good?", abort=True, err=True)
    erased = erase_patient(site, patient, dry_run=dry_run)
    if as_json:
        render.emit_json(erased)
        return
    title = "Would be erased" if dry_run else "Erased"
    render.emit_table(title, ("patient", "notes"), [(erased.patient_id, erased.notes)])
