"""The walls between the rooms: contracts, fresh processes, import times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib.house import REPOSITORY, command_paths

HEAVY = (
    *("ray", "torch", "presidio_analyzer", "vllm", "transformers", "peft", "spacy", "openai"),
    *("sklearn", "matplotlib", "datasketch", "onnxruntime"),
)


def _python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def _modules_of(room):
    root = REPOSITORY / "appliance" / room
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _loaded_by(modules):
    code = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = _python("-c", code, json.dumps(list(modules)))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_import_contract_is_kept():
    """The stairs, the zones and the one room of each heavy library, as pyproject has them."""
    from importlinter import cli

    assert cli.lint_imports(config_filename=str(REPOSITORY / "pyproject.toml")) == 0


def test_contracts_name_modules_that_exist():
    """A contract about a module that was renamed would hold for ever."""
    import tomllib

    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    named = {
        module
        for contract in settings["tool"]["importlinter"]["contracts"]
        for key in ("source_modules", "forbidden_modules", "protected_modules", "modules")
        for module in contract.get(key, ())
        if module.startswith("appliance")
    }

    missing = {
        name
        for name in named
        if not (path := REPOSITORY / Path(*name.split("."))).is_dir()
        and not path.with_suffix(".py").is_file()
    }
    assert not missing


@pytest.mark.parametrize(
    ("room", "stranger"),
    [
        ("synthesis", "appliance.clinical"),
        ("clinical", "appliance.synthesis"),
        ("learning", "appliance.clinical"),
        ("learning", "appliance.synthesis"),
        ("invented", "appliance.clinical"),
        ("gate", "appliance.clinical"),
        ("gateway", "appliance.clinical"),
        ("gateway", "appliance.synthesis"),
        ("clinical", "appliance.gateway"),
        ("console", "appliance.clinical"),
        ("console", "appliance.synthesis.backends"),
    ],
)
def test_a_room_never_brings_its_stranger_along(room, stranger):
    """In a fresh process, so that no dynamic import slips past the contracts."""
    loaded = _loaded_by(_modules_of(room))

    assert f"appliance.{room}" in loaded
    assert not [name for name in loaded if name == stranger or name.startswith(f"{stranger}.")]


def test_the_bare_help_loads_nothing_heavy():
    """Help is instant: no library that takes a second to import is touched."""
    done = _python("-X", "importtime", "-m", "appliance", "--help")

    assert done.returncode == 0, done.stderr[-2000:]
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "click" in loaded
    assert not loaded.intersection(HEAVY)


def test_no_commands_help_loads_anything_heavy():
    """Every command's in turn, in one process: what one has loaded stays and is seen."""
    code = (
        "import contextlib, io, json, sys\n"
        "from appliance.cli.main import run\n"
        "paths, heavy = json.loads(sys.argv[1])\n"
        "found = {}\n"
        "for words in paths:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        ended = run([*words, '--help'])\n"
        "    loaded = sorted(set(heavy) & set(sys.modules))\n"
        "    found[' '.join(words)] = [ended, len(out.getvalue()), loaded]\n"
        "print(json.dumps(found))"
    )

    done = _python("-c", code, json.dumps([command_paths(), HEAVY]))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(command_paths())
    for words, (ended, length, loaded) in found.items():
        assert (ended, loaded) == (0, []), words
        assert length > 100, words
