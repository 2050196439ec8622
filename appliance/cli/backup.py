"""`appliance backup create | verify | restore | list | rehearse | recovery`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import Decorated, PathType, dry_run_option, json_option, site_option

if TYPE_CHECKING:
    from appliance.workflows.backup import Known
    from appliance.workflows.restore import Verified

_FILE = PathType(dir_okay=False)
_FOLDER = PathType(file_okay=False)


def _identity_option(command: Decorated) -> Decorated:
    return click.option(
        "--identity", type=_FILE, required=True, help="File with an identity of age, 0600."
    )(command)


def _rows(found: "Verified") -> list[tuple[str, object]]:
    return [
        ("made", found.made_at),
        ("by version", found.product),
        ("ledger", found.ledger),
        ("ledger entries", found.entries),
        ("root", found.root),
        ("key fingerprint", found.fingerprint),
        ("files", found.files),
        ("bytes", found.size),
        ("SHA-256", found.sha256),
        *sorted(found.counts.items()),
    ]


def _remarks(one: "Known") -> str:
    remarks = (
        (one.is_outlived, "outlived: destroy it"),
        (one.is_before_erasure, "from before an erasure"),
    )
    return ", ".join(text for applies, text in remarks if applies)


@click.group()
def backup() -> None:
    """Back a site up, encrypted to people; restore it elsewhere; rehearse that."""


@backup.command()
@click.option("--to", type=_FOLDER, required=True, help="Directory on another machine or medium.")
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    help="age1...: who can open it; where policies/backup.toml lists some, only of these.",
)
@site_option
@dry_run_option
@json_option
def create(to: Path, recipients: tuple[str, ...], site: Path, dry_run: bool, as_json: bool) -> None:
    """Write one encrypted file with everything of the site but base models.

    The site may be in use meanwhile. Keys are inside: whoever has an identity of a recipient
    can restore the site and read its notes.

    Example: appliance backup create --to /mnt/backups --recipient age1...
    """
    from appliance.workflows.backup import create as workflow

    done = workflow(site, to, recipients, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    rows = [
        ("file", done.path),
        ("bytes", done.size),
        ("files", done.files),
        ("ledger entries", done.entries),
        ("can be opened by", done.recipients),
        *sorted(done.counts.items()),
    ]
    render.emit_table("Would write" if dry_run else "Written", ("", ""), rows)
    if not dry_run:
        render.say(f"Check it: appliance backup verify {done.path} --identity FILE")


@backup.command()
@click.argument("file", type=_FILE)
@_identity_option
@json_option
def verify(file: Path, identity: Path, as_json: bool) -> None:
    """Open FILE, read all of it, and compare every file in it with its manifest; write nothing.

    Needs no site. Exit code 8 where the identity does not open it, or it was altered.

    Example: appliance backup verify site.age --identity key.txt
    """
    from appliance.workflows.restore import verify as workflow

    found = workflow(file, identity, render.Bars())
    if as_json:
        render.emit_json(found)
        return
    render.emit_table("The backup is whole", ("", ""), _rows(found))
    render.say("Compare the ledger's name with a head that was kept elsewhere.")


@backup.command()
@click.argument("file", type=_FILE)
@_identity_option
@click.option("--to", type=_FOLDER, required=True, help="New or empty directory.")
@click.option(
    "--ledger",
    type=_FILE,
    help="A newer `ledger export` of the same site: patients erased since are erased again.",
)
@dry_run_option
@json_option
def restore(
    file: Path, identity: Path, to: Path, ledger: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Make the site of backup FILE again in an empty place.

    Nothing is written where the identity is wrong; killed anywhere, what is there is no site, and
    the same command begins anew. The restored ledger goes on from the backup's head and says so.

    Example: appliance backup restore FILE --identity key.txt --to /srv/appliance
    """
    from appliance.workflows.restore import restore as workflow

    done = workflow(file, identity, to, render.Bars(), ledger=ledger, dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    rows = [("site", done.site), *_rows(done.backup), ("patients erased again", done.erased)]
    render.emit_table("Could be restored" if dry_run else "Restored", ("", ""), rows)
    render.say(
        f"Erasures are known up to entry {done.known_to} of the site's ledger. Whoever was erased "
        "later has to be erased again, by the hospital's own list."
    )
    if done.is_older:
        render.say(f"Its layout is an older one: run `appliance site migrate --site {done.site}`.")
    if done.backup.models:
        render.say(f"Base models to import again: {', '.join(sorted(done.backup.models))}.")


@backup.command("list")
@click.option("--at", type=_FOLDER, help="Also look for them in this directory.")
@site_option
@json_option
def list_(at: Path | None, site: Path, as_json: bool) -> None:
    """List the backups that the ledger knows, newest first.

    Says which have outlived policies/backup.toml, and which are from before an erasure: these hold
    notes of somebody who was erased, until they are destroyed.

    Example: appliance backup list --at /mnt/backups
    """
    from appliance.workflows.backup import list_backups

    found = list_backups(site, at)
    if as_json:
        render.emit_json(found)
        return
    rows = [(one.name, one.made_at[:19], one.size, one.found, _remarks(one)) for one in found]
    render.emit_table("Backups", ("file", "made", "bytes", "found", ""), rows)


@backup.command()
@click.argument("file", type=_FILE, required=False)
@click.option("--newest-in", type=_FOLDER, help="Instead of FILE: the site's newest backup there.")
@_identity_option
@click.option(
    "--scratch", type=_FOLDER, help="Where to restore for a moment, such as a tmpfs; else SITE/run."
)
@site_option
@dry_run_option
@json_option
def rehearse(
    file: Path | None,
    newest_in: Path | None,
    identity: Path,
    scratch: Path | None,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Restore FILE for a moment, look at ledger, notes and products, and remove it again.

    One note is opened and shown to nobody. The ledger keeps when this was done: `doctor` warns
    when it is too long ago.

    Example: appliance backup rehearse site.age --identity key.txt --scratch /dev/shm/rehearsal
    """
    from appliance.workflows.backup import find_newest
    from appliance.workflows.rehearse import rehearse as workflow

    if (file is None) == (newest_in is None):
        raise click.UsageError("Name either FILE or --newest-in DIR.")
    chosen = file or find_newest(site, newest_in or Path())
    seen = workflow(site, chosen, identity, render.Bars(), scratch=scratch, dry_run=dry_run)
    if as_json:
        render.emit_json(seen or {"is_dry_run": True})
        return
    if seen is None:
        render.say("The backup is whole and could be restored there.")
        return
    rows = [
        ("ledger entries", seen.entries),
        ("notes", seen.notes),
        ("notes opened", seen.opened),
        ("corpora, adapters, findings, exports", seen.products),
        ("seconds", seen.seconds),
    ]
    render.emit_table("Rehearsed", ("", ""), rows)


@backup.group()
def recovery() -> None:
    """Make the key that opens backups, and keep it in shares."""


@recovery.command()
@click.option("--out", type=_FILE, required=True, help="File to write, 0600.")
@dry_run_option
@json_option
def make(out: Path, dry_run: bool, as_json: bool) -> None:
    """Make an identity of age, best on a machine that is not the site's; print its public name.

    Example: appliance backup recovery make --out key.txt
    """
    from appliance.workflows.recovery import make as workflow

    public = workflow(out, dry_run=dry_run)
    if as_json:
        render.emit_json({"file": out, "recipient": public, "is_dry_run": dry_run})
        return
    if dry_run:
        render.say(f"An identity would be written to {out}.")
        return
    click.echo(public)


@recovery.command()
@click.argument("key", type=_FILE)
@click.option("--shares", "ways", required=True, help="M-of-N, such as 2-of-3.")
@click.option(
    "--out", type=_FOLDER, required=True, help="Directory to make, a file for each share."
)
@dry_run_option
@json_option
def split(key: Path, ways: str, out: Path, dry_run: bool, as_json: bool) -> None:
    """Put KEY, an identity or a site's key, into shares, any M of which give it back.

    33 words each, with a checksum, fit for paper (SLIP-0039). Fewer than M say nothing.

    Example: appliance backup recovery split key.txt --shares 2-of-3 --out shares
    """
    from appliance.workflows.recovery import split as workflow

    done = workflow(key, ways, out, dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    verb = "Would be split" if dry_run else "Split"
    # An identity is kept in its shares; the site goes on working with its own key.
    after = f"then destroy {key}" if done.of else f"and leave {key} where it is"
    render.say(f"{verb} {ways} into {out}: give each file to another person, {after}.")


@recovery.command()
@click.argument("shares", type=_FILE, nargs=-1, required=True)
@click.option("--out", type=_FILE, required=True, help="File to write, 0600.")
@click.option("--raw", is_flag=True, help="It is a site's key of 32 bytes, not an identity.")
@dry_run_option
@json_option
def combine(shares: tuple[Path, ...], out: Path, raw: bool, dry_run: bool, as_json: bool) -> None:
    """Give back the key that the files SHARES are of.

    Example: appliance backup recovery combine share-1.txt share-3.txt --out key.txt
    """
    from appliance.workflows.recovery import combine as workflow

    done = workflow(shares, out, raw=raw, dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    what = f"The identity {done.of}" if done.of else "The key"
    render.say(f"{what} {'would be' if dry_run else 'is'} in {out}.")
