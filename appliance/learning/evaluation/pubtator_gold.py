"""Gold in PubTator's format, as BC5CDR, BioRED and NCBI-Disease are distributed.

The texts are public abstracts, and could be notes all the same: complaints name lines only.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.learning.evaluation.labels import Spelling
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span

SUFFIXES: Final = (".pubtator", ".pubtator.txt")
_PASSAGE: Final = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_MEND: Final = "Mend that line, or take the corpus's file as it is distributed."
# Columns of an entity: document, start, end, words, label, concepts; a corpus may add one.
_ENTITY: Final = 5
_RELATION: Final = 4
_CONCEPTS: Final = 5
_BETWEEN: Final = re.compile(r"[|,;]")
_NO_CONCEPT: Final = frozenset({"", "-", "-1"})


@dataclass(frozen=True, slots=True)
class Annotated:
    """A document, with what its annotators say of concepts and not of places.

    Attributes:
        document: Text and spans.
        concepts: Of each span, in order; empty where the vocabulary has none.
        related: Label, and the concepts that it joins.
        line: Where the document begins in its file.
    """

    document: GoldDocument
    concepts: tuple[frozenset[str], ...]
    related: tuple[tuple[str, str, str], ...]
    line: int


def is_pubtator(path: Path) -> bool:
    """Whether the name says so."""
    return path.name.lower().endswith(SUFFIXES)


def read_pubtator(path: Path, text: str, spelling: Spelling) -> Iterator[Annotated]:
    """The documents of a file, in its order: title and abstract, joined by one space.

    Of two entities that overlap the longer one is taken: a composite mention and its parts.

    Args:
        path: For complaints.
        text: Of the file.
        spelling: Of entity types.

    Raises:
        BadInput: A line is malformed, a label unknown, or words do not stand at their offsets.
    """
    block: list[tuple[int, str]] = []
    for number, line in enumerate(chain(text.split("\n"), [""]), start=1):
        row = line.rstrip("\r")
        if row.strip():
            block.append((number, row))
        elif block:
            yield _document(path, block, spelling)
            block = []


def _document(path: Path, block: Sequence[tuple[int, str]], spelling: Spelling) -> Annotated:
    first, _ = block[0]
    passages: list[str] = []
    found: dict[Span, frozenset[str]] = {}
    related: list[tuple[str, str, str]] = []
    name = ""
    for number, row in block:
        passage = _PASSAGE.fullmatch(row)
        if passage is not None and not (found or related):
            name, body = passage[1], passage[3]
            passages.append(body)
            continue
        cells = row.split("\t")
        if len(cells) > _ENTITY - 1 and cells[1].isdecimal() and cells[2].isdecimal():
            span = _span(path, number, cells, " ".join(passages), spelling)
            if span is not None:
                found[span] = found.get(span, frozenset()) | _concepts(cells)
        elif len(cells) >= _RELATION and not cells[1].isdecimal():
            related.append((cells[1].strip(), cells[2].strip(), cells[3].strip()))
        else:
            raise BadInput(
                f"{path.name}, line {number}: no title, abstract, entity or relation.", _MEND
            )
    if not passages:
        raise BadInput(f"{path.name}, line {first}: a document without a title.", _MEND)
    spans = _outermost(found)
    return Annotated(
        GoldDocument(name, " ".join(passages), spans),
        tuple(found[span] for span in spans),
        tuple(related),
        first,
    )


def _span(
    path: Path, number: int, cells: Sequence[str], text: str, spelling: Spelling
) -> Span | None:
    start, end = int(cells[1]), int(cells[2])
    label = spelling.get(cells[4].strip())
    if label is None:
        raise BadInput(
            f"{path.name}, line {number}: its label is not one of the task's: {spelling}.",
            "Give --map GOLD=OURS for each label of the gold, and --map GOLD= to leave one out.",
        )
    if not label:
        return None
    if start >= end or text[start:end] != cells[3]:
        raise BadInput(
            f"{path.name}, line {number}: its words do not stand at its offsets.",
            "Offsets are code points of title, one space, and abstract.",
        )
    return Span(start, end, label)


def _concepts(cells: Sequence[str]) -> frozenset[str]:
    given = cells[_CONCEPTS] if len(cells) > _CONCEPTS else ""
    return frozenset(part.strip() for part in _BETWEEN.split(given)) - _NO_CONCEPT


def _outermost(spans: dict[Span, frozenset[str]]) -> tuple[Span, ...]:
    taken: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start - one.end, one)):
        if not any(span.overlaps(other) for other in taken):
            taken.append(span)
    return tuple(sorted(taken))
