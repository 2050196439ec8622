"""Where sentences of clinical prose end: a full stop, a semicolon, a new line that begins anew."""

import re
from typing import Final

# Lines are wrapped in the middle of sentences, so a new line counts only before what begins one: a
# capital, a bullet, a number, an empty line.
_END: Final = re.compile(
    # Possessive, and from the first of several stops only: runs of them take no square of the time.
    r"(?P<stop>(?<![.!?])[.!?]++)[\"')\]]*+(?=\s+[A-Z0-9(\"'\[•*-]|\s*$)"
    r"|;"
    r"|\n(?=[^\S\n]*(?:\n|[A-Z(\[•*>-]|\d+[.)]\s))"
)
_ABBREVIATIONS: Final = frozenset(
    {
        *("dr", "mr", "mrs", "ms", "mx", "prof", "st", "jr", "sr", "vs", "approx", "ca"),
        *("e.g", "i.e", "fig", "p.o", "b.i.d", "t.i.d", "q.i.d", "q.d", "p.r.n", "q.h.s"),
        *("i.v", "i.m", "a.m", "p.m", "h.s", "pt", "temp", "resp", "wt", "ht", "y.o"),
    }
)
_WORD_BEFORE: Final = re.compile(r"[A-Za-z][A-Za-z.]*$")
_LONGEST_WORD: Final = 12


def sentences_of(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends, in code points; together they cover the text.

    >>> sentences_of("No fever. Seen by Dr. Ada.")
    [(0, 9), (9, 26)]
    """
    ends = [
        match.end() for match in _END.finditer(text) if not _is_abbreviation(text, match.start())
    ]
    starts = [0, *ends]
    return [
        (start, end) for start, end in zip(starts, [*ends, len(text)], strict=True) if start < end
    ]


def _is_abbreviation(text: str, at: int) -> bool:
    if text[at] != ".":
        return False
    word = _WORD_BEFORE.search(text, max(0, at - _LONGEST_WORD), at)
    if word is None:
        return False
    # A single capital is an initial, unless it is a unit: "38.5 C."
    is_initial = len(word[0]) == 1 and word[0].isupper()
    is_unit = text[max(0, word.start() - 3) : word.start()].rstrip()[-1:].isdigit()
    return word[0].lower() in _ABBREVIATIONS or (is_initial and not is_unit)
