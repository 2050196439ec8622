"""Words and signs of a text, cut so that every entity begins and ends with one."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from appliance.records.spans import Span

_TOKEN: Final = re.compile(r"[^\W_]+|\S")


def cut(text: str, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Start and end of each token; what lies between two tokens is white space."""
    edges = sorted({edge for span in spans for edge in (span.start, span.end)})
    for token in _TOKEN.finditer(text):
        start = token.start()
        for edge in edges:
            if start < edge < token.end():
                yield start, edge
                start = edge
        yield start, token.end()


def tag(start: int, spans: Sequence[Span]) -> str:
    """The IOB2 tag of the token that begins at `start`."""
    for span in spans:
        if span.start <= start < span.end:
            return f"{'B' if start == span.start else 'I'}-{span.label}"
    return "O"
