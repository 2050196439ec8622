"""From names that somebody wrote down to spans of the text they were read in."""

import re
from collections.abc import Sequence

from appliance.records.spans import Span


def find_names(text: str, names: Sequence[tuple[str, str]]) -> tuple[Span, ...]:
    """Every place where a name stands as whole words, in whatever case.

    Args:
        text: The text.
        names: Pairs of name and label. Where two overlap, the longer wins, then the earlier.

    Returns:
        Sorted spans, none overlapping.

    >>> find_names("Asthma, not asthmatic.", [("asthma", "Disease")])
    (Span(start=0, end=6, label='Disease'),)
    """
    taken: list[Span] = []
    for name, label in sorted(names, key=lambda named: -len(named[0])):
        pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
        for found in re.finditer(pattern, text, re.IGNORECASE) if name else ():
            span = Span(found.start(), found.end(), label)
            if not any(span.overlaps(other) for other in taken):
                taken.append(span)
    return tuple(sorted(taken))
