"""Gold pairs: from JSONL with spans and relations, and from files in which the pair is masked.

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
from appliance.learning.evaluation.gold import read_gold
from appliance.records.cards import PairTypes
from appliance.records.gold import GoldDocument
from appliance.records.spans import UNRELATED, Relation, Span

_JSON: Final = frozenset({".json", ".jsonl", ".ndjson"})
_TABLE: Final = frozenset({".tsv", ".txt"})
_TEXT: Final = ("text", "sentence")
# How corpora mask a name: "@GENE$".
_MASK: Final = re.compile(r"@([A-Za-z][A-Za-z0-9_]*)\$")
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"0", "false", "no", UNRELATED})
_MEND: Final = "Mend that line."
_Row = tuple[int, Mapping[str, Any]]


def read_pair_gold(path: Path, pairs: Sequence[PairTypes]) -> tuple[GoldDocument, ...]:
    """The documents of a gold file, in its order, each with every pair that is to be judged.

    JSONL with spans: `{"id", "text", "spans": [{"start", "end", "label"}], "relations":
    [{"head", "tail", "label"}]}`, head and tail as indices into the spans as they stand there.
    Pairs of the task's types that it does not name are in no relation.

    Masked: one pair in each line, its ends masked as @TYPE$ with the names of the entity types,
    in any case; where both are of one type, the head is the first. JSON lines with `text` (or
    `sentence`) and `label`; or TSV whose header names these columns. A label is a relation type,
    "none", or, where the task has one relation, 1 or 0.

    Args:
        path: The file; its suffix and first line tell the format.
        pairs: Relation types of the task.

    Raises:
        BadInput: Unreadable, an unknown format, malformed, empty, or not of the task; names the
            line.
    """
    suffix = path.suffix.lower()
    if suffix not in _JSON | _TABLE:
        raise BadInput(
            f"{path.name} has no suffix of a format of gold pairs.",
            f"Name it {', '.join(sorted(_JSON | _TABLE))}.",
        )
    text = read_utf8(path)
    rows = list(_table(path, text) if suffix in _TABLE else _objects(path, text))
    if not rows:
        raise BadInput(f"{path.name} holds no pair.", "Name a file with annotated pairs.")
    if "spans" in rows[0][1]:
        return _with_spans(path, rows, pairs)
    return tuple(_masked(path, number, row, pairs) for number, row in rows)


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
    path: Path, rows: Sequence[_Row], pairs: Sequence[PairTypes]
) -> tuple[GoldDocument, ...]:
    types = sorted({end for pair in pairs for end in (pair.head, pair.tail)})
    documents = read_gold(path, types)
    return tuple(
        replace(document, relations=_close(path, number, row, document, pairs))
        for document, (number, row) in zip(documents, rows, strict=True)
    )


def _close(
    path: Path,
    number: int,
    row: Mapping[str, Any],
    document: GoldDocument,
    pairs: Sequence[PairTypes],
) -> tuple[Relation, ...]:
    """Every pair of the right types, with its label."""
    spans = document.spans
    stated: dict[tuple[int, int], str] = {}
    try:
        given = [(int(one["start"]), int(one["end"])) for one in row["spans"]]
        at = {(span.start, span.end): index for index, span in enumerate(spans)}
        for one in row.get("relations", ()):
            head, tail = (at[given[one[end]]] for end in ("head", "tail"))
            stated[head, tail] = _label(str(one["label"]), pairs)
    except (KeyError, IndexError, TypeError, ValueError):
        raise BadInput(
            f"{path.name}, line {number}: a relation is not an object with head and tail, both "
            "indices of spans, and a label of the task.",
            _MEND,
        ) from None
    wanted = {(pair.head, pair.tail) for pair in pairs}
    named = {frozenset(ends) for ends in stated}
    for head, one in enumerate(spans):
        for tail, two in enumerate(spans):
            is_pair = head != tail and (one.label, two.label) in wanted
            # Of two mentions of one type, the first is the head where gold does not say.
            is_known = frozenset((head, tail)) in named
            if is_pair and not is_known and (one.label != two.label or head < tail):
                stated[head, tail] = UNRELATED
    return tuple(Relation(*ends, label) for ends, label in sorted(stated.items()))


def _masked(
    path: Path, number: int, row: Mapping[str, Any], pairs: Sequence[PairTypes]
) -> GoldDocument:
    text = next((row[name] for name in _TEXT if isinstance(row.get(name), str)), None)
    if text is None or row.get("label") is None:
        raise BadInput(f"{path.name}, line {number}: no text, or no label.", _MEND)
    try:
        label = _label(str(row["label"]), pairs)
    except ValueError:
        raise BadInput(
            f"{path.name}, line {number}: its label is not one of "
            f"{', '.join((*(pair.label for pair in pairs), UNRELATED))}, nor 1 or 0 of one "
            "relation.",
            "Score an adapter of the gold's own task.",
        ) from None
    for pair in pairs:
        ends = _find_ends(text, pair) if label in {pair.label, UNRELATED} else None
        if ends is not None:
            head, tail = ends
            first, second = sorted(ends)
            relation = Relation((first, second).index(head), (first, second).index(tail), label)
            return GoldDocument(f"{path.stem}:{number}", text, (first, second), (relation,))
    masks = " and ".join(f"@{end}$" for end in (pairs[0].head, pairs[0].tail))
    raise BadInput(
        f"{path.name}, line {number}: the two ends of a pair are not masked in it.",
        f"Mask them with the names of the entity types, e.g. {masks}.",
    )


def _find_ends(text: str, pair: PairTypes) -> tuple[Span, Span] | None:
    """The first mask of the head's type and, beside it, the first of the tail's."""
    found = [(match.span(), match.group(1).casefold()) for match in _MASK.finditer(text)]
    heads = [place for place, name in found if name == pair.head.casefold()]
    if not heads:
        return None
    tails = [place for place, name in found if name == pair.tail.casefold() and place != heads[0]]
    if not tails:
        return None
    return Span(*heads[0], pair.head), Span(*tails[0], pair.tail)


def _label(given: str, pairs: Sequence[PairTypes]) -> str:
    """The label as the task spells it; ValueError where it has none such."""
    plain = given.strip().casefold()
    for pair in pairs:
        if plain == pair.label.casefold():
            return pair.label
    if plain in _NO:
        return UNRELATED
    if plain in _YES and len(pairs) == 1:
        return pairs[0].label
    raise ValueError
