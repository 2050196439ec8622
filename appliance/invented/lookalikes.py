"""Stretches that look like a disease's name and are none: BP is blood pressure here."""

import re
from functools import cache
from typing import Final

from appliance.invented import material
from appliance.invented.manuscript import PLAIN, Manuscript
from appliance.records.spans import Span

LOOKALIKE: Final = "NotADisease"


def find_lookalikes(manuscript: Manuscript) -> tuple[Span, ...]:
    """Every stretch of plain words that `lookalikes.toml` lists, in the case it lists."""
    found: list[Span] = []
    position = 0
    for piece in manuscript.pieces:
        if piece.kind == PLAIN:
            found.extend(
                Span(position + hit.start(), position + hit.end(), LOOKALIKE)
                for hit in _pattern().finditer(piece.text)
            )
        position += len(piece.text)
    return tuple(found)


@cache
def _pattern() -> re.Pattern[str]:
    table = material.read("lookalikes.toml")["meanings"]
    longest_first = sorted(table, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")
