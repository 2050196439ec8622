"""`appliance cluster`: several hosts, one Ray."""

from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import Decorated, PathType, dry_run_option, json_option, site_option
from appliance.errors import BadInput

if TYPE_CHECKING:
    from appliance.workflows.cluster import Joined

_LONGEST_TOKEN = 200


def _node_option(command: Decorated) -> Decorated:
    return click.option(
        "--node",
        envvar="APPLIANCE_NODE",
        type=PathType(file_okay=False),
        help="Where this host keeps its place in the cluster; [ray] node of site.toml without it.",
        show_envvar=True,
    )(command)


_days_option = click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="How long the host's certificate counts.",
)


_patience_option = click.option(
    "--patience",
    type=click.FloatRange(1),
    default=600,
    show_default=True,
    help="Seconds that a host's work may take to end.",
)


@click.group()
def cluster() -> None:
    """Run one Ray on several hosts, with a token and TLS."""


@cluster.command()
@click.option("--host", required=True, help="This host's address, as the others reach it.")
@click.option("--port", type=click.IntRange(1024, 65535), default=6379, show_default=True)
@_days_option
@click.option("--renew", is_flag=True, help="Make authority and token anew; all hosts join again.")
@_node_option
@site_option
@dry_run_option
@json_option
def init(
    host: str,
    port: int,
    days: int,
    renew: bool,
    node: Path | None,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make this host the head of a new cluster: authority, token, certificate.

    Example: appliance cluster init --host 10.0.0.1
    """
    from appliance.workflows.cluster import init as begin

    begun = begin(site, host, port=port, days=days, node=node, renew=renew, dry_run=dry_run)
    if as_json:
        render.emit_json(begun)
        return
    rows = [("address", begun.address), ("place", begun.node), ("until", begun.expires)]
    render.emit_table("Would begin" if dry_run else "Begun", ("", ""), rows)
    render.say(f'Set `address = "{begun.address}"` under [ray] in site.toml.')


@cluster.command()
@click.option("--host", required=True, help="Address of the host that is to join.")
@click.option(
    "--hours",
    type=click.FloatRange(0, 168, min_open=True),
    default=24,
    show_default=True,
    help="How long the token counts.",
)
@_days_option
@site_option
@dry_run_option
@json_option
def token(host: str, hours: float, days: int, site: Path, dry_run: bool, as_json: bool) -> None:
    """Print a token with which that host can join, once.

    Whoever has it and can read the site can take the host's place: hand it over as a password.

    Example: appliance cluster token --host 10.0.0.2
    """
    from appliance.workflows.cluster import invite_host

    invited = invite_host(site, host, hours=hours, days=days, dry_run=dry_run)
    if as_json:
        render.emit_json(invited)
        return
    rows = [("host", invited.host), ("token", invited.token), ("until", invited.expires)]
    render.emit_table("Would invite" if dry_run else "Invited", ("", ""), rows)


@cluster.command()
@click.option(
    "--token",
    "token_file",
    type=click.File("r"),
    default="-",
    help="File with the token; standard input without it, so that no list of processes shows it.",
)
@_node_option
@site_option
@dry_run_option
@json_option
def join(token_file: IO[str], node: Path | None, site: Path, dry_run: bool, as_json: bool) -> None:
    """Make this host part of the site's cluster, by a token of `cluster token`.

    The site must be mounted here. A host that joins again gets a new certificate.

    Example: appliance cluster join < token
    """
    from appliance.workflows.cluster import join as join_cluster

    word = token_file.read(_LONGEST_TOKEN).strip()
    if not word:
        raise BadInput("No token was given.", "Give it on standard input, or name a file.")
    joined = join_cluster(site, word, node=node, dry_run=dry_run)
    _show("Would join" if dry_run else "Joined", joined, as_json=as_json)


@cluster.command()
@click.option("--cpus", type=click.IntRange(1), help="What this host gives; all without it.")
@click.option("--gpus", type=click.IntRange(0), help="The same.")
@click.option(
    "--object-store-mb", type=click.IntRange(80), help="[ray] object_store_mb without it."
)
@click.option(
    "--run",
    "directory",
    type=PathType(file_okay=False),
    default="/run/appliance-ray/ray",
    show_default=True,
    help="Where Ray writes; best in memory.",
)
@_node_option
@site_option
@json_option
def serve(
    cpus: int | None,
    gpus: int | None,
    object_store_mb: int | None,
    directory: Path,
    node: Path | None,
    site: Path,
    as_json: bool,
) -> None:
    """Be part of the cluster, as head or worker, until Ctrl-C, SIGTERM or `cluster drain`.

    Example: appliance cluster serve --gpus 2
    """
    from appliance.workflows.cluster_hosts import serve as serve_host

    def announce(place: "Joined") -> None:
        _show("In the cluster; Ctrl-C ends it", place, as_json=as_json)

    drained = serve_host(
        site,
        announce,
        cpus=cpus,
        gpus=gpus,
        object_store_mb=object_store_mb,
        directory=directory,
        node=node,
    )
    render.say("Drained: this host has left the cluster." if drained else "Stopped.")


@cluster.command()
@click.option("--expect", type=click.IntRange(1), help="How many hosts must be there, or exit 6.")
@_node_option
@site_option
@json_option
def status(expect: int | None, node: Path | None, site: Path, as_json: bool) -> None:
    """Show the hosts of the cluster, as its head sees them.

    Example: appliance cluster status --expect 3
    """
    from appliance.workflows.cluster_hosts import check_count, list_hosts

    found = list_hosts(site, node=node)
    if as_json:
        render.emit_json({"hosts": found})
    else:
        rows = [
            (one.address, one.role, "yes" if one.is_alive else "no", one.cpus, one.gpus, one.zone)
            for one in found
        ]
        render.emit_table("Hosts", ("host", "role", "there", "cpus", "gpus", "zone"), rows)
    if expect:
        check_count(found, expect)


@cluster.command()
@click.argument("host")
@_patience_option
@_node_option
@site_option
@dry_run_option
@json_option
def drain(
    host: str, patience: float, node: Path | None, site: Path, dry_run: bool, as_json: bool
) -> None:
    """Let HOST end its work and leave; it stays away until its service is started.

    Example: appliance cluster drain 10.0.0.2
    """
    from appliance.workflows.cluster_hosts import drain as drain_host

    drain_host(site, host, patience_s=patience, node=node, dry_run=dry_run)
    if as_json:
        render.emit_json({"host": host, "drained": not dry_run})
        return
    render.say(f"{host} {'would leave' if dry_run else 'has left the cluster'}.")


@cluster.command()
@click.argument("hosts", nargs=-1)
@_patience_option
@click.option(
    "--wait",
    type=click.FloatRange(1),
    default=300,
    show_default=True,
    help="Seconds that one may take to be back.",
)
@_node_option
@site_option
@dry_run_option
@json_option
def restart(
    hosts: tuple[str, ...],
    patience: float,
    wait: float,
    node: Path | None,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Drain the workers, or HOSTS, and wait until each is back, one after the other.

    A run goes on meanwhile. The first that does not come back ends it, with 6; the same command
    then goes on there. The head is not restarted: a run ends with it.

    Example: appliance cluster restart --wait 600
    """
    from appliance.workflows.rolling import restart as restart_hosts

    rolled = restart_hosts(
        site,
        hosts,
        render.Bars(),
        patience_s=patience,
        wait_s=wait,
        node=node,
        dry_run=dry_run,
    )
    if as_json:
        render.emit_json(rolled)
        return
    rows = [(host, "before") for host in rolled.before]
    rows += [(host, "would be" if dry_run else "now") for host in rolled.restarted]
    render.emit_table("Restarted", ("host", "when"), rows)


def _show(title: str, place: "Joined", *, as_json: bool) -> None:
    if as_json:
        render.emit_json_line(place)
        return
    rows = [
        ("host", place.host),
        ("role", place.role),
        ("head", place.head),
        ("place", place.node),
        ("until", place.expires),
    ]
    render.emit_table(title, ("", ""), rows)
