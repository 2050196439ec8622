"""Changing a reading without losing the way back to the input."""

import re
from collections.abc import Callable

from appliance.gate.normalisation import Reading, normalise


def replace(
    reading: Reading, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str | None]
) -> Reading:
    """The reading with every match that `change` turns into something else replaced.

    Args:
        reading: What to read anew.
        pattern: What may be replaced.
        change: The new text of a match, or None where the match stays. Every code point of the
            new text leads back to the whole stretch that it stands for.
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(reading.text):
        start, end = match.span()
        new = change(match) if end > start else None
        if new is None or new == match.group():
            continue
        first, last = reading.to_input(start, end)
        pieces += [reading.text[done:start], new]
        starts += reading.starts[done:start] + (first,) * len(new)
        ends += reading.ends[done:start] + (last,) * len(new)
        done = end
    if not pieces:
        return reading
    pieces.append(reading.text[done:])
    starts += reading.starts[done:]
    ends += reading.ends[done:]
    return Reading("".join(pieces), tuple(starts), tuple(ends))


def drop(reading: Reading, pattern: re.Pattern[str]) -> Reading:
    """The reading without the matches; all that stays leads back where it led before."""
    return replace(reading, pattern, lambda _: "")


def normalised(reading: Reading, before: Reading) -> Reading:
    """The plain reading of a reading: what was unwrapped may hold look-alikes of its own.

    Args:
        reading: What to read.
        before: What it was made of, which is plain.
    """
    if reading.text == before.text or (reading.text.isascii() and "\t" not in reading.text):
        return reading
    plain = normalise(reading.text)
    return Reading(
        plain.text,
        tuple(reading.starts[at] for at in plain.starts),
        tuple(reading.ends[at - 1] for at in plain.ends),
    )
