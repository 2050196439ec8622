"""Reading only where an alarm could stand: what makes the dear detectors affordable.

spaCy and the tagger guess, and medical knowledge lifts their alarms on ordinary and medical words.
In a stretch where every such alarm would be lifted there is nothing for them to read. A stretch is
a line, or a sentence of it; one that has anything else is read whole. `explaining.is_explained`
decides, and a property test holds it to `knowledge.find_lift`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from appliance.errors import DetectorFailed
from appliance.gate.detecting import Detector, is_well_formed
from appliance.gate.explaining import is_explained
from appliance.gate.recognizers.words import uses_capitals
from appliance.gate.remembering import Hits, Memory
from appliance.records.verdicts import Hit

# A sentence ends after a word of small letters: "Dr. Smith" and "J. Smith" stay together.
_BREAK: Final = re.compile(r"\n+|(?<=[a-z]{4}[.!?])\s+(?=[A-Z])")
_REMEMBERED: Final = 16_384


class Skimmer:
    """A `Detector` that shows another one only the stretches where an alarm could stand.

    Stretches read before are remembered: prompts of one task share most of their lines.

    Args:
        detector: One that guesses; its answer for a stretch must not depend on what it read before.
        guesses_numbers: Whether it guesses numbers as well as names and places.
    """

    def __init__(self, detector: Detector, *, guesses_numbers: bool) -> None:
        self._detector = detector
        self._guesses_numbers = guesses_numbers
        self._memory = Memory(_REMEMBERED)
        self.name = detector.name

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """The hits of each text, in order; offsets in code points of that text."""
        parts = [list(self._telling(text)) for text in texts]
        found = self._read(stretch for stretches in parts for _, stretch in stretches)
        return [
            [_shift(hit, start) for start, stretch in stretches for hit in found[stretch]]
            for stretches in parts
        ]

    def _telling(self, text: str) -> Iterator[tuple[int, str]]:
        has_capitals = uses_capitals(text)
        for start, stretch in split_stretches(text):
            if not is_explained(
                stretch, has_capitals=has_capitals, with_numbers=self._guesses_numbers
            ):
                yield start, stretch

    def _read(self, stretches: Iterable[str]) -> dict[str, Hits]:
        digests = {stretch: self._memory.digest(stretch) for stretch in stretches}
        known = {stretch: self._memory.find(digest) for stretch, digest in digests.items()}
        fresh = [stretch for stretch, hits in known.items() if hits is None]
        answers = self._detector.detect(fresh) if fresh else []
        for stretch, hits in zip(fresh, answers, strict=True):
            # Moved into the text, a hit that left its stretch would look like any other.
            if not all(is_well_formed(hit, len(stretch)) for hit in hits):
                raise DetectorFailed(f"The detector {self.name} answered garbage.")
            known[stretch] = tuple(hits)
            self._memory.keep(digests[stretch], tuple(hits))
        return {stretch: hits for stretch, hits in known.items() if hits is not None}


def split_stretches(text: str) -> Iterator[tuple[int, str]]:
    r"""(first code point, stretch) of each stretch with anything in it; no blanks at its ends.

    >>> list(split_stretches("Seen by Dr. Smith today. Well.\n\nPlan: none"))
    [(0, 'Seen by Dr. Smith today.'), (25, 'Well.'), (32, 'Plan: none')]
    """
    start = 0
    for match in _BREAK.finditer(text):
        yield from _strip(text, start, match.start())
        start = match.end()
    yield from _strip(text, start, len(text))


def _strip(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    stretch = text[start:end]
    bare = stretch.strip()
    if bare:
        yield start + stretch.index(bare), bare


def _shift(hit: Hit, start: int) -> Hit:
    return Hit(hit.start + start, hit.end + start, hit.entity, hit.score, hit.detector)
