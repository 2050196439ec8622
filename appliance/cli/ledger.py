"""`appliance ledger`: the head, the full check, and proofs to take away."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option
from appliance.errors import LedgerBroken

FILE = PathType(dir_okay=False)


@click.group()
def ledger() -> None:
    """Show, verify and prove what happened at this site."""


@ledger.command()
@site_option
@json_option
@click.option("--out", type=FILE, help="Also write the signed head to FILE, to be kept elsewhere.")
def head(site: Path, as_json: bool, out: Path | None) -> None:
    """Print the newest head, signed (C2SP checkpoint).

    Example: appliance ledger head --out head.txt
    """
    from appliance.workflows import ledger as workflow

    result = workflow.write_head(site, out) if out else workflow.head(site)
    if as_json:
        render.emit_json(
            {
                "origin": result.head.origin,
                "size": result.head.size,
                "root": result.head.root.hex(),
                "signed": result.signed,
                "verifier_key": result.verifier_key,
            }
        )
        return
    click.echo(result.signed, nl=False)


@ledger.command()
@click.option(
    "--to",
    # A string: a Path forgets the slash.
    type=PathType(path_type=str),
    required=True,
    help="File, or directory (DIR/), on another machine or medium: a mount, a stick, a drop.",
)
@site_option
@dry_run_option
@json_option
def witness(to: str, site: Path, dry_run: bool, as_json: bool) -> None:
    """Keep the newest head where this machine can't change what it kept before.

    What is there is compared first: a ledger that was rolled back or rewritten is told and not
    witnessed (exit code 8). A directory keeps every head, a file the newest; a slash at the end
    says that a directory is meant, and makes it.

    Example: appliance ledger witness --to /mnt/witness/heads/
    """
    from appliance.workflows.witness import keep_head

    kept = keep_head(site, Path(to), as_folder=to.endswith("/"), dry_run=dry_run)
    if as_json:
        render.emit_json(kept)
        return
    verb = "Would keep" if dry_run else "Kept"
    said = f"{verb} the head of {kept.size} entries in {kept.path}; {kept.before} before it."
    render.say(said)
    render.say(
        f"{to} is a directory: it keeps every head."
        if kept.kept == "directory"
        else f"{to} is a file: it keeps the newest head only; end with a slash for a directory."
    )


@ledger.command()
@click.option(
    "--witness",
    "witnesses",
    type=PathType(),
    multiple=True,
    help="A head kept elsewhere, or a directory of them: finds a rollback and a fork.",
)
@site_option
@json_option
def verify(witnesses: tuple[Path, ...], site: Path, as_json: bool) -> None:
    """Read everything again; name each fault and its entry. Exit code 8 where there is one.

    A machine by itself can't notice that its whole ledger was put back to an older state: that
    takes --witness.

    Example: appliance ledger verify --witness /mnt/witness/heads
    """
    from appliance.workflows import ledger as workflow

    found = workflow.verify(site, witnesses)
    if as_json:
        render.emit_json(
            {
                "intact": found.is_intact,
                "entries": found.entries,
                "head_size": found.head.size if found.head else None,
                "root": found.root,
                "unsigned": found.unsigned,
                "torn_bytes": found.torn_bytes,
                "witnesses": len(witnesses),
                "faults": found.faults,
            }
        )
    else:
        signed = found.head.size if found.head else "none"
        rows = [("entries", found.entries), ("signed head at", signed), ("root", found.root)]
        rows += [(f"fault: {fault.kind}", fault.what) for fault in found.faults]
        render.emit_table("Ledger", ("", ""), rows)
    if not found.is_intact:
        raise LedgerBroken(
            f"The ledger is not intact: {len(found.faults)} fault(s).",
            "Keep a copy of the ledger directory and find out who changed it.",
        )
    render.say(f"The ledger is intact: {found.entries} entries, root {found.root[:16]}.")


@ledger.command("list")
@click.option("--below", type=click.IntRange(min=0), help="Only entries before this one.")
@click.option("--count", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--kind", default="", help="Only kinds that begin so, e.g. egress.")
@site_option
@json_option
def list_(below: int | None, count: int, kind: str, site: Path, as_json: bool) -> None:
    """List the newest entries, newest first.

    Example: appliance ledger list --kind egress.denied --count 50
    """
    from appliance.workflows import ledger as workflow

    found = workflow.list_entries(site, below=below, count=count, kind=kind)
    if as_json:
        rows = [{"index": index, "event": event} for index, event in found.entries]
        render.emit_json({"size": found.size, "older": found.older, "entries": rows})
        return
    table = [
        (index, event.at[:19], event.kind, event.actor, render.in_words(event.facts))
        for index, event in found.entries
    ]
    columns = ("entry", "when", "kind", "who", "facts")
    render.emit_table(f"Ledger of {found.size} entries", columns, table)


@ledger.command()
@click.argument("index", type=click.IntRange(min=0))
@site_option
@json_option
def prove(index: int, site: Path, as_json: bool) -> None:
    """Print entry INDEX and the proof that it is in the ledger (C2SP tlog-proof).

    Example: appliance ledger prove 42
    """
    from appliance.workflows import ledger as workflow

    proved = workflow.prove(site, index)
    if as_json:
        render.emit_json(proved)
        return
    click.echo(proved.entry)
    click.echo(proved.proof, nl=False)


@ledger.command()
@click.argument("first", type=click.IntRange(min=0), required=False)
@click.argument("second", type=click.IntRange(min=0), required=False)
@click.option("--kept", type=FILE, help="A signed head kept elsewhere, instead of FIRST.")
@site_option
@json_option
def consistency(
    first: int | None, second: int | None, kept: Path | None, site: Path, as_json: bool
) -> None:
    """Prove that the ledger only grew since it had FIRST entries (to SECOND, or to now).

    Example: appliance ledger consistency --kept head.txt
    """
    from appliance.workflows import ledger as workflow

    if (first is None) == (kept is None):
        raise click.UsageError("Name either FIRST or --kept FILE.")
    growth = (
        workflow.compare_kept(site, kept)
        if kept
        else workflow.consistency(site, first or 0, second)
    )
    if as_json:
        render.emit_json(
            {
                "first": growth.first,
                "first_root": growth.first_root.hex(),
                "second": growth.second,
                "second_root": growth.second_root.hex(),
                "path": [node.hex() for node in growth.path],
            }
        )
        return
    rows = [
        (growth.first, growth.first_root.hex()),
        (growth.second, growth.second_root.hex()),
        *(("proof", node.hex()) for node in growth.path),
    ]
    render.emit_table("The ledger only grew", ("entries", "root"), rows)


@ledger.command()
@click.option("--out", type=FILE, required=True, help="The file to write.")
@click.option("--from", "start", type=click.IntRange(min=0), default=0, help="First entry.")
@click.option("--to", "end", type=click.IntRange(min=1), help="One past the last entry.")
@site_option
@dry_run_option
@json_option
def export(
    out: Path, start: int, end: int | None, site: Path, dry_run: bool, as_json: bool
) -> None:
    """Write entries to a file that proves itself to anybody with the public key.

    Example: appliance ledger export --out entries.json --from 100
    """
    from appliance.workflows import ledger as workflow

    count = workflow.write_export(site, out, start, end, dry_run=dry_run)
    if as_json:
        render.emit_json({"out": None if dry_run else out, "entries": count})
        return
    render.say(f"{count} entries {'would be' if dry_run else 'were'} written to {out}.")
