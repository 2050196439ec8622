"""All readings of one text that the detectors should see; a hit in any of them counts."""

from collections.abc import Callable
from typing import Final

from appliance.gate.normalisation import Reading, normalise
from appliance.gate.unwrapping.payloads import UNOPENED, open_payloads
from appliance.gate.unwrapping.rewriting import normalised
from appliance.gate.unwrapping.spelling import join_spaced, read_leet, read_spelled
from appliance.gate.unwrapping.wrappings import open_escapes, take_values

# A payload within a payload within a payload; whoever wraps more often has something to hide.
_MAX_LAYERS: Final = 4


def readings(text: str) -> tuple[Reading, ...]:
    """The plain reading of `text` first, then each other one that says something else.

    An ordinary text has one reading. Further ones are read by what stands in the text alone, so
    the same text always gives the same readings.

    >>> [reading.text for reading in readings("Smith &#65; Q29sbGlucw==")]
    ['Smith &#65; Q29sbGlucw==', 'Smith A Collins']
    """
    plain = normalise(text)
    found = {plain.text: plain}
    reading = _unwrap(plain)
    found.setdefault(reading.text, reading)
    for step in _STEPS:
        reading = step(reading)
        found.setdefault(reading.text, reading)
    return tuple(found.values())


def _unwrap(reading: Reading) -> Reading:
    """Layer after layer is opened; what is still wrapped after the last one is not opened."""
    for _ in range(_MAX_LAYERS):
        inner = normalised(open_payloads(open_escapes(reading)), reading)
        if inner.text == reading.text:
            return reading
        reading = inner
    end = len(reading.text)
    first, last = reading.to_input(0, end) if end else (0, 1)
    return Reading(reading.text + UNOPENED, (*reading.starts, first), (*reading.ends, last))


def _take(reading: Reading) -> Reading:
    return normalised(take_values(reading), reading)


def _join(reading: Reading) -> Reading:
    return normalised(read_spelled(join_spaced(reading)), reading)


_STEPS: Final[tuple[Callable[[Reading], Reading], ...]] = (_take, _join, read_leet)
