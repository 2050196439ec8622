"""The style of the house, as far as a machine can tell."""

import ast
import re

import pytest

from appliance import errors
from tests.lib.house import PRODUCT, REPOSITORY, modules, rooms, tree_of

MAX_LINES = 400
UNFINISHED = "TODO" + "(room head)"


def _name(path):
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("room", rooms())
def test_a_room_has_a_head_and_nothing_else(room):
    """`__init__` says what comes in, goes out and must never happen; it imports nothing."""
    tree = tree_of(PRODUCT / room / "__init__.py")

    docstring = ast.get_docstring(tree)
    assert docstring
    assert len(tree.body) == 1
    assert "Never here:" in docstring or "/" in room or room == "cli"


def test_no_room_has_an_unfinished_head():
    found = [
        _name(path)
        for room in ("appliance", "deploy", "tests")
        for path in (REPOSITORY / room).rglob("*.py")
        if UNFINISHED in path.read_text(encoding="utf-8")
    ]

    assert not found


def test_no_module_hides_a_second_idea():
    """Past 400 lines a module is two."""
    long = {
        _name(path): count
        for path in modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }

    assert not long


def test_everything_public_has_a_docstring():
    """Modules, classes, functions and methods without a leading underscore."""
    missing = [
        f"{_name(path)}: {name}"
        for path in modules()
        for name, node in _public(tree_of(path), "")
        if ast.get_docstring(node) is None
    ]

    assert not missing


def _public(node, prefix):
    if isinstance(node, ast.Module):
        yield "the module", node
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_"):
            continue
        yield f"{prefix}{child.name}", child
        if isinstance(child, ast.ClassDef):
            yield from _public(child, f"{prefix}{child.name}.")


def test_the_drawn_error_tree_is_the_tree():
    """Names, parents and exit codes in the head of errors.py are those of the classes."""
    drawn = {}
    above = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^([ │├└─]*)([A-Z][A-Za-z]+)\s+(\d+)\b", line)
        if match is None:
            continue
        depth = len(match[1])
        above = [(at, name) for at, name in above if at < depth]
        drawn[match[2]] = (above[-1][1] if above else "Exception", int(match[3]))
        above.append((depth, match[2]))

    actual = {
        name: (value.__bases__[0].__name__, value.exit_code)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ApplianceError)
    }
    assert drawn == actual


def test_only_the_tree_is_raised_to_operators():
    """No module outside errors.py adds a branch that the exit codes do not know."""
    foreign = [
        f"{_name(path)}: {node.name}"
        for path in modules()
        if path.name != "errors.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in vars(errors)
    ]

    assert not foreign


# Refusals that an operator gets to see; the others are bugs, or say what to do by their kind.
_TOLD = {"BadInput", "SiteError", "Exhausted", "NoSpace", "KeyMismatch", "ManifestMismatch"}


def test_every_refusal_has_its_next_step():
    """Whoever is told what is wrong is told what to do about it."""
    bare = [
        f"{_name(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TOLD
        if len(node.args) + len(node.keywords) < 2
    ]

    assert not bare


def test_every_threat_names_its_wall_and_a_test_that_exists():
    """A row of policies/threats.md without its test is a wish."""
    text = (REPOSITORY / "policies/threats.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert rows

    for row in rows:
        threat, wall, tests = (cell.strip() for cell in row.strip("|").split("|"))
        assert threat
        assert wall
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert named, f"no test in the row {threat!r}"
        for file, function in named:
            path = REPOSITORY / file
            assert path.is_file(), f"{file} does not exist"
            defined = {
                node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)
            }
            assert function in defined, f"{file} has no {function}"


def test_decisions_are_numbered_without_a_gap():
    """One page each, in order, with the four headings."""
    pages = sorted((REPOSITORY / "policies/decisions").glob("*.md"))

    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for heading in ("## Context", "## Options", "## Choice", "## Cost"):
            assert heading in text, f"{page.name} lacks {heading}"
