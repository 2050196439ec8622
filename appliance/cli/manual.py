"""`appliance manual`: the help of every command as a manual page, roff for man(1)."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from appliance import __version__
from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option


@click.command()
@click.option(
    "--out", type=PathType(file_okay=False), required=True, help="Directory, made if missing."
)
@dry_run_option
@json_option
def manual(out: Path, dry_run: bool, as_json: bool) -> None:
    """Write a manual page for every command into a directory that man(1) looks into.

    Example: appliance manual --out /usr/local/share/man/man1
    """
    from appliance.cli.main import cli
    from appliance.workflows.manual import write_pages

    pages = dict(make_pages(cli, "appliance", None))
    written = write_pages(out, pages, dry_run=dry_run)
    if as_json:
        render.emit_json({"directory": out, "pages": written})
        return
    render.say(f"{'Would write' if dry_run else 'Wrote'} {len(written)} pages to {out}.")


def make_pages(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    """File name and roff of the command's page, and of all below it."""
    context = click.Context(command, info_name=name, parent=parent)
    title = context.command_path.replace(" ", "-")
    yield f"{title}.1", _page(command, context, title)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from make_pages(found, below, context)


def _page(command: click.Command, context: click.Context, title: str) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{_plain(title.upper())}" "1" "" "appliance {__version__}" "User Commands"',
        ".ad l",
        ".SH NAME",
        f"{_plain(title)} \\- {_plain(command.get_short_help_str(limit=200))}",
        ".SH SYNOPSIS",
        f"\\fB{_plain(context.command_path)}\\fR {_plain(usage)}",
        ".SH DESCRIPTION",
        *_paragraphs(inspect.cleandoc(command.help or "")),
        ".SH OPTIONS",
    ]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        # An argument that the text explains has no words of its own.
        if record is not None and record[1]:
            lines += [".TP", f"\\fB{_plain(record[0])}\\fR", _plain(record[1])]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                short = _plain(found.get_short_help_str(limit=200))
                lines += [
                    ".TP",
                    f"\\fB{_plain(name)}\\fR",
                    f"{short} See {_plain(title)}-{name}(1).",
                ]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\n", text)):
        if number:
            yield ".PP"
        # click's mark of a paragraph whose lines are to stay as they are.
        is_kept = paragraph.startswith("\b")
        if is_kept:
            yield ".nf"
        for line in paragraph.removeprefix("\b").strip("\n").splitlines():
            yield _plain(line if is_kept else line.strip())
        if is_kept:
            yield ".fi"


def _plain(text: str) -> str:
    """The text as roff prints it: no letter of it is an order, however a line begins."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
