"""There is no way round the gate: not in code, not in the environment, not by a flag."""

import ast
import re
from collections import defaultdict
from functools import cache

import click

from appliance.cli.main import cli
from tests.lib.house import PRODUCT, command_paths, modules, tree_of

GATE = [path for path in modules() if PRODUCT / "gate" in path.parents]
# A flag that let something pass would be called like this.
LOOSE = re.compile(r"force|bypass|skip|ignore|no-|allow|trust|unsafe|disable|threshold|override")


def _names(tree):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


def _options():
    """(words of a command, option) of every option there is."""
    for words in command_paths():
        command = cli
        for word in words:
            command = command.get_command(click.Context(command), word)
        for parameter in command.params:
            yield from ((words, option) for option in parameter.opts)


@cache
def _callers():
    """Files that call something of a name, by that name."""
    callers = defaultdict(set)
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                callers[getattr(node.func, "id", getattr(node.func, "attr", ""))].add(path.name)
    return callers


def test_the_gate_reads_no_environment():
    """A variable can't change a verdict."""
    assert GATE
    for path in GATE:
        assert not _names(tree_of(path)) & {"environ", "getenv", "getenvb"}, path


def test_only_the_gate_stamps():
    """A cleared prompt is made where the stamp is made, and the stamp where all was inspected."""
    # The gateway makes one of what it was sent, to have its stamp checked.
    assert _callers()["ClearedPrompt"] == {"clearance.py", "clearing.py"}
    assert _callers()["Stamper"] == {"inspection.py"}
    assert _callers()["stamp"] == {"inspection.py"}
    assert _callers()["Gate"] == {"opening.py"}


def test_only_the_gate_has_the_key_of_the_stamps():
    """Nobody else asks for it."""
    asking = {path.name for path in modules() if "Purpose.CLEARANCE" in path.read_text()}

    assert asking == {"opening.py"}


def test_no_flag_of_any_command_loosens_the_gate():
    """By its name, for whoever adds the next one."""
    options = list(_options())

    assert (("gate", "scan"), "--quick") in options
    assert not [option for option in options if LOOSE.search(option[1])]


def test_flags_of_what_sends_are_these():
    """Whatever is added here is looked at by a person who knows this test."""
    known = {
        "--task",
        "--count",
        "--out",
        "--route",
        "--seed",
        "--site",
        "--json",
        "--dry-run",
        "--budget",
        # A report holds shares of kinds of prompts, and each prompt passes the gate as ever.
        "--mix-from",
    }

    assert {option for words, option in _options() if words == ("synthesize",)} == known
