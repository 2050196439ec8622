"""Options that every command shares."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorated = Callable[..., Any]


class PathType(click.Path):
    """A path that has to be one: "" is no way to say "here".

    An empty shell variable must not import, or write into, whatever directory a script stands in.
    """

    def __init__(self, **rules: Any) -> None:
        super().__init__(**{"path_type": Path, **rules})

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or a usage error."""
        if not str(value):
            self.fail("An empty path names nothing; is a variable of the shell unset?", param, ctx)
        return super().convert(value, param, ctx)


def site_option(command: Decorated) -> Decorated:
    """`--site DIR`, or the variable APPLIANCE_SITE."""
    return click.option(
        "--site",
        envvar="APPLIANCE_SITE",
        type=PathType(file_okay=False),
        required=True,
        help="The site's directory.",
        show_envvar=True,
    )(command)


def route_option(command: Decorated) -> Decorated:
    """`--route`: which backend prompts go to, where the policy leaves a choice."""
    return click.option(
        "--route",
        type=click.Choice(["auto", "vllm", "chatgpt"]),
        default="auto",
        show_default=True,
        help="Where prompts may go; the site's policy decides what is allowed.",
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


def in_dashes(reason: str) -> str:
    """A reason as the ledger has it: "New consent" is "new-consent"."""
    return "-".join(reason.lower().split())
