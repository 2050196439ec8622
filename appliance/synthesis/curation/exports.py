"""A corpus in formats that other tools read."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from appliance.records.examples import Example
from appliance.records.spans import Span

_TOKEN: Final = re.compile(r"[^\W_]+|\S")


def to_jsonl(examples: Sequence[Example]) -> Iterator[str]:
    """One JSON object per example, nothing lost; offsets in code points, end exclusive."""
    for example in examples:
        spans = [
            {"start": span.start, "end": span.end, "label": span.label} for span in example.spans
        ]
        relations = [
            {"head": relation.head, "tail": relation.tail, "label": relation.label}
            for relation in example.relations
        ]
        yield json.dumps(
            {
                "id": example.example_id,
                "text": example.text,
                "spans": spans,
                "relations": relations,
                "split": example.split.value,
                "draft": example.draft_id,
                "model": example.model,
                "weight": example.weight,
                "origin": example.origin.value,
            },
            ensure_ascii=False,
        )


def to_conll(examples: Sequence[Example]) -> Iterator[str]:
    """One token and its IOB2 tag per line, tab between, an empty line after each example.

    Spaces, ids and relations are lost. A span always begins and ends with a token's edge, because
    spans are made of whole words.
    """
    for example in examples:
        for token in _TOKEN.finditer(example.text):
            tag = _tag(token.start(), example.spans)
            yield f"{token.group()}\t{tag}"
        yield ""


def _tag(start: int, spans: Sequence[Span]) -> str:
    for span in spans:
        if span.start <= start < span.end:
            return f"{'B' if start == span.start else 'I'}-{span.label}"
    return "O"
