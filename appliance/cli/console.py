"""`appliance console serve | token`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, json_option, site_option

if TYPE_CHECKING:
    from appliance.console.serving import Listening

_SOCKET = PathType(dir_okay=False)


@click.group()
def console() -> None:
    """Serve a web page of this machine, and sign in to it."""


@console.command()
@click.option("--port", type=click.IntRange(0, 65535), help="In place of the one in site.toml.")
@click.option("--socket", "socket_path", type=_SOCKET, help="In place of SITE/run/console.sock.")
@site_option
@json_option
def serve(port: int | None, socket_path: Path | None, site: Path, as_json: bool) -> None:
    """Serve the page until Ctrl-C: on loopback, or by mutual TLS as site.toml says.

    Whoever wants in gets a token with `appliance console token`; what they see and may do stands
    in policies/roles.toml. No note is ever shown.

    Example: appliance console serve --port 8484
    """
    from appliance.console.serving import serve as serve_console

    def announce(listening: "Listening") -> None:
        if as_json:
            render.emit_json_line(listening)
            return
        rows = [("page", listening.address), ("socket for tokens", listening.socket)]
        render.emit_table("The console listens; Ctrl-C ends it", ("", ""), rows)

    serve_console(site, announce, socket_path=socket_path, port=port)


@console.command()
@click.option("--socket", "socket_path", type=_SOCKET, help="In place of SITE/run/console.sock.")
@click.option(
    "--site",
    envvar="APPLIANCE_SITE",
    type=PathType(file_okay=False),
    help="The site's directory; not needed with --socket.",
    show_envvar=True,
)
@json_option
def token(socket_path: Path | None, site: Path | None, as_json: bool) -> None:
    """Print a token that signs in to the page whoever runs this: once, within two minutes.

    The operating system says who that is.

    Example: appliance console token
    """
    from appliance.console.asking import ask_token
    from appliance.console.serving import SOCKET
    from appliance.settings.site import SitePaths

    if socket_path is None and site is None:
        raise click.UsageError("Name the console's --socket, or its --site.")
    got = ask_token(socket_path or SitePaths(site or Path()).run / SOCKET)
    if as_json:
        render.emit_json(got)
        return
    render.say(f"Paste it at {got.address} within {got.seconds} seconds:")
    click.echo(got.token)
