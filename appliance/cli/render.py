"""What people and programs see: tables or JSON on stdout, progress and complaints on stderr."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import click


def complain(message: str) -> None:
    """One line of what went wrong, on stderr."""
    click.echo(f"appliance: {message}", err=True)


def say(message: str) -> None:
    """One line of talk, on stderr."""
    click.echo(message, err=True)


def confirm(question: str) -> bool:
    """Whether the operator said yes, asked on stderr; where nobody is there to ask, no.

    Raises:
        click.Abort: Ctrl-C.
    """
    try:
        return click.confirm(question, err=True)
    except click.Abort as abort:
        # click makes one of Ctrl-C and of the end of the input.
        if isinstance(abort.__context__, EOFError):
            click.echo(err=True)
            return False
        raise


def emit_json(document: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(to_plain(document), ensure_ascii=False, indent=2))


def emit_json_line(document: object) -> None:
    """One JSON document on one line of stdout."""
    click.echo(json.dumps(to_plain(document), ensure_ascii=False))


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; plain where stdout is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))

    class Plain(Console):
        """A console that lets the command line decide what a vanished reader means."""

        def on_broken_pipe(self) -> None:
            """Raise what happened instead of ending the process with 1."""
            raise BrokenPipeError

    width = None if sys.stdout.isatty() else 120
    # What is shown is data: "[b]" in it is no markup, ":pill:" is no picture.
    Plain(width=width, highlight=False, markup=False, emoji=False).print(table)


def to_plain(value: object) -> Any:
    """Dataclasses, enums, paths and tuples as what `json` can write."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    return value


def in_words(value: object) -> str:
    """One cell of a table: counts by name as "a 3, b 4", a list with commas."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


class Bars:
    """A `records.progress.Progress` drawn with rich on stderr: bar, count, rate, ETA."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            # The summary takes the bar's place.
            transient=True,
        )
        self._task: Any = None
        self._stage = ""

    def begin(self, stage: str, total: int | None = None) -> None:
        """Draw a new bar; a pulse where the total is unknown."""
        self._stop()
        self._stage = stage
        self._task = self._progress.add_task(stage, total=total, rate="", note="")
        self._progress.start()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Move the bar on."""
        if self._task is None:
            return
        self._progress.update(self._task, advance=count)
        task = self._progress.tasks[self._progress.task_ids.index(self._task)]
        speed = task.finished_speed or task.speed
        self._progress.update(self._task, rate=f"{speed:.1f}/s" if speed else "", note=note)

    def end(self, summary: str = "") -> None:
        """Replace the bar by one line."""
        self._stop()
        if summary:
            self._console.print(f"{self._stage}: {summary}")

    def _stop(self) -> None:
        if self._task is not None:
            self._progress.stop()
            self._progress.remove_task(self._task)
            self._task = None
