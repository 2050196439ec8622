"""The command tree, loaded lazily, and the one place where errors become exit codes."""

import os
import sys
import time
from contextlib import suppress
from importlib import import_module  # noqa: TID251 - names below are fixed, and --help must be fast
from typing import Any, Final

import click

from appliance.cli import endings
from appliance.errors import EXIT_OK
from appliance.settings import logs

# Command, module and attribute, first line of help: read without importing the module.
COMMANDS: Final = {
    "demo": ("appliance.cli.demo:demo", "Run the whole main job on the invented hospital."),
    "init": ("appliance.cli.init:init", "Make a site: settings, keys, policies."),
    "site": ("appliance.cli.site:site", "Bring a site to the layout of this program, or back."),
    "doctor": ("appliance.cli.doctor:doctor", "Check that what must hold on this machine holds."),
    "notes": ("appliance.cli.notes:notes", "Import, count and show clinical notes."),
    "patients": ("appliance.cli.patients:patients", "Load the site's patient index."),
    "gate": ("appliance.cli.gate:gate", "Inspect texts for identifiers."),
    "task": ("appliance.cli.task:task", "Validate, list and show label sheets."),
    "synthesize": ("appliance.cli.synthesize:synthesize", "Let a model invent labelled text."),
    "corpus": ("appliance.cli.corpus:corpus", "Show and export corpora."),
    "rounds": ("appliance.cli.rounds:rounds", "Synthesize, train and look again, until a plateau."),
    "train": ("appliance.cli.train:train", "Fine-tune a LoRA adapter on a corpus."),
    "evaluate": ("appliance.cli.evaluate:evaluate", "Score an adapter beside the free baselines."),
    "adapter": ("appliance.cli.adapter:adapter", "List, show, promote and retire adapters."),
    "benchmark": ("appliance.cli.benchmark:benchmark", "Measure the product on public corpora."),
    "extract": ("appliance.cli.extract:extract", "Run an adapter over all notes in the vault."),
    "findings": ("appliance.cli.findings:findings", "Export and count findings."),
    "keys": ("appliance.cli.keys:keys", "Change the site's keys."),
    "access": ("appliance.cli.access:access", "Approve requests; see what you may do."),
    "model": ("appliance.cli.model:model", "Import, list and serve base models."),
    "gateway": ("appliance.cli.gateway:gateway", "Serve and open the one door to a provider."),
    "cluster": ("appliance.cli.cluster:cluster", "Run one Ray on several hosts."),
    "audit": ("appliance.cli.audit:audit", "Attack the site on purpose, and report."),
    "release": ("appliance.cli.release:release", "Let a corpus or an adapter leave."),
    "backup": ("appliance.cli.backup:backup", "Back the site up, restore it, rehearse that."),
    "status": ("appliance.cli.status:status", "Show how the site stands, on one screen."),
    "support-bundle": ("appliance.cli.support:support_bundle", "Pack facts for whoever helps."),
    "console": ("appliance.cli.console:console", "Serve a web page of this machine."),
    "runs": ("appliance.cli.runs:runs", "Show long runs and how far they are."),
    "ledger": ("appliance.cli.ledger:ledger", "Show, verify and witness the ledger."),
    "completion": ("appliance.cli.completion:completion", "Let a shell complete commands."),
    "manual": ("appliance.cli.manual:manual", "Write manual pages."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, in the order of the main job."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module_name, attribute = COMMANDS[cmd_name][0].split(":")
        command = getattr(import_module(module_name), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whoever reads its output may go away (`| head`) without harm."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click would end the process with 1. What is still buffered has no reader either.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(EXIT_OK) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="appliance")
def cli() -> None:
    """Mine a hospital's own notes with language models; no patient's data leaves the building.

    Every command takes --site DIR (or APPLIANCE_SITE) and --json, and ends with an exit code
    of one table: 0 done, 1 bug, 2 bad input, 3 a check failed, 4 a check warns, 5 privacy said
    no, 6 model server down, 7 model server refused, 8 bytes do not match, 9 exhausted, 10 disk
    full, 130 interrupted.
    """


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    words = _words(arguments)
    logs.install(frozenset({words}))
    began = time.monotonic()
    logs.tell(logs.STARTED, command=words)
    code, error = _run(arguments)
    seconds = round(time.monotonic() - began, 3)
    fields = {"error": logs.name_error(error)} if error else {}
    logs.tell(logs.ENDED, command=words, exit_code=code, seconds=seconds, **fields)
    return code


def _words(arguments: list[str]) -> str:
    """The command as it is called, of words that stand in the program; "" where there is none."""
    return arguments[0] if arguments and arguments[0] in COMMANDS else ""


def _run(arguments: list[str]) -> tuple[int, Exception | None]:
    as_json = endings.wants_json(arguments)
    try:
        outcome = cli.main(args=arguments, prog_name="appliance", standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code, None
    except (click.Abort, KeyboardInterrupt) as error:
        return endings.tell(error, as_json=as_json), None
    except Exception as error:  # noqa: BLE001 - the last door: a message of a library may hold text
        return endings.tell(error, as_json=as_json), error
    return (outcome if isinstance(outcome, int) else EXIT_OK), None
