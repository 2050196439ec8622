"""An example as plain values, under the names that the line formats share."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from appliance.records.examples import Example, Origin, Split
from appliance.records.identifiers import DraftId, ExampleId
from appliance.records.spans import Relation, Span


class Unreadable(Exception):
    """A file is not of its format. The message names the place, never what stands there."""


def provenance(example: Example) -> dict[str, Any]:
    """All but text, spans and relations."""
    return {
        "id": example.example_id,
        "split": example.split.value,
        "draft": example.draft_id,
        "model": example.model,
        "weight": example.weight,
        "origin": example.origin.value,
    }


def relations_of(example: Example) -> list[dict[str, Any]]:
    """Its relations; head and tail are indices of its spans."""
    return [
        {"head": relation.head, "tail": relation.tail, "label": relation.label}
        for relation in example.relations
    ]


def rebuild(
    fields: Mapping[str, Any], text: str, spans: Sequence[Span], relations: Sequence[Relation]
) -> Example:
    """The example of which `fields` is the provenance.

    Raises:
        Unreadable: A field is missing or none of the allowed ones, a span lies outside the text,
            spans overlap, or a relation names a span that is not there.
    """
    ordered = tuple(sorted(spans))
    checked = tuple(relations)
    _check(text, ordered, checked)
    try:
        return Example(
            example_id=ExampleId(str(fields["id"])),
            text=text,
            spans=ordered,
            relations=checked,
            draft_id=DraftId(str(fields["draft"])),
            model=str(fields["model"]),
            split=Split(fields["split"]),
            weight=float(fields["weight"]),
            origin=Origin(fields["origin"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Unreadable("a field of where the example came from is missing or wrong") from None


def span_of(fields: Mapping[str, Any]) -> Span:
    """The span of `{"start", "end", "label"}`.

    Raises:
        Unreadable: It is none.
    """
    try:
        return Span(int(fields["start"]), int(fields["end"]), str(fields["label"]))
    except (KeyError, TypeError, ValueError):
        raise Unreadable("an entity is no start, end and label") from None


def relation_of(fields: Mapping[str, Any]) -> Relation:
    """The relation of `{"head", "tail", "label"}`.

    Raises:
        Unreadable: It is none.
    """
    try:
        return Relation(int(fields["head"]), int(fields["tail"]), str(fields["label"]))
    except (KeyError, TypeError, ValueError):
        raise Unreadable("a relation is no head, tail and label") from None


def in_order(
    named: Mapping[str, Span], pairs: Sequence[tuple[str, str, str]]
) -> tuple[list[Span], list[Relation]]:
    """Spans that a format knows by name, sorted, and relations between their places.

    Args:
        named: Spans by the format's own names.
        pairs: Names of head and tail, and the relation's label.

    Raises:
        Unreadable: A relation names a span that is not there.
    """
    names = sorted(named, key=lambda name: named[name])
    place = {name: index for index, name in enumerate(names)}
    try:
        relations = [Relation(place[head], place[tail], label) for head, tail, label in pairs]
    except KeyError:
        raise Unreadable("a relation is between entities that are not there") from None
    return [named[name] for name in names], relations


def array_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON array, a row a line."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    yield "["
    yield from (f"{line}," for line in lines[:-1])
    yield from lines[-1:]
    yield "]"


def read_array(
    lines: Sequence[str], take: Callable[[Any], Example], word: str
) -> Iterator[Example]:
    """The examples that `take` makes of the rows of one JSON array.

    Args:
        lines: Of the file.
        take: From a row to its example.
        word: What a row is called where one is complained of, by number.

    Raises:
        Unreadable: It is no array, or `take` could not read a row.
    """
    try:
        rows = json.loads("\n".join(lines))
    except ValueError:
        raise Unreadable("it is not JSON") from None
    if not isinstance(rows, list):
        raise Unreadable("it is no JSON array")
    for number, row in enumerate(rows, start=1):
        try:
            yield take(row)
        except Unreadable as error:
            raise Unreadable(f"{word} {number}: {error}") from None


def _check(text: str, spans: Sequence[Span], relations: Sequence[Relation]) -> None:
    if any(span.end > len(text) for span in spans):
        raise Unreadable("an entity ends beyond the text")
    if any(one.end > other.start for one, other in pairwise(spans)):
        raise Unreadable("two entities overlap")
    if any(not 0 <= at < len(spans) for one in relations for at in (one.head, one.tail)):
        raise Unreadable("a relation is between entities that are not there")
