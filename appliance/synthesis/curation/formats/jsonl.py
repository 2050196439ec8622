"""JSON lines: one object per example."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from appliance.records.examples import Example
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    provenance,
    rebuild,
    relation_of,
    relations_of,
    span_of,
)


def to_lines(examples: Sequence[Example]) -> Iterator[str]:
    """`{"id", "text", "spans", "relations", "split", "draft", "model", "weight", "origin"}`."""
    for example in examples:
        fields = {**provenance(example), **labelled(example)}
        yield json.dumps(fields, ensure_ascii=False)


def from_lines(lines: Sequence[str]) -> Iterator[Example]:
    """The examples again.

    Raises:
        Unreadable: Names the line.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield from_fields(json.loads(line))
        except ValueError:
            raise Unreadable(f"line {number} is no JSON object") from None
        except Unreadable as error:
            raise Unreadable(f"line {number}: {error}") from None


def labelled(example: Example) -> dict[str, Any]:
    """Text, spans and relations."""
    spans = [{"start": span.start, "end": span.end, "label": span.label} for span in example.spans]
    return {"text": example.text, "spans": spans, "relations": relations_of(example)}


def from_fields(fields: Any) -> Example:
    """The example of one object.

    Raises:
        Unreadable: It is no object, or misses a field.
    """
    try:
        text = fields["text"]
        spans = [span_of(span) for span in fields["spans"]]
        relations = [relation_of(relation) for relation in fields["relations"]]
    except (KeyError, TypeError):
        raise Unreadable("text, spans or relations are missing") from None
    if not isinstance(text, str):
        raise Unreadable("the text is no text")
    return rebuild(fields, text, spans, relations)
