"""`appliance model`: base models."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, site_option
from appliance.errors import BadInput

if TYPE_CHECKING:
    from appliance.workflows.model import Serving


@click.group()
def model() -> None:
    """Import, list and serve base models."""


@model.command("import")
@click.argument("directory", type=PathType(file_okay=False), required=False)
@click.option("--name", help="What to call it.")
@click.option(
    "--embedded", is_flag=True, help="Take in those that come with the product, for services."
)
@site_option
@dry_run_option
@json_option
def import_(
    directory: Path | None,
    name: str | None,
    embedded: bool,
    site: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the model in DIRECTORY into the site: safetensors, configuration and tokenizer only.

    Example: appliance model import /media/usb/BioClinical-ModernBERT-base --name modernbert
    """
    from appliance.workflows.model import import_embedded, import_model

    if embedded == (directory is not None) or embedded == bool(name):
        raise BadInput("Which model?", "Name DIRECTORY and --name, or --embedded alone.")
    if embedded:
        names = import_embedded(site, dry_run=dry_run)
        if as_json:
            render.emit_json({"imported": not dry_run, "models": names})
            return
        render.emit_table(
            "Would import" if dry_run else "Imported", ("name",), [[n] for n in names]
        )
        return
    assert directory is not None
    assert name is not None
    imported = import_model(site, directory, name, dry_run=dry_run)
    if as_json:
        render.emit_json({"imported": imported is not None, "model": imported})
        return
    if imported is None:
        render.say(f"{directory} is a usable model; it would be imported as {name}.")
        return
    rows = [("name", imported.name), ("digest", imported.digest), ("path", imported.path)]
    render.emit_table("Imported", ("", ""), rows)


@model.command("list")
@site_option
@json_option
def list_(site: Path, as_json: bool) -> None:
    """List the base models of the site; the embedded ones appear once they have been used.

    Example: appliance model list
    """
    from appliance.workflows.model import list_models

    models = list_models(site)
    if as_json:
        render.emit_json({"models": models})
        return
    render.emit_table(
        "Base models", ("name", "digest"), [(found.name, found.digest) for found in models]
    )


@model.command()
@click.option("--name", help="Which base model; the setting vllm.model without it.")
@site_option
@json_option
def serve(site: Path, name: str | None, as_json: bool) -> None:
    """Serve a base model with vLLM on loopback until Ctrl-C, OpenAI-compatible.

    Example: appliance model serve
    """
    from appliance.workflows.model import serve as serve_model

    def announce(serving: "Serving") -> None:
        if as_json:
            render.emit_json_line(serving)
            return
        rows = [("at", serving.base_url), ("key in", serving.key_file)]
        render.emit_table(f"Serving {serving.model}; Ctrl-C ends it", ("", ""), rows)

    serve_model(site, name, render.Bars(), announce)
