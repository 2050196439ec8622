"""BRAT standoff: a text and an annotation file for each note, for people who annotate.

Source: the format's description at brat.nlplab.org/standoff.html. Assertions and sections are
attributes, a cue is an entity of its own, a concept a normalisation, a relation joins two entities
as Arg1 (its head) and Arg2. The texts are notes.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.clinical.exports.writing import NoteFindings, Source, Written
from appliance.records.assertions import Assertion
from appliance.records.spans import Span

_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_SHARD: Final = 4
"""Characters of an id by which notes are spread over folders, so that none holds millions."""


def write_brat(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`XX/NOTE.txt` and `XX/NOTE.ann` for each note, and `annotation.conf`."""
    written = Written()
    labels: set[str] = set()
    relations: set[tuple[str, str, str]] = set()
    for entry in notes:
        shard = folder / entry.note.note_id[:_SHARD]
        shard.mkdir(mode=0o700, exist_ok=True)
        stem = shard / entry.note.note_id
        _write(stem.with_suffix(".txt"), entry.note.text)
        _write(stem.with_suffix(".ann"), _annotations(entry, source))
        labels.update(_name(finding.label) for finding in entry.findings)
        written.rows["notes"] += 1
        written.rows["findings"] += len(entry.findings)
        for one in entry.relations:
            relations.add((_name(one.label), _name(one.head.label), _name(one.tail.label)))
            written.rows["relations"] += 1
    _write(folder / "annotation.conf", _configuration(sorted(labels), sorted(relations)))
    return written


def _write(path: Path, content: str) -> None:
    # Not as text: a new line must stay one character, or every offset behind it is wrong.
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(content.encode())


def _annotations(entry: NoteFindings, source: Source) -> str:
    lines: list[str] = []
    text = entry.note.text
    counts = {"T": 0, "A": 0, "N": 0, "R": 0}

    def number(letter: str) -> str:
        counts[letter] += 1
        return f"{letter}{counts[letter]}"

    def entity(label: str, start: int, end: int) -> str:
        name = number("T")
        lines.append(f"{name}\t{label} {_fragments(text, start, end)}\t{_shown(text, start, end)}")
        return name

    cues: set[tuple[Assertion, int, int]] = set()
    names: dict[Span, str] = {}
    for finding in entry.findings:
        name = entity(_name(finding.label), finding.start, finding.end)
        names[Span(finding.start, finding.end, finding.label)] = name
        for cue in finding.cues:
            lines.append(f"{number('A')}\t{cue.kind.value.capitalize()} {name}")
            cues.add((cue.kind, cue.start, cue.end))
        if finding.link.concept:
            where = _name(source.vocabulary) or "Vocabulary"
            lines.append(f"{number('N')}\tReference {name} {where}:{finding.link.concept}\t")
    for kind, start, end in sorted(cues):
        entity(f"Cue-{kind.value}", start, end)
    for one in entry.relations:
        ends = f"Arg1:{names[one.head]} Arg2:{names[one.tail]}"
        lines.append(f"{number('R')}\t{_name(one.label)} {ends}")
    return "".join(f"{line}\n" for line in lines)


def _fragments(text: str, start: int, end: int) -> str:
    """A span over several lines is given in pieces, one a line, as the format asks."""
    pieces: list[str] = []
    at = start
    for line in text[start:end].split("\n"):
        if line.strip():
            pieces.append(f"{at} {at + len(line)}")
        at += len(line) + 1
    return ";".join(pieces)


def _shown(text: str, start: int, end: int) -> str:
    return " ".join(line for line in text[start:end].split("\n") if line.strip())


def _name(label: str) -> str:
    return _NOT_A_NAME.sub("-", label).strip("-")


def _configuration(labels: list[str], relations: list[tuple[str, str, str]]) -> str:
    cues = [f"Cue-{kind.value}" for kind in Assertion]
    attributes = [f"{kind.value.capitalize()}\tArg:<ENTITY>" for kind in Assertion]
    joined = [f"{label}\tArg1:{head}, Arg2:{tail}" for label, head, tail in relations]
    return "\n".join(
        [
            *("[entities]", *labels, *cues),
            *("[relations]", *joined),
            *("[events]", "[attributes]", *attributes, ""),
        ]
    )
