"""A folder of brat's standoff: a text and its annotations per example.

Beside them `annotation.conf`, which brat needs, and `examples.jsonl`, which says where each example
came from.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from appliance.records.examples import Example
from appliance.records.spans import Span
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    in_order,
    provenance,
    rebuild,
)

_INDEX: Final = "examples.jsonl"
_ENTITY: Final = re.compile(r"(T\d+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t.*")
_RELATION: Final = re.compile(r"R\d+\t(\S+) \S+?:(T\d+) \S+?:(T\d+)\s*")
_FILE: Final = re.compile(r"[A-Za-z0-9._-]+")
_LINE: Final = re.compile(r"[^\n]+")


def write(examples: Sequence[Example], directory: Path) -> None:
    """The files are in `directory`, which is there and empty."""
    with (directory / _INDEX).open("w", encoding="utf-8", newline="") as index:
        for example in examples:
            name = example.example_id
            (directory / f"{name}.txt").write_bytes(example.text.encode())
            annotations = "".join(f"{line}\n" for line in _annotations(example))
            (directory / f"{name}.ann").write_bytes(annotations.encode())
            index.write(json.dumps(provenance(example)) + "\n")
    (directory / "annotation.conf").write_text(_configuration(examples), encoding="utf-8")


def read(directory: Path) -> Iterator[Example]:
    """The examples as they are annotated now, in the order of `examples.jsonl`.

    Raises:
        Unreadable: Names the file.
        OSError: A file is not there.
    """
    lines = (directory / _INDEX).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            name = str(fields["id"])
        except (ValueError, TypeError, KeyError):
            raise Unreadable(f"{_INDEX}, line {number}: no example") from None
        if not _FILE.fullmatch(name):
            raise Unreadable(f"{_INDEX}, line {number}: its id is no name of a file")
        text = (directory / f"{name}.txt").read_bytes().decode()
        annotations = (directory / f"{name}.ann").read_bytes().decode()
        try:
            spans, relations = in_order(*_parsed(annotations))
            yield rebuild(fields, text, spans, relations)
        except Unreadable as error:
            raise Unreadable(f"{name}.ann: {error}") from None


def _annotations(example: Example) -> Iterator[str]:
    for number, span in enumerate(example.spans, start=1):
        surface = example.text[span.start : span.end].replace("\n", " ")
        yield f"T{number}\t{span.label} {_fragments(example.text, span)}\t{surface}"
    for number, relation in enumerate(example.relations, start=1):
        yield f"R{number}\t{relation.label} Arg1:T{relation.head + 1} Arg2:T{relation.tail + 1}"


def _fragments(text: str, span: Span) -> str:
    """An entity over a line's end is one fragment per line."""
    lines = _LINE.finditer(text, span.start, span.end)
    return ";".join(f"{line.start()} {line.end()}" for line in lines)


def _parsed(annotations: str) -> tuple[dict[str, Span], list[tuple[str, str, str]]]:
    named: dict[str, Span] = {}
    pairs: list[tuple[str, str, str]] = []
    for number, line in enumerate(annotations.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _ENTITY.fullmatch(line):
            edges = [int(edge) for edge in re.findall(r"\d+", found[3])]
            if min(edges) >= max(edges):
                raise Unreadable(f"line {number}: an entity without words")
            named[found[1]] = Span(min(edges), max(edges), found[2])
        elif found := _RELATION.fullmatch(line):
            pairs.append((found[2], found[3], found[1]))
        else:
            raise Unreadable(f"line {number}: neither an entity nor a relation")
    return named, pairs


def _configuration(examples: Sequence[Example]) -> str:
    labels = sorted({span.label for example in examples for span in example.spans})
    relations = sorted({one.label for example in examples for one in example.relations})
    lines = ["[entities]", *labels, "", "[relations]"]
    lines += [f"{relation}\tArg1:<ENTITY>, Arg2:<ENTITY>" for relation in relations]
    return "\n".join([*lines, "", "[events]", "", "[attributes]", ""])
