"""Gold annotations from a folder of brat's standoff: NAME.txt with NAME.ann beside it.

The texts may be real notes, and the names of their files too: complaints number them in the order
of their names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.learning.evaluation.labels import Spelling
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span

# brat's manual, "Annotation format": id TAB type and offsets TAB text.
_ENTITY: Final = re.compile(r"T\d+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
_RELATION: Final = re.compile(r"R\d+\t(\S+) \w+:(T\d+) \w+:(T\d+)")
# Relations, events, attributes, notes and groups say nothing of where an entity is.
_OTHER: Final = re.compile(r"[REAMN#*]\S*\t.*")


@dataclass(frozen=True, slots=True)
class BratDocument:
    """A text with what is marked in it.

    Attributes:
        document: Text and spans.
        related: Each relation's label, and the spans that it joins; None for one left out.
        place: Of the text, for complaints.
    """

    document: GoldDocument
    related: tuple[tuple[str, Span | None, Span | None], ...]
    place: str


def read_brat(
    folder: Path, spelling: Spelling, *, with_relations: bool = False
) -> Iterator[BratDocument]:
    """The documents of a folder, in the order of their files' names.

    An entity in fragments is one span where only space stands between them, as brat writes an
    entity over the end of a line.

    Args:
        folder: With the files.
        spelling: Of entity types.
        with_relations: Whether these are read too; else whatever they say is passed over.

    Raises:
        BadInput: A text without annotations, annotations without a text, or annotations that are
            malformed, overlap, or are none of the task's; names the file by number and the line.
    """
    texts = sorted(folder.glob("*.txt"))
    lone = {path.stem for path in folder.glob("*.ann")} - {path.stem for path in texts}
    if lone:
        raise BadInput(
            f"{folder.name}: {len(lone)} .ann file(s) have no .txt beside them.",
            "Put the texts there; without them a score would be of fewer documents.",
        )
    for number, text_file in enumerate(texts, start=1):
        place = f"{folder.name}, text {number} by name"
        annotations = text_file.with_suffix(".ann")
        if not annotations.is_file():
            raise BadInput(
                f"{place}: there is no .ann file beside it.", "An empty one says: no entity."
            )
        text = _read(place, text_file)
        lines = _read(place, annotations).split("\n")
        marked = dict(_spans(place, text, lines, spelling))
        spans = sorted(span for span in marked.values() if span is not None)
        if any(one.end > two.start for one, two in pairwise(spans)):
            raise BadInput(f"{place}: two entities overlap.", "Keep the outer of the two.")
        document = GoldDocument(f"{folder.name}:{number}", text, tuple(spans))
        related = tuple(_relations(place, lines, marked)) if with_relations else ()
        yield BratDocument(document, related, place)


def _read(place: str, path: Path) -> str:
    """The file's text with its line ends as they are: offsets count them."""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            f"{place}: its {path.suffix} can't be read, or is not UTF-8.", "Save it as UTF-8."
        ) from None


def _relations(
    place: str, lines: Sequence[str], marked: Mapping[str, Span | None]
) -> Iterator[tuple[str, Span | None, Span | None]]:
    for number, line in enumerate(lines, start=1):
        if not line.startswith("R"):
            continue
        found = _RELATION.fullmatch(line.rstrip())
        if found is None or not {found[2], found[3]} <= marked.keys():
            raise BadInput(
                f"{place}, line {number} of its .ann: no relation of two entities.",
                "Write R1, a TAB, and the label with Arg1:T1 Arg2:T2.",
            )
        yield found[1], marked[found[2]], marked[found[3]]


def _spans(
    place: str, text: str, lines: Sequence[str], spelling: Spelling
) -> Iterator[tuple[str, Span | None]]:
    """Each entity by its id; None for one that is left out."""
    for number, line in enumerate(lines, start=1):
        row = line.rstrip("\r")
        if not row.strip() or _OTHER.fullmatch(row):
            continue
        found = _ENTITY.fullmatch(row)
        if found is None:
            raise BadInput(f"{place}, line {number} of its .ann: no entity.", "Mend that line.")
        label = spelling.get(found[1])
        if label is None:
            # The label itself is left out: it may be a word of a note.
            raise BadInput(
                f"{place}, line {number} of its .ann: its label is not one of the task's: "
                f"{spelling}.",
                "Score an adapter of the gold's own task; or say what the gold's labels stand for "
                "with --map GOLD=OURS, and with --map GOLD= which to leave out.",
            )
        if not label:
            yield row.split("\t", 1)[0], None
            continue
        parts = sorted(
            (int(start), int(end)) for start, end in re.findall(r"(\d+) (\d+)", found[2])
        )
        if any(start >= end for start, end in parts) or parts[-1][1] > len(text):
            raise BadInput(
                f"{place}, line {number} of its .ann: an entity without words, or past the text.",
                "Count offsets in code points of the text.",
            )
        # Between fragments, and for the end of a line, brat writes a space.
        words = " ".join(text[start:end] for start, end in parts).split()
        if found[3] is not None and found[3].split() != words:
            raise BadInput(
                f"{place}, line {number} of its .ann: its words do not stand at its offsets.",
                "Offsets are code points of the .txt with its line ends as they are.",
            )
        if any(text[one[1] : two[0]].strip() for one, two in pairwise(parts)):
            raise BadInput(
                f"{place}, line {number} of its .ann: an entity with words of no entity inside.",
                "An adapter finds unbroken spans only: mark the whole, or leave it out.",
            )
        yield row.split("\t", 1)[0], Span(parts[0][0], parts[-1][1], label)
