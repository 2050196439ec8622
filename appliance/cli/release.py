"""`appliance release key | ask | sign | make`: what leaves does so with an audit and two people."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option

_FILE = PathType(dir_okay=False)
_KIND = click.Choice(["corpus", "adapter"])


@click.group()
def release() -> None:
    """Let a corpus or an adapter leave, with a passing audit and the approval of several people."""


@release.command()
@click.argument("name")
@click.option("--out", type=_FILE, required=True, help="File to write; keep it to yourself.")
@dry_run_option
@json_option
def key(name: str, out: Path, dry_run: bool, as_json: bool) -> None:
    """Make the signing key of person NAME, on that person's own machine.

    Prints the line for [approvers] of policies/release.toml.

    Example: appliance release key ada --out ada.key
    """
    from appliance.workflows.approvers import make_key

    verifier = make_key(name, out, dry_run=dry_run)
    if as_json:
        render.emit_json({"name": name, "verifier_key": verifier})
        return
    if dry_run:
        render.say(f"Would make a key for {name} in {out}.")
        return
    click.echo(f'{name} = "{verifier}"')


@release.command()
@click.argument("kind", type=_KIND)
@click.argument("name")
@click.option("--out", type=_FILE, help="Also write it to FILE, to be signed.")
@site_option
@json_option
def ask(kind: str, name: str, out: Path | None, site: Path, as_json: bool) -> None:
    """Print what people are to sign so that corpus or adapter NAME may leave.

    Example: appliance release ask corpus first --out statement.txt
    """
    from appliance.workflows.release import ask as workflow

    statement = workflow(site, kind, name, out)
    if as_json:
        render.emit_json(statement)
        return
    click.echo(statement.text, nl=False)


@release.command()
@click.argument("file", type=_FILE)
@click.option("--key", "key_file", type=_FILE, required=True, help="What `release key` wrote.")
@dry_run_option
@json_option
def sign(file: Path, key_file: Path, dry_run: bool, as_json: bool) -> None:
    """Sign the statement in FILE, beside those who signed before; needs no site.

    Read it first: it names the product by digest, and the audit.

    Example: appliance release sign statement.txt --key ada.key
    """
    from appliance.workflows.approvers import sign as workflow

    name = workflow(file, key_file, dry_run=dry_run)
    if as_json:
        render.emit_json({"signed": None if dry_run else file, "name": name})
        return
    render.say(f"{name} {'would sign' if dry_run else 'has signed'} {file}.")


@release.command()
@click.argument("kind", type=_KIND)
@click.argument("name")
@click.option(
    "--approval", "approvals", type=_FILE, multiple=True, required=True, help="A signed statement."
)
@click.option("--out", type=PathType(), required=True, help="Directory to make.")
@site_option
@dry_run_option
@json_option
def make(
    kind: str,
    name: str,
    approvals: tuple[Path, ...],
    out: Path,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy corpus or adapter NAME, with its manifest and approvals, to where it may leave from.

    Exit code 5 where the audit or the approvals are not enough.

    Example: appliance release make corpus first --approval statement.txt --out /media/usb/first
    """
    from appliance.workflows.release import release as workflow

    done = workflow(site, kind, name, approvals, out, dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    verb = "Would copy" if dry_run else "Copied"
    people = " and ".join(done.approvers)
    render.say(f"{verb} {kind} {name} to {out}, approved by {people}.")
