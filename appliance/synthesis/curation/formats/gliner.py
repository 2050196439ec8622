"""The JSON that GLiNER is trained on: tokens, and entities as first and last token, inclusive."""

from collections.abc import Iterator, Sequence
from typing import Any

from appliance.records.examples import Example
from appliance.records.spans import Span
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    array_lines,
    provenance,
    read_array,
    rebuild,
    relation_of,
    relations_of,
)
from appliance.synthesis.curation.formats.tokens import cut


def to_lines(examples: Sequence[Example]) -> Iterator[str]:
    """One JSON array, an object a line: `{"tokenized_text", "ner", ...}`.

    GLiNER reads these two keys; the others bring text and provenance back.
    """
    return array_lines(map(_fields, examples))


def from_lines(lines: Sequence[str]) -> Iterator[Example]:
    """The examples again.

    Raises:
        Unreadable: Names the example by number.
    """
    return read_array(lines, _example, "example")


def _fields(example: Example) -> dict[str, Any]:
    tokens = list(cut(example.text, example.spans))
    first = {start: index for index, (start, _) in enumerate(tokens)}
    last = {end: index for index, (_, end) in enumerate(tokens)}
    return {
        "tokenized_text": [example.text[start:end] for start, end in tokens],
        "ner": [[first[span.start], last[span.end], span.label] for span in example.spans],
        "token_offsets": tokens,
        "text": example.text,
        "relations": relations_of(example),
        **provenance(example),
    }


def _example(fields: Any) -> Example:
    try:
        offsets = fields["token_offsets"]
        spans = [
            Span(int(offsets[first][0]), int(offsets[last][1]), str(label))
            for first, last, label in fields["ner"]
        ]
        text = str(fields["text"])
        relations = [relation_of(one) for one in fields["relations"]]
    except (KeyError, TypeError, ValueError, IndexError):
        raise Unreadable("tokens, entities or text are missing or don't fit each other") from None
    return rebuild(fields, text, spans, relations)
