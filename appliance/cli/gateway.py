"""`appliance gateway`: the one door to a provider."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import dry_run_option, json_option, site_option

if TYPE_CHECKING:
    from appliance.workflows.gateway import Listening


@click.group()
def gateway() -> None:
    """Serve the egress gateway, and see to what it stopped."""


@gateway.command()
@click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="UNIX socket to listen at; SITE/run/gateway.sock without it.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port on 127.0.0.1 instead; 0 takes a free one."
)
@site_option
@json_option
def serve(socket_path: Path | None, port: int | None, site: Path, as_json: bool) -> None:
    """Listen for OpenAI clients until Ctrl-C; inspect, record and send what is allowed.

    The provider's key is read from SITE/keys/provider-key (mode 0600) or systemd's credential
    of that name. Models, prices and callers are in SITE/policies/gateway.toml.

    Example: appliance gateway serve --port 8080
    """
    from appliance.workflows.gateway import serve as serve_gateway

    if socket_path is not None and port is not None:
        raise click.UsageError("Give --socket or --port, not both.")

    def announce(listening: "Listening") -> None:
        if as_json:
            render.emit_json_line(listening)
            return
        rows = [
            ("at", listening.at),
            ("leads to", listening.origin),
            ("models", ", ".join(listening.models) or "none: every request is refused"),
            ("callers", ", ".join(listening.callers) or "none: every request is refused"),
        ]
        render.emit_table("The gateway listens; Ctrl-C ends it", ("", ""), rows)

    serve_gateway(site, announce, socket_path=socket_path, port=port)


@gateway.command("open")
@click.option("--reason", required=True, help="A code, such as counted-by-hand.")
@site_option
@dry_run_option
@json_option
def open_(reason: str, site: Path, dry_run: bool, as_json: bool) -> None:
    """Open the door after counts that did not agree had shut it.

    Example: appliance gateway open --reason counted-by-hand
    """
    from appliance.workflows.gateway import open_door

    opened = open_door(site, reason, dry_run=dry_run)
    if as_json:
        render.emit_json(opened)
        return
    if not opened.was_shut:
        render.say("The door was not shut.")
        return
    verb = "is shut" if dry_run else "was shut and is open now"
    render.say(f"The door {verb}; the rule: {opened.rule}.")


@gateway.command()
@click.argument("request_id", metavar="REQUEST")
@click.option("--reason", required=True, help="A code, such as incident-review.")
@site_option
@json_option
def incident(request_id: str, reason: str, site: Path, as_json: bool) -> None:
    """Show a reply that was kept back because it held an identifier; the ledger says who looked.

    Example: appliance gateway incident chatcmpl-0123456789abcdef01234567 --reason incident-review
    """
    from appliance.workflows.gateway import show_incident

    kept = show_incident(site, request_id, reason)
    if as_json:
        render.emit_json({"request": request_id, "texts": kept})
        return
    render.emit_table(f"Kept back from {request_id}", ("text",), [(text,) for text in kept])


@gateway.command()
@site_option
@json_option
def traffic(site: Path, as_json: bool) -> None:
    """Count what left and what was kept back since the site was made, by the ledger.

    Example: appliance gateway traffic --json
    """
    from appliance.workflows.traffic import count_traffic

    seen = count_traffic(site)
    if as_json:
        render.emit_json(seen)
        return
    state = "runs" if seen.is_serving else "does not run"
    title = f"The gateway {state}; its door is {'shut: ' + seen.latch if seen.latch else 'open'}"
    rows = [(one.where, one.count, one.amount) for one in seen.departures]
    render.emit_table(title, ("what left", "count", "amount"), rows)
    render.emit_table("Kept back", ("what and rule", "count"), seen.denials.items())
