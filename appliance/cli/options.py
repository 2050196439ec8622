"""Options that every command shares."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorated = Callable[..., Any]


def site_option(command: Decorated) -> Decorated:
    """`--site DIR`, or the variable APPLIANCE_SITE."""
    return click.option(
        "--site",
        envvar="APPLIANCE_SITE",
        type=click.Path(path_type=Path, file_okay=False),
        required=True,
        help="The site's directory.",
        show_envvar=True,
    )(command)


def json_option(command: Decorated) -> Decorated:
    """`--json`: one JSON document on stdout instead of a table."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on stdout instead of a table."
    )(command)


def dry_run_option(command: Decorated) -> Decorated:
    """`--dry-run`: say what would be done, change nothing."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")(
        command
    )
