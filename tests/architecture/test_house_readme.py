"""The README's map and table say what is there: all of it and nothing else."""

import re

import pytest

from tests.lib.house import REPOSITORY, leaf_commands, rooms

README = REPOSITORY / "README.md"
NAME = re.compile(r"^([│├└─ \s]*)([a-z_]+)/\s+(\S.*)$")


def _section(title):
    if not README.is_file():
        pytest.fail("there is no README.md")
    text = README.read_text(encoding="utf-8")
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"README.md has no section {title!r}"
    return match[1]


def _mapped_rooms(section):
    """Paths of the rooms in the section's code block; depth is told by indentation."""
    block = re.search(r"```\w*\n(.*?)```", section, re.DOTALL)
    assert block, "the section has no code block"
    above = []
    for line in block[1].splitlines():
        match = NAME.match(line)
        if match is None:
            continue
        indent, name = len(match[1]), match[2]
        above = [(depth, parent) for depth, parent in above if depth < indent]
        above.append((indent, name))
        path = "/".join(part for _, part in above)
        if path.startswith("appliance/"):
            yield path.removeprefix("appliance/")


def test_the_map_shows_every_room_and_no_other():
    """Each package has its line with what it is for."""
    mapped = list(_mapped_rooms(_section("The rooms")))

    assert sorted(mapped) == rooms()


def test_the_table_shows_every_command_and_no_other():
    """`appliance notes import` in the table, and in the program, or in neither."""
    rows = re.findall(r"^\|\s*`(appliance[^`]*)`", _section("Commands"), re.MULTILINE)
    known = leaf_commands()

    named = {_longest(row, known) for row in rows}

    assert None not in named, [row for row in rows if _longest(row, known) is None]
    assert named == known


def _longest(row, known):
    """The command a row is about: what stands before arguments and options."""
    words = row.split()
    for end in range(len(words), 0, -1):
        if " ".join(words[:end]) in known:
            return " ".join(words[:end])
    return None
