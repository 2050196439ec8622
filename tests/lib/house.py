"""The source tree as the house tests see it: packages, modules, commands."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import click

from appliance.cli.main import cli

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PRODUCT: Final = REPOSITORY / "appliance"


def modules() -> list[Path]:
    """Every module of the product, sorted."""
    return sorted(PRODUCT.rglob("*.py"))


def rooms() -> list[str]:
    """Every package under `appliance/`, as a path relative to it, sorted."""
    return sorted(
        path.parent.relative_to(PRODUCT).as_posix()
        for path in PRODUCT.rglob("__init__.py")
        if path.parent != PRODUCT
    )


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module; many tests walk the same ones."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def command_paths() -> list[tuple[str, ...]]:
    """The words of every command and group; the bare program is ()."""
    return [(), *_below(cli, ())]


def _below(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*words, name)
        command = _command(group, context, name)
        if isinstance(command, click.Group):
            yield from _below(command, (*words, name))


def _command(group: click.Group, context: click.Context, name: str) -> click.Command | None:
    # A command whose module is broken must fail its own test, not the collection of all.
    try:
        return group.get_command(context, name)
    except ImportError:
        return None


def leaf_commands() -> set[str]:
    """Every command that does something, as it is typed: "appliance notes import"."""
    groups = {words[:-1] for words in command_paths() if words}
    return {f"appliance {' '.join(words)}" for words in command_paths() if words not in groups}
