"""`appliance notes`: import, rejected, count, show, search, erase, expire."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, in_dashes, json_option, site_option

if TYPE_CHECKING:
    from appliance.workflows.expiry import Expiry
    from appliance.workflows.notes import Erasure


_patient_option = click.option("--patient", help="The patient's id in the hospital's system.")
_note_option = click.option(
    "--note", help="Instead: the id of a note without a patient, in the hospital's system or here."
)


@click.group()
def notes() -> None:
    """Import, count, show and erase clinical notes."""


@notes.command("import")
@click.argument("paths", nargs=-1, required=True, type=PathType())
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN,...",
    help="Which column of a table is id, text, patient, kind, date; or a .toml that says so.",
)
@click.option("--encoding", help="Of bytes that declare none and are no UTF-8, e.g. windows-1252.")
@click.option("--show-names", is_flag=True, help="Name rejected files; a name can be a patient's.")
@site_option
@json_option
@dry_run_option
def import_(
    paths: tuple[Path, ...],
    mapping: tuple[str, ...],
    encoding: str | None,
    show_names: bool,
    site: Path,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Seal the notes of files and folders in the vault.

    Text and PDF; FHIR R4 (.json, .ndjson); HL7 v2 (.hl7: MDM, ORU); C-CDA (.xml); tables (.jsonl,
    .csv, .tsv, .parquet). What is no note is counted by reason and stops nothing. The same note
    twice is one note; of FHIR and HL7 messages with one id the last is its newest version, unless
    FHIR's lastUpdated or versionId says otherwise. What an export takes back (withdrawn, entered in
    error) is none, and what was imported of it before is not read any more.
    Rejected items are told by number: the path as named here, the file below it in name order,
    the line or entry. Their names are kept in the vault: see `appliance notes rejected`.

    Example: appliance notes import exports/ --map id=NOTE_ID,text=NOTE_TEXT
    """
    from appliance.workflows.ingest import import_notes

    report = import_notes(
        site,
        paths,
        render.Bars(),
        mapping=mapping,
        encoding=encoding,
        dry_run=dry_run,
        with_names=show_names,
    )
    for item in report.first_rejected:
        render.say(f"rejected: {item.where}: {item.reason}")
    if more := sum(report.rejected.values()) - len(report.first_rejected):
        render.say(f"rejected: {more} more")
    for step in report.next_steps:
        render.say(f"next: {step}")
    if as_json:
        render.emit_json(report)
        return
    rows = [("new", report.new), ("changed", report.changed)]
    rows += [("of these another patient's now", report.moved)] if report.moved else []
    rows += [("known", report.known)]
    rows += [("older than what is here", report.older)] if report.older else []
    rows += [("without a patient", report.without_patient)] if report.without_patient else []
    rows += [("not read any more", report.withdrawn)] if report.withdrawn else []
    rows += [(f"in {name}", count) for name, count in report.encodings.items()]
    rows += [(f"rejected: {reason}", count) for reason, count in report.rejected.items()]
    render.emit_table("Would be imported" if dry_run else "Imported", ("notes", "count"), rows)


@notes.command()
@site_option
@json_option
def rejected(site: Path, as_json: bool) -> None:
    """Show what the last import did not take in: file, line, reason. The ledger keeps the read.

    A file's name can be a patient's; that is why it is shown here only.

    Example: appliance notes rejected
    """
    from appliance.workflows.ingest import read_rejected

    items = read_rejected(site)
    if as_json:
        render.emit_json(items)
        return
    if not items:
        render.say("The last import rejected nothing, or there was none.")
        return
    rows = [(item.name, item.line or "", item.field, item.reason) for item in items]
    render.emit_table("Rejected by the last import", ("file", "line", "field", "reason"), rows)


@notes.command()
@site_option
@json_option
def count(site: Path, as_json: bool) -> None:
    """Count the notes in the vault by kind.

    Example: appliance notes count
    """
    from appliance.workflows.notes import count as count_notes

    counts = count_notes(site)
    if as_json:
        render.emit_json({"total": sum(counts.values()), "kinds": counts})
        return
    rows = [(kind or "(none)", number) for kind, number in counts.items()]
    render.emit_table("Notes", ("kind", "count"), [*rows, ("total", sum(counts.values()))])


@notes.command()
@click.argument("note_id", metavar="ID")
@click.option("--reason", required=True, help="Why: a word or a few, e.g. chart review.")
@click.option("--show-text", is_flag=True, help="Print the note's text too.")
@site_option
@json_option
def show(note_id: str, reason: str, show_text: bool, site: Path, as_json: bool) -> None:
    """Show one note; its text only with --show-text. The ledger keeps the reason.

    ID is the site's own (n-...), as findings name it, or the one of the exporting system.

    Example: appliance notes show n-0123456789abcdef --reason "chart review"
    """
    from appliance.workflows.notes import show as show_note

    # The ledger takes no prose: a few words become one.
    view = show_note(site, note_id, in_dashes(reason), with_text=show_text)
    if as_json:
        render.emit_json(view)
        return
    fields = ("note_id", "patient_id", "kind", "written_on", "characters", "encoding")
    rows = [(field, render.to_plain(view)[field]) for field in fields]
    render.emit_table("Note", ("field", "value"), rows)
    if view.text is not None:
        click.echo(view.text)


@notes.command()
@_patient_option
@_note_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@site_option
@json_option
@dry_run_option
def erase(
    patient: str | None, note: str | None, yes: bool, site: Path, as_json: bool, dry_run: bool
) -> None:
    """Erase a patient's notes, identifiers and findings for good; an event stays.

    With --note one note that has no patient, as those from folders of text have none.

    Adapters that learned from the site's notes go too, unless this patient taught none of them:
    nobody can take one patient out of them.

    What lies under another id of the same person is left, and told: by the registry's identifiers.

    Asks first. Any answer but yes, and none at all, erases nothing and ends with exit code 2: a
    script that goes on after 0 must not take it for an erasure.

    Example: appliance notes erase --patient 12345 --dry-run
    """
    from appliance.workflows.notes import erase as erase_patient

    source_id = _one_of(patient, note)

    def ask(found: "Erasure") -> bool:
        _tell_of_others(found)
        whose = "this note" if note else f"this patient's {found.notes} note(s) and identifiers"
        return render.confirm(f"Erase {whose} for good?")

    is_asked = not (yes or dry_run)
    erased = erase_patient(
        site,
        source_id,
        is_note=note is not None,
        dry_run=dry_run,
        confirm=ask if is_asked else None,
    )
    if not is_asked:
        _tell_of_others(erased)
    if as_json:
        render.emit_json(erased)
        return
    _emit_erased(erased, "patient", erased.patient_id)


def _emit_erased(done: "Erasure | Expiry", of: str, which: str) -> None:
    title = "Would be erased" if done.is_dry_run else "Erased"
    columns = (of, "notes", "findings", "exports", "adapters")
    row = (which, done.notes, done.findings, done.exports, done.adapters)
    render.emit_table(title, columns, [row])


def _tell_of_others(erasure: "Erasure") -> None:
    if erasure.other_ids:
        render.say(
            f"The registry knows this person by {erasure.other_ids} other id(s) too, with "
            f"{erasure.other_notes} note(s) under them. These stay: erase each id by itself."
        )


@notes.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@site_option
@json_option
@dry_run_option
def expire(yes: bool, site: Path, as_json: bool, dry_run: bool) -> None:
    """Erase the notes that are older than policies/retention.toml allows; an event stays.

    Everywhere that `notes erase` erases a patient's: findings, exports, cohorts, reviews. Adapters
    that learned from the site's notes go too: nobody can take single notes out of them. Notes
    without a date stay, and are counted. As shipped there is no limit, and nothing expires.

    Asks first, like `notes erase`, where there is something to erase.

    Example: appliance notes expire --dry-run
    """
    from appliance.workflows.expiry import expire as expire_notes

    def ask(found: "Expiry") -> bool:
        if found.is_unfinished:
            render.say("An expiry was begun and not ended; this ends it.")
        written = f" written before {found.before}" if found.before else ""
        return render.confirm(f"Erase {found.notes} note(s){written} for good?")

    expired = expire_notes(site, dry_run=dry_run, confirm=None if yes or dry_run else ask)
    if as_json:
        render.emit_json(expired)
        return
    if expired.undated:
        render.say(f"{expired.undated} note(s) without a date stay.")
    _emit_erased(expired, "written before", expired.before)


@notes.command()
@_patient_option
@_note_option
@click.option("--reason", required=True, help="Why: a word or a few, e.g. new consent.")
@site_option
@json_option
@dry_run_option
def readmit(
    patient: str | None, note: str | None, reason: str, site: Path, as_json: bool, dry_run: bool
) -> None:
    """Let imports bring back a patient who was erased, or a note without one.

    Until then notes of an erased patient are refused as patient-erased, in whatever export they
    still are. Nothing comes back by this: the next import brings what it has. The ledger keeps the
    reason.

    Example: appliance notes readmit --patient MRN-0042 --reason "new consent"
    """
    from appliance.workflows.notes import readmit as readmit_patient

    found = readmit_patient(
        site,
        _one_of(patient, note),
        in_dashes(reason),
        is_note=note is not None,
        dry_run=dry_run,
    )
    if as_json:
        render.emit_json({"patient_id": found, "is_dry_run": dry_run})
        return
    what = "" if note is not None else "notes of "
    render.say(f"Imports {'would' if dry_run else 'may'} bring {what}{found} again.")


def _one_of(patient: str | None, note: str | None) -> str:
    if (patient is None) == (note is None):
        raise click.UsageError("Give either --patient or --note.")
    return patient or note or ""


@notes.command()
@click.argument("words")
@click.option("--reason", required=True, help="Why: a word or a few, e.g. cohort finding.")
@click.option("--kind", help="Only notes of that kind.")
@click.option("--since", default="", help="Only notes of that day or later, YYYY-MM-DD.")
@click.option("--until", default="", help="Only notes of that day or earlier.")
@click.option("--cohort", "within", default="", help="Only notes of that cohort.")
@click.option("--save-cohort", "cohort", default="", help="Keep all that is found under this name.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0, 10_000))
@click.option("--show-text", is_flag=True, help="Show words around the first hit.")
@site_option
@dry_run_option
@json_option
def search(
    words: str,
    reason: str,
    kind: str | None,
    since: str,
    until: str,
    within: str,
    cohort: str,
    limit: int,
    show_text: bool,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find notes that hold WORDS: words, "a phrase", a OR b, a NOT b, begin*.

    Shown are ids, kinds and dates; words of a note only with --show-text. The ledger keeps the
    reason, not what was searched for. The first search after an import reads the new notes.

    Example: appliance notes search "chronic asthma" --reason "cohort finding"
    """
    from appliance.workflows.search import search as search_notes

    result = search_notes(
        site,
        words,
        in_dashes(reason),
        render.Bars(),
        kind=kind,
        since=since,
        until=until,
        within=within,
        cohort=cohort,
        limit=limit,
        with_text=show_text,
        dry_run=dry_run,
    )
    if as_json:
        render.emit_json(result)
        return
    columns = ("note", "patient", "kind", "date", *(("words",) if show_text else ()))
    rows = [
        (one.note_id, one.patient_id or "", one.kind, one.written_on, one.snippet or "")
        for one in result.shown
    ]
    title = f"{result.notes} notes of {result.patients} patients"
    render.emit_table(title, columns, [row[: len(columns)] for row in rows])
