"""`appliance completion`: the script that lets a shell complete our commands and options."""

import click

from appliance.cli import render
from appliance.cli.options import json_option

PROGRAM = "appliance"
VARIABLE = "_APPLIANCE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Print the completion script for SHELL; nothing of a site is read by it.

    Example: appliance completion bash > /etc/bash_completion.d/appliance
    """
    from click.shell_completion import get_completion_class

    from appliance.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None, "click has these three"
    # Not `source`: of bash it would start a bash to ask for its version.
    complete = found(cli, {}, PROGRAM, VARIABLE)
    script = complete.source_template % complete.source_vars()
    if as_json:
        render.emit_json({"shell": shell, "script": script})
        return
    click.echo(script)
