"""Gold pairs: JSONL with spans and relations, PubTator, brat, and files with masked pairs.

The texts may be real notes: complaints name lines, never what stands in them.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.reading import read_utf8
from appliance.errors import BadInput
from appliance.learning.evaluation.brat_gold import read_brat
from appliance.learning.evaluation.concept_gold import read_concept_pairs
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.labels import (
    LEFT_OUT,
    NO_RENAMES,
    RelationLabels,
    Renames,
    Spelling,
)
from appliance.learning.evaluation.pubtator_gold import SUFFIXES, is_pubtator
from appliance.records.cards import PairTypes
from appliance.records.gold import GoldDocument
from appliance.records.spans import UNRELATED, Relation, Span

_JSON: Final = frozenset({".json", ".jsonl", ".ndjson"})
_TABLE: Final = frozenset({".tsv", ".txt"})
_TEXT: Final = ("text", "sentence")
# How corpora mask a name: "@GENE$".
_MASK: Final = re.compile(r"@([A-Za-z][A-Za-z0-9_]*)\$")
_MEND: Final = "Mend that line."
_Row = tuple[int, Mapping[str, Any]]


def read_pair_gold(
    path: Path, pairs: Sequence[PairTypes], renames: Renames = NO_RENAMES
) -> tuple[GoldDocument, ...]:
    """The documents of a gold file, in its order, each with every pair that is to be judged.

    JSONL with spans: `{"id", "text", "spans": [{"start", "end", "label"}], "relations":
    [{"head", "tail", "label"}]}`, head and tail as indices into the spans as they stand there.
    Pairs of the task's types that it does not name are in no relation. Which end is the head may
    be left to their types, where these tell.

    brat: a folder, see `read_brat`; a relation's first argument is the head, and pairs without one
    are in no relation.

    PubTator: relations are of concepts in a document, and each pair of concepts is one decision,
    shown where their mentions stand nearest to each other.

    Masked: one pair in each line, its ends masked as @TYPE$ with the names of the entity types,
    in any case; where both are of one type, the head is the first. JSON lines with `text` (or
    `sentence`) and `label`; or TSV whose header names these columns. A label is a relation type,
    "none", or, where the task has one relation, 1 or 0.

    Args:
        path: The file; its suffix and first line tell the format.
        pairs: Relation types of the task.
        renames: What other labels of the file stand for, of entities and of relations; a pair that
            bears one for nothing is not judged.

    Raises:
        BadInput: Unreadable, an unknown format, malformed, empty, or not of the task; names the
            line.
    """
    labels = RelationLabels(pairs, renames)
    if is_pubtator(path):
        return read_concept_pairs(path, labels)
    if path.is_dir():
        return _of_brat(path, labels)
    suffix = path.suffix.lower()
    if suffix not in _JSON | _TABLE:
        raise BadInput(
            f"{path.name} has no suffix of a format of gold pairs.",
            f"Name it {', '.join(sorted({*_JSON, *_TABLE, *SUFFIXES}))}, or name a folder of "
            "brat's.",
        )
    text = read_utf8(path)
    rows = list(_table(path, text) if suffix in _TABLE else _objects(path, text))
    if not rows:
        raise BadInput(f"{path.name} holds no pair.", "Name a file with annotated pairs.")
    if "spans" in rows[0][1]:
        return _with_spans(path, rows, labels)
    return tuple(_masked(path, number, row, labels) for number, row in rows)


def _objects(path: Path, text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise BadInput(f"{path.name}, line {number}: not a JSON object.", _MEND)
        yield number, row


def _table(path: Path, text: str) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = reader.fieldnames or ()
    if "label" not in columns or not set(_TEXT) & set(columns):
        raise BadInput(
            f"{path.name} has no columns `text` (or `sentence`) and `label`.",
            "Give it a header line with them.",
        )
    for row in reader:
        yield reader.line_num, row


def _with_spans(
    path: Path, rows: Sequence[_Row], labels: RelationLabels
) -> tuple[GoldDocument, ...]:
    documents = read_gold(path, labels.ends.labels, labels.ends.renames)
    return tuple(
        replace(document, relations=_close(path, number, row, document, labels))
        for document, (number, row) in zip(documents, rows, strict=True)
    )


def _close(
    path: Path, number: int, row: Mapping[str, Any], document: GoldDocument, labels: RelationLabels
) -> tuple[Relation, ...]:
    """Every pair of the right types, with its label."""
    spans = document.spans
    stated: dict[tuple[int, int], str] = {}
    try:
        given = [(int(one["start"]), int(one["end"])) for one in row["spans"]]
        at = {(span.start, span.end): index for index, span in enumerate(spans)}
        for one in row.get("relations", ()):
            head, tail = (at.get(given[one[end]]) for end in ("head", "tail"))
            # Of an end that is left out nothing can be said.
            if head is not None and tail is not None:
                labels.state(stated, spans, (head, tail), str(one["label"]))
    except (KeyError, IndexError, TypeError, ValueError):
        raise BadInput(
            f"{path.name}, line {number}: a relation is not an object with head and tail, both "
            f"indices of spans, and a label that joins their types: {labels}.",
            "Mend that line; or say what the gold's labels stand for with --map GOLD=OURS.",
        ) from None
    return _with_unrelated(spans, stated, labels)


def _of_brat(folder: Path, labels: RelationLabels) -> tuple[GoldDocument, ...]:
    documents = []
    for one in read_brat(folder, labels.ends, with_relations=True):
        spans = one.document.spans
        stated: dict[tuple[int, int], str] = {}
        for given, first, second in one.related:
            if first is None or second is None:
                continue
            try:
                labels.state(stated, spans, (spans.index(first), spans.index(second)), given)
            except ValueError:
                raise BadInput(
                    f"{one.place}: a relation's label is none that joins its types: {labels}.",
                    "Say what the gold's labels stand for with --map GOLD=OURS.",
                ) from None
        documents.append(replace(one.document, relations=_with_unrelated(spans, stated, labels)))
    if not documents:
        raise BadInput(f"{folder.name} holds no pair.", "Name a folder with annotated pairs.")
    return tuple(documents)


def _with_unrelated(
    spans: Sequence[Span], stated: Mapping[tuple[int, int], str], labels: RelationLabels
) -> tuple[Relation, ...]:
    """What is stated, and the other pairs of the right types; what is left out is not judged."""
    everything = dict(stated)
    named = {frozenset(ends) for ends in stated}
    for head, one in enumerate(spans):
        for tail, two in enumerate(spans):
            is_pair = head != tail and (one.label, two.label) in labels.types
            # Of two mentions of one type, the first is the head where gold does not say.
            is_known = frozenset((head, tail)) in named
            if is_pair and not is_known and (one.label != two.label or head < tail):
                everything[head, tail] = UNRELATED
    return tuple(
        Relation(*ends, label) for ends, label in sorted(everything.items()) if label != LEFT_OUT
    )


def _masked(
    path: Path, number: int, row: Mapping[str, Any], labels: RelationLabels
) -> GoldDocument:
    text = next((row[name] for name in _TEXT if isinstance(row.get(name), str)), None)
    if text is None or row.get("label") is None:
        raise BadInput(f"{path.name}, line {number}: no text, or no label.", _MEND)
    possible = labels.possible(str(row["label"]))
    if possible is None:
        raise BadInput(
            f"{path.name}, line {number}: its label is not one of {labels}, nor 1 or 0 of one "
            "relation.",
            "Score an adapter of the gold's own task; or say what the gold's labels stand for "
            "with --map GOLD=OURS.",
        )
    for pair in labels.pairs:
        if possible and not {pair.label, UNRELATED} & set(possible):
            continue
        ends = _find_ends(text, pair, labels.ends)
        if ends is not None:
            head, tail = ends
            first, second = sorted(ends)
            label = pair.label if pair.label in possible else UNRELATED
            relation = Relation((first, second).index(head), (first, second).index(tail), label)
            name = f"{path.stem}:{number}"
            return GoldDocument(name, text, (first, second), (relation,) if possible else ())
    masks = " and ".join(f"@{end}$" for end in (labels.pairs[0].head, labels.pairs[0].tail))
    raise BadInput(
        f"{path.name}, line {number}: the two ends of a pair are not masked in it.",
        f"Mask them with the names of the entity types, e.g. {masks}.",
    )


def _find_ends(text: str, pair: PairTypes, spelling: Spelling) -> tuple[Span, Span] | None:
    """The first mask of the head's type and, beside it, the first of the tail's."""
    found = [(match.span(), spelling.get(match.group(1))) for match in _MASK.finditer(text)]
    heads = [place for place, name in found if name == pair.head]
    if not heads:
        return None
    tails = [place for place, name in found if name == pair.tail and place != heads[0]]
    if not tails:
        return None
    return Span(*heads[0], pair.head), Span(*tails[0], pair.tail)
