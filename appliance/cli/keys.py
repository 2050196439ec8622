"""`appliance keys`: rotate, wrap, unwrap."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option

if TYPE_CHECKING:
    from appliance.workflows.keys import Wrapping


@click.group()
def keys() -> None:
    """Change the site's keys."""


@keys.command()
@site_option
@json_option
@dry_run_option
def rotate(site: Path, as_json: bool, dry_run: bool) -> None:
    """Put the vault under fresh keys; the old key opens nothing of it any more.

    Notes can be read and imported meanwhile, but for the last moment. Run again after an
    interruption, it goes on where it was. Keep a backup's key as long as the backup.

    Example: appliance keys rotate --dry-run
    """
    from appliance.workflows.keys import rotate as rotate_keys

    done = rotate_keys(site, render.Bars(), dry_run=dry_run)
    if as_json:
        render.emit_json(done)
        return
    title = "Would be changed" if dry_run else "Changed"
    render.emit_table(title, ("generation", "notes"), [(done.generation, done.notes)])


@keys.command()
@site_option
@json_option
@dry_run_option
def wrap(site: Path, as_json: bool, dry_run: bool) -> None:
    """Leave no key of the site on its disk in clear.

    SITE/keys/wrapping.toml names the program that wraps a key and the one that unwraps it: of
    systemd-creds, a TPM, a security module, a transit service. Every command asks the second for
    the keys it needs. A backup holds them as they are, encrypted to its recipients.

    Example: appliance keys wrap --dry-run
    """
    from appliance.workflows.keys import wrap as wrap_keys

    _tell(wrap_keys(site, dry_run=dry_run), "wrapped", as_json=as_json)


@keys.command()
@site_option
@json_option
@dry_run_option
def unwrap(site: Path, as_json: bool, dry_run: bool) -> None:
    """Put the keys back on the disk in clear, readable by their owner only.

    Example: appliance keys unwrap --dry-run
    """
    from appliance.workflows.keys import unwrap as unwrap_keys

    _tell(unwrap_keys(site, dry_run=dry_run), "in clear", as_json=as_json)


def _tell(done: "Wrapping", form: str, *, as_json: bool) -> None:
    if as_json:
        render.emit_json(done)
        return
    title = "Would be changed" if done.is_dry_run else "Changed"
    render.emit_table(title, (f"{form} now", f"{form} before"), [(done.keys, done.before)])
